"""The runtimes of a model: TensorFlow runs its SavedModel, LiteRT runs its LiteRT model.

Both scale vectors float32 (n, 784) in [0, 1] to the input of the model, and return its output, float32 (n, 10): the
probabilities of the ten digits, or logits.
"""

import math
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from service.errors import ModelError
from service.models import saved_model
from service.preparation.types import Floats

SIGNATURE = "serving_default"
LITERT_MODEL = Path("assets.extra/model.tflite")
INPUT_SHAPES = ((784,), (28, 28), (28, 28, 1))  # of one image, that a model may have

# Images per call. With more, the layers do not stay in the processor's cache, which costs a tenth of the time in LiteRT
# and a third in TensorFlow; the limit also bounds the memory. LiteRT is as fast with 16 (77 us an image; 78 with 64),
# and keeps the memory of its largest chunk: 1.4 MB with 16, 4.3 MB with 64.
TENSORFLOW_MAX_CHUNK = 64
LITERT_MAX_CHUNK = 16

Predict = Callable[[Floats], Floats]  # from vectors (n, 784) to probabilities (n, 10)


@dataclass(frozen=True)
class Signature:
    """The names of a model's input and output, and the shape of one image in the input, one of `INPUT_SHAPES`."""

    input: str
    shape: tuple[int, ...]
    output: str


class Runtime(Protocol):
    """A loaded model. Several threads may call it at once."""

    name: str
    signature: Signature
    white: float  # the value of a white pixel in the model's input

    def predict(self, batch: Floats) -> Floats:
        """Return the probabilities float32 (n, 10) of vectors float32 (n, 784)."""
        ...


class LiteRT:
    """A version's LiteRT model, run on one thread."""

    name = "litert"

    def __init__(self, version: Path, white: float = 1) -> None:
        """Load the LiteRT model of a version.

        Args:
            version: the folder of the version.
            white: the value of a white pixel in the model's input.

        Raises:
            ModelError: LiteRT can't read the model.

        """
        from ai_edge_litert.interpreter import Interpreter

        try:
            # Read into memory: if a mapped file is truncated later, the process is killed.
            content = (version / LITERT_MODEL).read_bytes()
            self._interpreter = Interpreter(model_content=content, num_threads=1)
            names = self._interpreter.get_signature_list()[SIGNATURE]
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(f"LiteRT can't read {version / LITERT_MODEL}: {error}.") from error
        (input_,), (output,) = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        self.signature = Signature(names["inputs"][0], tuple(input_["shape"][1:].tolist()), names["outputs"][0])
        self._input, self._output = input_["index"], output["index"]
        self.white = white
        self._batch_size = 0
        self._lock = threading.Lock()

    def predict(self, batch: Floats) -> Floats:
        """Return the probabilities float32 (n, 10) of vectors float32 (n, 784)."""
        return _predict_in_chunks(self._predict, batch, LITERT_MAX_CHUNK)

    def _predict(self, batch: Floats) -> Floats:
        with self._lock:
            if len(batch) != self._batch_size:
                self._interpreter.resize_tensor_input(self._input, (len(batch), *self.signature.shape))
                self._interpreter.allocate_tensors()
                self._batch_size = len(batch)
            pixels = batch if self.white == 1 else batch * np.float32(self.white)
            self._interpreter.set_tensor(self._input, pixels.reshape(-1, *self.signature.shape))
            self._interpreter.invoke()
            probabilities: Floats = self._interpreter.get_tensor(self._output)
        return probabilities


class TensorFlow:
    """A SavedModel's signature `serving_default`, run by TensorFlow."""

    name = "tensorflow"

    def __init__(self, version: Path, white: float = 1, threads: int = 0) -> None:
        """Load the SavedModel of a version.

        Args:
            version: the folder of the version.
            white: the value of a white pixel in the model's input.
            threads: the number of TensorFlow's threads in this process, which is fixed once TensorFlow has computed
                something; 0 means one for each core.

        Raises:
            ModelError: TensorFlow can't read the SavedModel, or it is not a model of digits.

        """
        import tensorflow as tf

        with suppress(RuntimeError):  # TensorFlow has started its threads
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        try:
            self._model = tf.saved_model.load(str(version))  # the signature alone doesn't keep the variables alive
        except Exception as error:  # TensorFlow raises errors of many types for a damaged file
            raise ModelError(saved_model.explain_unreadable(version, error)) from error
        function = _find_signature(self._model, version)
        self._constant = tf.constant
        try:
            self.signature = _read_signature(function)
        except ValueError as error:
            raise ModelError(f"{version} is no model of digits: {error}.") from error
        self.white = white
        # From a tensor float32 (n, *signature.shape) in [0, 1] to the outputs; gradients flow through it.
        self.function = _make_tensor_function(function, self.signature, white)

    def predict(self, batch: Floats) -> Floats:
        """Return the probabilities float32 (n, 10) of vectors float32 (n, 784)."""
        return _predict_in_chunks(self._predict, batch, TENSORFLOW_MAX_CHUNK)

    def _predict(self, batch: Floats) -> Floats:
        images = self._constant(batch.reshape(-1, *self.signature.shape))
        probabilities: Floats = self.function(images).numpy()
        return probabilities


def _predict_in_chunks(predict: Predict, batch: Floats, max_chunk: int) -> Floats:
    """Return the outputs for a batch, computed in chunks of about equal size, each of at most `max_chunk` images."""
    if len(batch) <= max_chunk:
        return predict(batch)
    return np.concatenate([predict(chunk) for chunk in np.array_split(batch, math.ceil(len(batch) / max_chunk))])


def _find_signature(model: Any, version: Path) -> Any:
    """Return a SavedModel's function `serving_default`.

    Raises:
        ModelError: the SavedModel has no such function.

    """
    if SIGNATURE not in model.signatures:
        names = ", ".join(model.signatures) or "none at all"
        raise ModelError(f"{version} has no signature {SIGNATURE}, but {names}: model.export of Keras writes one.")
    return model.signatures[SIGNATURE]


def _read_signature(function: Any) -> Signature:
    """Return the signature of a SavedModel's function. Its tensors may have any names.

    Raises:
        ValueError: the input or the output has the wrong shape or dtype.

    """
    name, shape = _read_input(function.structured_input_signature[1])
    return Signature(name, shape, _find_output(function.structured_outputs))


def _read_input(inputs: Mapping[str, Any]) -> tuple[str, tuple[int, ...]]:
    """Return the name of a function's only input, and the shape of one image in it.

    Raises:
        ValueError: the input is not float32 (n, 784), (n, 28, 28) or (n, 28, 28, 1), or there are several.

    """
    types = {name: (spec.dtype.name, spec.shape.rank and spec.shape.as_list()) for name, spec in inputs.items()}
    ((name, (dtype, shape)), *rest) = types.items()
    if rest or dtype != "float32" or shape not in [[None, *input_shape] for input_shape in INPUT_SHAPES]:
        raise ValueError(f"it takes {types}, not float32 (n, 784), (n, 28, 28) or (n, 28, 28, 1)")
    return name, tuple(shape[1:])


def _find_output(outputs: Mapping[str, Any]) -> str:
    """Return the name of the output that has the probabilities or logits.

    Raises:
        ValueError: no single output is floats (n, 10), and none is called `probabilities`.

    """
    names = [name for name, spec in outputs.items() if spec.shape.rank is None or spec.shape.as_list()[1:] == [10]]
    if len(names) != 1 and "probabilities" not in names:
        raise ValueError(f"of its outputs, {', '.join(outputs)}, one alone must be (n, 10), or be called probabilities")
    output = "probabilities" if "probabilities" in names else names[0]
    if not outputs[output].dtype.is_floating:
        raise ValueError(f"its output {output} is of {outputs[output].dtype.name}, not of floating-point numbers")
    return output


def _make_tensor_function(function: Any, signature: Signature, white: float) -> Callable[[Any], Any]:
    """Wrap a SavedModel's function as a function of one tensor, which takes four fifths of the time of a call."""
    import tensorflow as tf

    def call(images: Any) -> Any:
        pixels = images if white == 1 else images * white
        return tf.cast(function(**{signature.input: pixels})[signature.output], tf.float32)  # from float16, too

    spec = tf.TensorSpec([None, *signature.shape], tf.float32)
    concrete: Callable[[Any], Any] = tf.function(call, autograph=False).get_concrete_function(spec)
    return concrete
