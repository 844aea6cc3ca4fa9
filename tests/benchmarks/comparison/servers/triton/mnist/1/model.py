"""Triton's model, for its Python backend: FP32 or UINT8 (1, 784) in, FP32 (1, 10) out."""

from typing import Any

import numpy as np
import triton_python_backend_utils as triton

from tests.benchmarks.comparison.servers.bare import Model


class TritonPythonModel:
    def initialize(self, _: dict[str, str]) -> None:
        self.model = Model()

    def execute(self, requests: list[Any]) -> list[Any]:
        return [self.answer(triton.get_input_tensor_by_name(request, "image").as_numpy()) for request in requests]

    def answer(self, pixels: Any) -> Any:
        if pixels.dtype == np.uint8:
            pixels = pixels / np.float32(255)
        return triton.InferenceResponse([triton.Tensor("probabilities", self.model.probabilities(pixels))])
