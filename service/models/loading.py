"""Load one version of the model: choose its runtime, load it, check its outputs and warm it up."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np

from service.errors import ModelError
from service.models import known_digits, models_folder, saved_model, store
from service.models.runtimes import LITERT_MODEL, LiteRT, Runtime, Signature, TensorFlow
from service.models.store import CARD, REPORT, ModelCard
from service.preparation.types import Floats
from service.settings import Settings

# Float32 sums of ten probabilities are within 1e-6 of 1, but a SavedModel from elsewhere may be quantized.
MAX_PROBABILITY_ERROR = 1e-2

Result = TypeVar("Result")


@dataclass(frozen=True)
class Model:
    """A version that is loaded and warm."""

    version: int
    runtime: Runtime
    threshold: float  # an answer with a lower confidence is uncertain
    report: bytes | None  # the HTML page about the fit and the metrics
    logits: bool = False  # whether the runtime returns logits
    finder: str = ""  # the SHA-256 of the finder used to measure the version, if its card records it
    fault: str = ""  # how the version misreads the known digits, if it does

    @property
    def white(self) -> float:
        """The value of a white pixel in the model's input; black is 0."""
        return self.runtime.white

    @property
    def signature(self) -> Signature:
        """The names and shapes of the model's input and output."""
        return self.runtime.signature

    def predict(self, batch: Floats) -> Floats:
        """Return the probabilities float32 (n, 10) of vectors float32 (n, 784) in [0, 1]."""
        outputs = self.runtime.predict(batch)
        return softmax(outputs) if self.logits else outputs


def softmax(logits: Floats) -> Floats:
    """Return the probabilities of logits float32 (n, 10)."""
    powers: Floats = np.exp(logits - logits.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def rank_versions(settings: Settings) -> list[Path]:
    """Return the folders of the versions under `settings.models`, the first choice for the default first.

    Raises:
        ModelError: the file of labels is damaged.

    """
    folder = models_folder.versions_folder(settings)
    versions = store.find_versions(folder)
    return [versions[number] for number in store.read_policy(folder).order(versions)]


def load_default(settings: Settings) -> Model:
    """Load the first version of `rank_versions` that reads the known digits, or else the first that can be served.

    Raises:
        ModelError: there is no version, or none can be served. The message is about the first version.

    """
    models = _find_successes(settings, lambda version: load(version, settings))
    first = next(models)
    return next((model for model in chain([first], models) if not model.fault), first)


def check_default(settings: Settings) -> None:
    """Check that there is an intact version whose runtime is installed, without loading it.

    Raises:
        ModelError: there is no such version. The message is about the first version.

    """
    next(_find_successes(settings, lambda version: choose_runtime(version, store.verify(version), settings.runtime)))


def _find_successes(settings: Settings, attempt: Callable[[Path], Result]) -> Iterator[Result]:
    """Yield the result for each version that an attempt succeeds with, in the order of `rank_versions`.

    Raises:
        ModelError: there is no version, or all attempts failed. It is the error of the first attempt.

    """
    errors, is_any = [], False
    for folder in rank_versions(settings):
        try:
            result = attempt(folder)
        except ModelError as error:
            errors.append(error)
        else:
            is_any = True
            yield result
    if not is_any:
        raise errors[0] if errors else ModelError(models_folder.explain_empty(settings.models))


def load(version: Path, settings: Settings) -> Model:
    """Verify a version, load it with the runtime of the settings, and check its outputs, which warms it up.

    Raises:
        ModelError: the version is damaged, unreadable or not a model of digits, or its runtime can't load it.

    """
    card, has_card = store.verify(version), (version / CARD).exists()
    white = card.input.scale if has_card else settings.input_scale
    runtime = _open(version, card, settings.runtime, white, threads=1)  # requests already run in parallel
    logits = settings.outputs == "logits" and not has_card
    model = Model(int(version.name), runtime, card.calibration.threshold, _read_report(version), logits, card.finder)
    _check_predictions(model, version)
    return replace(model, fault=known_digits.find_fault(model.predict, white))


def load_runtime(version: Path, runtime: str = "auto") -> Runtime:
    """Load a version into the runtime that `choose_runtime` chooses. The report is not verified.

    Raises:
        ModelError: the version is damaged or unreadable, or `choose_runtime` raises it.

    """
    card = store.verify(version, with_report=False)
    return _open(version, card, runtime, card.input.scale)


def _open(version: Path, card: ModelCard, runtime: str, white: float, threads: int = 0) -> Runtime:
    if choose_runtime(version, card, runtime) == "litert":
        return LiteRT(version, white)
    return TensorFlow(version, white, threads)


def choose_runtime(version: Path, card: ModelCard, runtime: str) -> str:
    """Return `litert` or `tensorflow`. For `auto` it is `litert` if the version's card records a LiteRT model.

    Raises:
        ModelError: `runtime` is `litert` and the card records no LiteRT model; or TensorFlow is needed and not
            installed; or TensorFlow is needed and the version is not a SavedModel.

    """
    has_litert_model = {saved_model.GRAPH, LITERT_MODEL.as_posix()} <= card.files.keys()
    if runtime == "litert" and not has_litert_model:
        raise ModelError(f"LiteRT can't serve {version}: it has no LiteRT model that belongs to its SavedModel.")
    if runtime == "litert" or (runtime == "auto" and has_litert_model):
        return "litert"
    saved_model.check(version)
    if find_spec("tensorflow") is None:
        raise ModelError(f"{version} needs TensorFlow: pip install 'mnist-service[tensorflow]'.")
    return "tensorflow"


def _check_predictions(model: Model, version: Path) -> None:
    """Check that a model returns probabilities. The calls also warm up the runtime, whose first call is slow."""
    digits, _ = known_digits.load()
    for batch in (digits[:2], digits[:1]):
        try:
            outputs = model.predict(batch)
        except Exception as error:  # TensorFlow raises errors of many types
            raise ModelError(f"{version} can't predict: {saved_model.first_line(error)}.") from error
        if problem := _find_problem(outputs, (len(batch), 10)):
            raise ModelError(f"{version} can't be served: {problem}.")


def _find_problem(outputs: Floats, shape: tuple[int, int]) -> str:
    if outputs.shape != shape:
        return f"for {shape[0]} images it returns numbers of the shape {outputs.shape}, not {shape}"
    if not np.isfinite(outputs).all():
        return "its answers are not all numbers"
    if outputs.min() < -MAX_PROBABILITY_ERROR or np.abs(outputs.sum(axis=1) - 1).max() > MAX_PROBABILITY_ERROR:
        return "its answers are no probabilities (where they are logits, set MNIST_OUTPUTS to logits)"
    return ""


def _read_report(version: Path) -> bytes | None:
    """Read a version's report at once: a client may ask for it after the folder was replaced."""
    try:
        return (version / REPORT).read_bytes()
    except OSError:
        return None
