"""The versions of the model on disk: find the highest, choose its runtime, load it and warm it up."""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from service.errors import ModelError
from service.runtimes import COMPILATION, LiteRT, Runtime, TensorFlow
from service.settings import DEFAULT_MODELS, Settings

NAME = "mnist"
CARD = Path("assets.extra/model.json")


class Card(msgspec.Struct, frozen=True):
    """What the service reads of a version's model card, assets.extra/model.json."""

    files: dict[str, str]  # the SHA-256 of every other file of the version, by its path in it


@dataclass(frozen=True)
class Model:
    """One version, loaded and warm."""

    version: int
    runtime: Runtime

    def predict(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the probabilities float32 (n, 10) of vectors float32 (n, 784)."""
        return self.runtime.predict(batch)


def load(settings: Settings) -> Model:
    """Load the highest version, with the runtime that the settings ask for, and warm it up.

    Raises:
        ModelError: there is no version, or it can't be read, or not by that runtime.

    """
    version = find(settings.models)
    compiled = choose_runtime(version, settings.runtime) == "litert"
    runtime: Runtime = LiteRT(version) if compiled else TensorFlow(version)
    runtime.predict(np.zeros((1, 784), np.float32))
    return Model(int(version.name), runtime)


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


def choose_runtime(version: Path, wanted: str) -> str:
    """Choose `litert` where the version has a compilation of its SavedModel, if `wanted` is `auto`.

    Raises:
        ModelError: the version has no compilation of its SavedModel where LiteRT is wanted, or TensorFlow
            is not installed where it is needed.

    """
    compiled = (version / COMPILATION).exists() and is_intact(version)
    if wanted == "litert" and not compiled:
        raise ModelError(f"LiteRT can't serve {version}: it has no compilation that belongs to its SavedModel.")
    if wanted == "litert" or (wanted == "auto" and compiled):
        return "litert"
    if find_spec("tensorflow") is None:
        raise ModelError(f"{version} needs TensorFlow: pip install 'mnist-service[tensorflow]'.")
    return "tensorflow"


def is_intact(version: Path) -> bool:
    """Tell whether every file is as its model card recorded it, the SavedModel and its compilation included."""
    try:
        card = msgspec.json.decode((version / CARD).read_bytes(), type=Card)
        recorded = {"saved_model.pb", COMPILATION.as_posix()} <= card.files.keys()
        return recorded and all(sha256(version / name) == digest for name, digest in card.files.items())
    except (OSError, msgspec.MsgspecError):
        return False


def sha256(path: Path) -> str:
    """Hash a file, as model cards record it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
