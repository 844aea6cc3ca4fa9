"""MLServer's model: FP32 (n, 784) in, FP32 (n, 10) out."""

import mlserver
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from tests.benchmarks.comparison.servers.bare import Model


class Mnist(mlserver.MLModel):
    async def load(self) -> bool:
        self.model = Model()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        pixels = NumpyCodec.decode_input(payload.inputs[0])
        output = NumpyCodec.encode_output("probabilities", self.model.probabilities(pixels))
        return InferenceResponse(model_name=self.name, outputs=[output])
