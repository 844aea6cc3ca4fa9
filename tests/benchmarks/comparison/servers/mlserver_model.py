"""MLServer's model: FP32 or UINT8 (n, 784) in, FP32 (n, 10) out."""

import mlserver
import numpy as np
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from tests.benchmarks.comparison.servers.bare import Model, scale


class Mnist(mlserver.MLModel):
    async def load(self) -> bool:
        self.model = Model()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        pixels = NumpyCodec.decode_input(payload.inputs[0])
        if pixels.dtype == np.uint8:
            pixels = scale(pixels)
        output = NumpyCodec.encode_output("probabilities", self.model.probabilities(pixels))
        return InferenceResponse(model_name=self.name, outputs=[output])
