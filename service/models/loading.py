"""One version of the model: the choice of its runtime, loaded, tried and warm."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from service.errors import ModelError
from service.models import known_digits, models_folder, saved_model, store
from service.models.runtimes import COMPILATION, LiteRT, Runtime, Signature, TensorFlow
from service.models.store import CARD, REPORT, Card
from service.settings import Settings

# Float32 sums of ten probabilities are within 1e-6 of 1; SavedModels from elsewhere may have been quantized.
TOLERANCE = 1e-2

Result = TypeVar("Result")


@dataclass(frozen=True)
class Model:
    """One version, loaded and warm."""

    version: int
    runtime: Runtime
    threshold: float  # an answer of a lower confidence is uncertain
    report: bytes | None  # how it was fitted and how well it reads, as a page of HTML
    logits: bool = False  # the runtime's answers are logits
    finder: str = ""  # the checksum of the finder that it was measured with, if its card says it
    fault: str = ""  # how it misreads the known digits

    @property
    def white(self) -> float:
        """Tell which number white is to the model; black is 0."""
        return self.runtime.white

    @property
    def signature(self) -> Signature:
        """Describe the model's input and output."""
        return self.runtime.signature

    def predict(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the probabilities float32 (n, 10) of vectors float32 (n, 784) in [0, 1]."""
        answers = self.runtime.predict(batch)
        return softmax(answers) if self.logits else answers


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn logits float32 (n, 10) into probabilities."""
    powers: NDArray[np.float32] = np.exp(logits - logits.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def candidates(settings: Settings) -> list[Path]:
    """List the folders of the versions under `settings.models`, as they are wanted for the default.

    Raises:
        ModelError: the file of labels is damaged.

    """
    folder = models_folder.versions_folder(settings)
    present = store.find(folder)
    return [present[number] for number in store.read_choice(folder).order(present)]


def load_default(settings: Settings) -> Model:
    """Load the first of the `candidates` that reads the known digits, or else the first that can be served.

    Raises:
        ModelError: there is none, or none can be served; it says why the first can't.

    """
    loaded = _successes(settings, lambda version: load(version, settings))
    first = next(loaded)
    return next((model for model in chain([first], loaded) if not model.fault), first)


def check_default(settings: Settings) -> None:
    """See, without loading any, that a version is intact and its runtime there.

    Raises:
        ModelError: there is none, or none is so; it says what is wrong with the first.

    """
    next(_successes(settings, lambda version: choose_runtime(version, store.verify(version), settings.runtime)))


def _successes(settings: Settings, attempt: Callable[[Path], Result]) -> Iterator[Result]:
    """Give the results of the attempts on `candidates` that succeed; or raise the error of the first."""
    errors, is_any = [], False
    for folder in candidates(settings):
        try:
            result = attempt(folder)
        except ModelError as error:
            errors.append(error)
        else:
            is_any = True
            yield result
    if not is_any:
        raise errors[0] if errors else ModelError(models_folder.why_empty(settings.models))


def load(version: Path, settings: Settings) -> Model:
    """Verify a version, load it with the runtime that the settings ask for, try it and so warm it up.

    Raises:
        ModelError: it is damaged, or can't be read, or not by that runtime, or is no model of digits.

    """
    card, has_card = store.verify(version), (version / CARD).exists()
    white = card.input.scale if has_card else settings.input_scale
    runtime = _open(version, card, settings.runtime, white, threads=1)  # requests run beside each other already
    logits = settings.outputs == "logits" and not has_card
    model = Model(int(version.name), runtime, card.calibration.threshold, _read_report(version), logits, card.finder)
    _try(model, version)
    return replace(model, fault=known_digits.find_fault(model.predict, white))


def open_runtime(version: Path, wanted: str = "auto") -> Runtime:
    """Load a version into the runtime that `choose_runtime` chooses, whatever there is of its report.

    Raises:
        ModelError: as `choose_runtime` does; or the version is damaged or can't be read.

    """
    card = store.verify(version, with_report=False)
    return _open(version, card, wanted, card.input.scale)


def _open(version: Path, card: Card, wanted: str, white: float, threads: int = 0) -> Runtime:
    if choose_runtime(version, card, wanted) == "litert":
        return LiteRT(version, white)
    return TensorFlow(version, white, threads)


def choose_runtime(version: Path, card: Card, wanted: str) -> str:
    """Choose `litert` where the version's card records a compilation of its SavedModel, if `wanted` is `auto`.

    Raises:
        ModelError: there is no such compilation where LiteRT is wanted; or, where TensorFlow is needed, it is not
            installed, or the version is no SavedModel.

    """
    compiled = {"saved_model.pb", COMPILATION.as_posix()} <= card.files.keys()
    if wanted == "litert" and not compiled:
        raise ModelError(f"LiteRT can't serve {version}: it has no compilation that belongs to its SavedModel.")
    if wanted == "litert" or (wanted == "auto" and compiled):
        return "litert"
    saved_model.check(version)
    if find_spec("tensorflow") is None:
        raise ModelError(f"{version} needs TensorFlow: pip install 'mnist-service[tensorflow]'.")
    return "tensorflow"


def _try(model: Model, version: Path) -> None:
    """See that a model answers pictures with probabilities; a first call is slow on any runtime."""
    digits, _ = known_digits.load()
    for batch in (digits[:2], digits[:1]):
        try:
            answers = model.predict(batch)
        except Exception as error:  # TensorFlow raises nearly anything
            raise ModelError(f"{version} can't predict: {saved_model.first_line(error)}.") from error
        if problem := _problem(answers, (len(batch), 10)):
            raise ModelError(f"{version} can't be served: {problem}.")


def _problem(answers: NDArray[np.float32], shape: tuple[int, int]) -> str:
    if answers.shape != shape:
        return f"it answers pictures {shape[0]} x 784 with numbers of the shape {answers.shape}, not {shape}"
    if not np.isfinite(answers).all():
        return "its answers are not all numbers"
    if answers.min() < -TOLERANCE or np.abs(answers.sum(axis=1) - 1).max() > TOLERANCE:
        return "its answers are no probabilities (where they are logits, set MNIST_OUTPUTS to logits)"
    return ""


def _read_report(version: Path) -> bytes | None:
    """Read a version's report, now: the folder may be another's by the time that someone asks for it."""
    try:
        return (version / REPORT).read_bytes()
    except OSError:
        return None
