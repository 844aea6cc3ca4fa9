"""The card of a version, assets.extra/model.json, or of a finder: how it was fitted, and its metrics."""

import hashlib
import json
import platform
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from service import checksums
from service.errors import ModelError
from service.models.store import CARD

CardFields = dict[str, Any]  # a whole card; the service reads the part that `store.ModelCard` has


def list_libraries() -> dict[str, str]:
    """Return the versions of Python and of the libraries that a model is fitted with."""
    import tensorflow as tf  # its package has another name on other machines

    names = ("keras", "ai-edge-litert", "numpy", "opencv-python-headless")
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        **{name: installed_version(name) for name in names},
    }


def read(version: Path) -> CardFields:
    """Read a version's card; it is empty for a SavedModel that has no card.

    Raises:
        ModelError: the card is damaged. An evaluation would overwrite it.

    """
    path = version / CARD
    try:
        card: CardFields = json.loads(path.read_text()) if path.exists() else {}
    except ValueError as error:
        raise ModelError(f"The model card {path} is damaged: {error}.") from error
    return card


def compute_digest(card: CardFields) -> str:
    """Return a short name for the content of a card: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(json.dumps(card).encode()).hexdigest()[:16]


def write(folder: Path, card: CardFields, name: Path = CARD) -> None:
    """Write a card into a model's folder, in one step, with the SHA-256 of every other file there."""
    path = folder / name
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file != path)
    digests = {file.relative_to(folder).as_posix(): checksums.sha256(file) for file in files}
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps({**card, "files": digests}, indent=2, allow_nan=False) + "\n")
    unfinished.replace(path)
