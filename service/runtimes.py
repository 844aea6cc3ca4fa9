"""What runs a model: a SavedModel under TensorFlow, or its compilation under LiteRT.

Both take float32 (n, 784) in [0, 1] and give the probabilities of the ten digits, float32 (n, 10).
"""

import threading
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from service.errors import ModelError

SIGNATURE = "serving_default"
COMPILATION = Path("assets.extra/model.tflite")


class Runtime(Protocol):
    """A loaded model. It may be called from several threads at once."""

    name: str

    def predict(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the probabilities float32 (n, 10) of vectors float32 (n, 784)."""
        ...


class LiteRT:
    """A version's compilation, run by LiteRT on one thread."""

    name = "litert"

    def __init__(self, version: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        try:
            self._interpreter = Interpreter(str(version / COMPILATION), num_threads=1)
        except ValueError as error:
            raise ModelError(f"LiteRT can't read {version / COMPILATION}: {error}.") from error
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self._size = 0
        self._lock = threading.Lock()

    def predict(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the probabilities float32 (n, 10) of vectors float32 (n, 784)."""
        with self._lock:
            if len(batch) != self._size:
                self._interpreter.resize_tensor_input(self._input, batch.shape)
                self._interpreter.allocate_tensors()
                self._size = len(batch)
            self._interpreter.set_tensor(self._input, batch)
            self._interpreter.invoke()
            probabilities: NDArray[np.float32] = self._interpreter.get_tensor(self._output)
        return probabilities


class TensorFlow:
    """A SavedModel's signature `serving_default`, run by TensorFlow."""

    name = "tensorflow"

    def __init__(self, version: Path) -> None:
        import tensorflow as tf

        try:
            self._model = tf.saved_model.load(str(version))  # the signature alone doesn't keep its variables
            self._signature = self._model.signatures[SIGNATURE]
        except Exception as error:  # TensorFlow raises nearly anything for a damaged file
            raise ModelError(f"TensorFlow finds no signature {SIGNATURE} in {version}: {error}.") from error
        self._constant = tf.constant
        self._input = next(iter(self._signature.structured_input_signature[1]))
        self._output = next(iter(self._signature.structured_outputs))

    def predict(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the probabilities float32 (n, 10) of vectors float32 (n, 784)."""
        outputs = self._signature(**{self._input: self._constant(batch)})
        probabilities: NDArray[np.float32] = outputs[self._output].numpy()
        return probabilities
