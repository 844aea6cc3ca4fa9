"""What runs a model: a SavedModel under TensorFlow, or its compilation under LiteRT.

Both take float32 (n, 784) in [0, 1], bring it to the scale of the model, and give the probabilities of the ten digits,
float32 (n, 10).
"""

import math
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from service.errors import ModelError
from service.models import saved_model

SIGNATURE = "serving_default"
COMPILATION = Path("assets.extra/model.tflite")
SHAPES = ((784,), (28, 28), (28, 28, 1))  # that a model may take its pictures in

# Pictures that are computed at once: the layers of more don't stay in the processor's cache, which costs a tenth of the
# time in LiteRT and a third in TensorFlow; and it bounds the memory. LiteRT is as fast by 16 (77 us each; 78 by 64),
# and keeps the memory of the largest piece: 1.4 MB by 16, 4.3 MB by 64.
PIECE = 64
LITERT_PIECE = 16

Batch = NDArray[np.float32]


@dataclass(frozen=True)
class Signature:
    """The names of a model's input and output, and the shape that it takes each picture in, one of `SHAPES`."""

    input: str
    shape: tuple[int, ...]
    output: str


class Runtime(Protocol):
    """A loaded model. It may be called from several threads at once."""

    name: str
    signature: Signature
    white: float  # what it is to the model

    def predict(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the probabilities float32 (n, 10) of vectors float32 (n, 784)."""
        ...


class LiteRT:
    """A version's compilation, run by LiteRT on one thread."""

    name = "litert"

    def __init__(self, version: Path, white: float = 1) -> None:
        """Load a version's compilation.

        Args:
            version: its folder.
            white: the number that white is to the model.

        Raises:
            ModelError: LiteRT can't read it.

        """
        from ai_edge_litert.interpreter import Interpreter

        try:
            # Read into memory: a file that is mapped and then cut short would kill the process.
            content = (version / COMPILATION).read_bytes()
            self._interpreter = Interpreter(model_content=content, num_threads=1)
            names = self._interpreter.get_signature_list()[SIGNATURE]
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(f"LiteRT can't read {version / COMPILATION}: {error}.") from error
        (input_,), (output,) = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        self.signature = Signature(names["inputs"][0], tuple(input_["shape"][1:].tolist()), names["outputs"][0])
        self._input, self._output = input_["index"], output["index"]
        self.white = white
        self._size = 0
        self._lock = threading.Lock()

    def predict(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the probabilities float32 (n, 10) of vectors float32 (n, 784)."""
        return _by_pieces(self._predict, batch, LITERT_PIECE)

    def _predict(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        with self._lock:
            if len(batch) != self._size:
                self._interpreter.resize_tensor_input(self._input, (len(batch), *self.signature.shape))
                self._interpreter.allocate_tensors()
                self._size = len(batch)
            pixels = batch if self.white == 1 else batch * np.float32(self.white)
            self._interpreter.set_tensor(self._input, pixels.reshape(-1, *self.signature.shape))
            self._interpreter.invoke()
            probabilities: NDArray[np.float32] = self._interpreter.get_tensor(self._output)
        return probabilities


class TensorFlow:
    """A SavedModel's signature `serving_default`, run by TensorFlow."""

    name = "tensorflow"

    def __init__(self, version: Path, white: float = 1, threads: int = 0) -> None:
        """Load a version.

        Args:
            version: its folder.
            white: the number that white is to the model.
            threads: those that TensorFlow has in this process, by what is asked for before it computes anything; at 0,
                as many as there are cores.

        Raises:
            ModelError: TensorFlow can't read it, or it is no model of digits.

        """
        import tensorflow as tf

        with suppress(RuntimeError):  # it has its threads already
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        try:
            self._model = tf.saved_model.load(str(version))  # the signature alone doesn't keep its variables
        except Exception as error:  # TensorFlow raises nearly anything for a damaged file
            raise ModelError(saved_model.why_unreadable(version, error)) from error
        function = _find_signature(self._model, version)
        self._constant = tf.constant
        try:
            self.signature = _describe(function)
        except ValueError as error:
            raise ModelError(f"{version} is no model of digits: {error}.") from error
        self.white = white
        # Of a tensor float32 (n, *signature.shape) in [0, 1], which can be derived by.
        self.function = _of_a_tensor(function, self.signature, white)

    def predict(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the probabilities float32 (n, 10) of vectors float32 (n, 784)."""
        return _by_pieces(self._predict, batch, PIECE)

    def _predict(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        pictures = self._constant(batch.reshape(-1, *self.signature.shape))
        probabilities: NDArray[np.float32] = self.function(pictures).numpy()
        return probabilities


def _by_pieces(predict: Callable[[Batch], Batch], batch: Batch, most: int) -> Batch:
    """Predict a batch by equal pieces, of no more than so many pictures."""
    if len(batch) <= most:
        return predict(batch)
    return np.concatenate([predict(piece) for piece in np.array_split(batch, math.ceil(len(batch) / most))])


def _find_signature(model: Any, version: Path) -> Any:
    """Return a SavedModel's function `serving_default`.

    Raises:
        ModelError: it has none.

    """
    if SIGNATURE not in model.signatures:
        names = ", ".join(model.signatures) or "none at all"
        raise ModelError(f"{version} has no signature {SIGNATURE}, but {names}: model.export of Keras writes one.")
    return model.signatures[SIGNATURE]


def _describe(function: Any) -> Signature:
    """Describe a SavedModel's function, whatever its tensors are called.

    Raises:
        ValueError: it doesn't take float32 (n, 784), (n, 28, 28) or (n, 28, 28, 1) alone, or gives no floats (n, 10).

    """
    inputs, outputs = function.structured_input_signature[1], function.structured_outputs
    shapes = {name: (spec.dtype.name, spec.shape.rank and spec.shape.as_list()) for name, spec in inputs.items()}
    ((name, (dtype, shape)), *others) = shapes.items()
    if others or dtype != "float32" or shape not in [[None, *each] for each in SHAPES]:
        raise ValueError(f"it takes {shapes}, not float32 (n, 784), (n, 28, 28) or (n, 28, 28, 1)")
    fitting = [key for key, spec in outputs.items() if spec.shape.rank is None or spec.shape.as_list()[1:] == [10]]
    if len(fitting) != 1 and "probabilities" not in fitting:
        raise ValueError(f"of its outputs, {', '.join(outputs)}, one alone must be (n, 10), or be called probabilities")
    output = "probabilities" if "probabilities" in fitting else fitting[0]
    if not outputs[output].dtype.is_floating:
        raise ValueError(f"its output {output} is of {outputs[output].dtype.name}, not of floating-point numbers")
    return Signature(name, tuple(shape[1:]), output)


def _of_a_tensor(function: Any, signature: Signature, white: float) -> Callable[[Any], Any]:
    """Make a SavedModel's function one of a tensor alone, which is called in four fifths of the time."""
    import tensorflow as tf

    def call(pictures: Any) -> Any:
        pixels = pictures if white == 1 else pictures * white
        return tf.cast(function(**{signature.input: pixels})[signature.output], tf.float32)  # from float16, too

    spec = tf.TensorSpec([None, *signature.shape], tf.float32)
    compiled: Callable[[Any], Any] = tf.function(call, autograph=False).get_concrete_function(spec)
    return compiled
