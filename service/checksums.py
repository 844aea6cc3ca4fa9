"""Load model cards, and check files against the SHA-256 that a card records."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from service.errors import ModelError, os_reason

Card = TypeVar("Card", bound=msgspec.Struct)


def load_card(path: Path, card_type: type[Card]) -> Card:
    """Load a model card as a struct whose fields all have defaults. If the file is missing, return the defaults.

    Raises:
        ModelError: the card is damaged, or has a value out of its range.

    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=card_type)
    except FileNotFoundError:
        return card_type()
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise ModelError(f"The model card {path} is wrong: {error}.") from error


def check_files(folder: Path, checksums: Mapping[str, str]) -> None:
    """Check the files of a folder against their SHA-256, given by their paths in the folder.

    Raises:
        ModelError: a file is missing, unreadable or changed.

    """
    for name, digest in checksums.items():
        if not (folder / name).is_file():
            raise ModelError(f"{folder} is not complete: {name} is missing.")
        if sha256(folder / name) != digest:
            raise ModelError(f"{folder} is damaged: {name} is not as its model card records it.")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits, as model cards record it.

    Raises:
        ModelError: the file can't be read.

    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{path} can't be read: {os_reason(error)}.") from error
