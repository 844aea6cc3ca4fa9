"""Model cards and the files that they record, by their SHA-256."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from service.errors import ModelError, os_reason

Kind = TypeVar("Kind", bound=msgspec.Struct)


def decode_card(path: Path, kind: type[Kind]) -> Kind:
    """Read what a kind of card holds, a struct whose fields have defaults: what a card that is missing says.

    Raises:
        ModelError: the card is damaged, or has a value that none can have.

    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return kind()
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise ModelError(f"The model card {path} is wrong: {error}.") from error


def check_files(folder: Path, checksums: Mapping[str, str]) -> None:
    """Check the files of a folder against the SHA-256 that its card records of each, by its path in the folder.

    Raises:
        ModelError: a file is missing, can't be read, or is another than it was.

    """
    for name, digest in checksums.items():
        if not (folder / name).is_file():
            raise ModelError(f"{folder} is not complete: {name} is missing.")
        if sha256(folder / name) != digest:
            raise ModelError(f"{folder} is damaged: {name} is not as its model card records it.")


def sha256(path: Path) -> str:
    """Hash a file, as model cards record it.

    Raises:
        ModelError: it can't be read.

    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{path} can't be read: {os_reason(error)}.") from error
