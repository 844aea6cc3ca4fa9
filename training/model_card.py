"""The card of a version, assets.extra/model.json, or of a finder: how it was made, and how good it is."""

import hashlib
import json
import platform
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import tensorflow as tf

from service import checksums
from service.errors import ModelError
from service.models.store import CARD

Card = dict[str, Any]


def libraries() -> dict[str, str]:
    """Give the versions of what a model is made with."""
    names = ("keras", "ai-edge-litert", "numpy", "opencv-python-headless")
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        **{name: installed_version(name) for name in names},
    }


def read(version: Path) -> Card:
    """Read a version's card; that of a model from elsewhere, which has none, is empty.

    Raises:
        ModelError: the card is damaged, and evaluating the version would lose what it told.

    """
    path = version / CARD
    try:
        card: Card = json.loads(path.read_text()) if path.exists() else {}
    except ValueError as error:
        raise ModelError(f"The model card {path} is damaged: {error}.") from error
    return card


def digest(card: Card) -> str:
    """Return a short name for what a card says."""
    return hashlib.sha256(json.dumps(card).encode()).hexdigest()[:16]


def write(folder: Path, card: Card, name: Path = CARD) -> None:
    """Write a card in one step, by its name in the model's folder, with the SHA-256 of every other file there."""
    path = folder / name
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file != path)
    digests = {file.relative_to(folder).as_posix(): checksums.sha256(file) for file in files}
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps({**card, "files": digests}, indent=2, allow_nan=False) + "\n")
    unfinished.replace(path)
