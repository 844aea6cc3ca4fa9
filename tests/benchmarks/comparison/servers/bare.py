"""The model and the decoder of all servers: the service's LiteRT model, and Pillow, without checks."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from PIL import Image

VERSIONS = Path(__file__).parents[4] / "service" / "bundled_models" / "mnist"


def newest() -> Path:
    """Return the folder of the highest version."""
    return max(VERSIONS.iterdir(), key=lambda folder: int(folder.name))


class Model:
    """The highest version, on one thread, sized to a number of images."""

    def __init__(self, images: int = 1) -> None:
        self._interpreter = Interpreter(str(newest() / "assets.extra" / "model.tflite"), num_threads=1)
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self._interpreter.resize_tensor_input(self._input, (images, 784))
        self._interpreter.allocate_tensors()

    def probabilities(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (n, 10) for float32 (n, 784)."""
        self._interpreter.set_tensor(self._input, pixels)
        self._interpreter.invoke()
        result: NDArray[np.float32] = self._interpreter.get_tensor(self._output)
        return result

    def answer(self, pixels: NDArray[np.float32]) -> dict[str, Any]:
        """Return the service's response of /predict for float32 (1, 784)."""
        (probabilities,) = self.probabilities(pixels).tolist()
        confidence = max(probabilities)
        return {"digit": probabilities.index(confidence), "confidence": confidence, "probabilities": probabilities}


def decode(file: bytes) -> NDArray[np.float32]:
    """Return float32 (1, 784) in [0, 1] for an image file of 28x28."""
    return scale(Image.open(io.BytesIO(file)))


def scale(image: Image.Image | NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return float32 (1, 784) in [0, 1] for a gray image of 28x28, or its pixels."""
    return (np.asarray(image, np.float32) / np.float32(255)).reshape(1, 784)
