"""The versions of the model on disk: find the highest, choose its runtime, load it and warm it up."""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from service.errors import ModelError
from service.runtimes import COMPILATION, LiteRT, Runtime, TensorFlow
from service.settings import DEFAULT_MODELS, Settings

NAME = "mnist"
CARD = Path("assets.extra/model.json")
REPORT = Path("assets.extra/report/index.html")


class Calibration(msgspec.Struct, frozen=True):
    """How sure an answer must be, as measured on images held out from the fit."""

    threshold: Annotated[float, Meta(ge=0, le=1)]  # an answer of a lower confidence is uncertain


class Card(msgspec.Struct, frozen=True):
    """What the service reads of a version's model card, assets.extra/model.json."""

    files: dict[str, str] = {}  # the SHA-256 of every other file of the version, by its path in it
    calibration: Calibration = Calibration(threshold=0)  # no confidence is lower


@dataclass(frozen=True)
class Model:
    """One version, loaded and warm."""

    version: int
    runtime: Runtime
    threshold: float  # an answer of a lower confidence is uncertain
    report: bytes | None  # how it was fitted and how well it reads, as a page of HTML

    def predict(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the probabilities float32 (n, 10) of vectors float32 (n, 784)."""
        return self.runtime.predict(batch)


def load(settings: Settings) -> Model:
    """Load the highest version, with the runtime that the settings ask for, and warm it up.

    Raises:
        ModelError: there is no version, or it can't be read, or not by that runtime; or its model card is wrong.

    """
    version = find(settings.models)
    runtime = open_runtime(version, settings.runtime)
    runtime.predict(np.zeros((1, 784), np.float32))
    return Model(int(version.name), runtime, read_card(version).calibration.threshold, _read_report(version))


def find(models: Path) -> Path:
    """Find the folder of the highest version under `models`, or of the version in this package.

    Raises:
        ModelError: neither has a version.

    """
    for folder in (models, DEFAULT_MODELS):
        if found := versions(folder):
            return found[-1]
    raise ModelError(f"There is no version of the model in {models / NAME}.")


def versions(models: Path) -> list[Path]:
    """List the folders of all versions under `models`, by their numbers, the highest last."""
    folders = [path for path in (models / NAME).glob("[0-9]*") if path.name.isdecimal() and path.is_dir()]
    return sorted(folders, key=lambda folder: int(folder.name))


def open_runtime(version: Path, wanted: str = "auto") -> Runtime:
    """Load a version into the runtime that `choose_runtime` chooses.

    Raises:
        ModelError: as `choose_runtime` does; or the version can't be read.

    """
    return LiteRT(version) if choose_runtime(version, wanted) == "litert" else TensorFlow(version)


def choose_runtime(version: Path, wanted: str) -> str:
    """Choose `litert` where the version has a compilation of its SavedModel, if `wanted` is `auto`.

    Raises:
        ModelError: the version has no compilation of its SavedModel where LiteRT is wanted, or TensorFlow
            is not installed where it is needed; or its model card is wrong.

    """
    compiled = is_intact(version)
    if wanted == "litert" and not compiled:
        raise ModelError(f"LiteRT can't serve {version}: it has no compilation that belongs to its SavedModel.")
    if wanted == "litert" or (wanted == "auto" and compiled):
        return "litert"
    if find_spec("tensorflow") is None:
        raise ModelError(f"{version} needs TensorFlow: pip install 'mnist-service[tensorflow]'.")
    return "tensorflow"


def is_intact(version: Path) -> bool:
    """Tell whether every file is as its model card recorded it, the SavedModel and its compilation included.

    Raises:
        ModelError: the model card is wrong.

    """
    files = read_card(version).files
    try:
        recorded = {"saved_model.pb", COMPILATION.as_posix()} <= files.keys()
        return recorded and all(sha256(version / name) == digest for name, digest in files.items())
    except OSError:
        return False


def read_card(version: Path) -> Card:
    """Read a version's model card; one that is missing or damaged says nothing.

    Raises:
        ModelError: the card has a value that none can have, such as a threshold over 1.

    """
    try:
        return msgspec.json.decode((version / CARD).read_bytes(), type=Card)
    except msgspec.ValidationError as error:
        raise ModelError(f"The model card {version / CARD} is wrong: {error}.") from error
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError):
        return Card()


def sha256(path: Path) -> str:
    """Hash a file, as model cards record it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_report(version: Path) -> bytes | None:
    """Read a version's report, now: the folder may be another's by the time that someone asks for it."""
    try:
        return (version / REPORT).read_bytes()
    except OSError:
        return None
