"""The versions of the model on disk: their folders, model cards and checksums, their labels, which are withdrawn."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from service.errors import ModelError
from service.settings import DEFAULT_MODELS

NAME = "mnist"
CARD = Path("assets.extra/model.json")
REPORT = Path("assets.extra/report/index.html")
CHOICE = "versions.json"

Kind = TypeVar("Kind", bound=msgspec.Struct)
Snapshot = frozenset[tuple[str, int, int]]  # path, size and time of change, in nanoseconds, of every file


class Calibration(msgspec.Struct, frozen=True):
    """How sure an answer must be, as measured on images held out from the fit."""

    threshold: Annotated[float, Meta(ge=0, le=1)]  # an answer of a lower confidence is uncertain


class Metrics(msgspec.Struct, frozen=True):
    """How well a version reads."""

    test_accuracy: float | None = None


class Card(msgspec.Struct, frozen=True):
    """What the service reads of a version's model card, assets.extra/model.json."""

    files: dict[str, str] = {}  # the SHA-256 of every other file of the version, by its path in it
    calibration: Calibration = Calibration(threshold=0)  # no confidence is lower
    metrics: Metrics = Metrics()
    finder: str = ""  # the SHA-256 of the finder that threshold and metrics were measured with, if the card says it


class Choice(msgspec.Struct, frozen=True):
    """What was said of the versions in a folder, in versions.json beside them."""

    labels: dict[str, int] = {}
    withdrawn: tuple[int, ...] = ()  # never the default, while there are others

    def order(self, numbers: Iterable[int]) -> list[int]:
        """Order numbers as they are wanted for the default: the highest first, and last those withdrawn."""
        return sorted(numbers, key=lambda number: (number not in self.withdrawn, number), reverse=True)

    def labels_of(self, number: int) -> list[str]:
        """List the labels of a version."""
        return [label for label, labelled in self.labels.items() if labelled == number]


def home(models: Path) -> Path:
    """Give the folder whose versions are served: `mnist` in `models`, or this package's where that has none."""
    return models / NAME if find(models / NAME) else DEFAULT_MODELS / NAME


def find(folder: Path) -> dict[int, Path]:
    """Find the versions in a folder, by their numbers, the lowest first."""
    found = {int(path.name): path for path in folder.glob("[0-9]*") if _is_number(path.name) and path.is_dir()}
    return dict(sorted(found.items()))


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal() and str(int(name)) == name


def snapshot(version: Path) -> Snapshot:
    """List the files of a version, so that a change shows; what vanishes meanwhile is left out."""
    files = []
    for folder, _, names in os.walk(version):
        for name in names:
            try:
                found = os.stat(os.path.join(folder, name))
            except OSError:
                continue
            files.append((os.path.join(folder, name), found.st_size, found.st_mtime_ns))
    return frozenset(files)


def verify(version: Path, with_report: bool = True) -> Card:
    """Read a version's model card, and see that every file is as it records; a bare SavedModel has no card.

    Args:
        version: its folder.
        with_report: the report is one of the files; not where it is to be written anew.

    Raises:
        ModelError: the card is damaged, or a file is missing, can't be read, or is another than it was.

    """
    card = read_card(version)
    check_files(
        version, {name: digest for name, digest in card.files.items() if with_report or name != REPORT.as_posix()}
    )
    return card


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


def read_card(version: Path) -> Card:
    """Read a version's model card; that of a bare SavedModel, which has none, says nothing.

    Raises:
        ModelError: the card is damaged, or has a value that none can have, such as a threshold over 1.

    """
    return decode_card(version / CARD, Card)


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


def sha256(path: Path) -> str:
    """Hash a file, as model cards record it.

    Raises:
        ModelError: it can't be read.

    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{path} can't be read: {(error.strerror or str(error)).lower()}.") from error


def read_choice(folder: Path) -> Choice:
    """Read what was said of the versions in a folder; nothing, where there is no such file.

    Raises:
        ModelError: the file is damaged.

    """
    try:
        return msgspec.json.decode((folder / CHOICE).read_bytes(), type=Choice)
    except FileNotFoundError:
        return Choice()
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise ModelError(f"{folder / CHOICE} can't be read: {error}.") from error


def next_number(folder: Path) -> int:
    """Give the number of the next version in a folder: over all that are, were withdrawn, or have a label.

    A version that takes the number of one that was deleted would be withdrawn as that was.
    """
    try:
        choice = read_choice(folder)
    except ModelError:
        choice = Choice()
    return 1 + max([0, *find(folder), *choice.withdrawn, *choice.labels.values()])


def write_choice(folder: Path, choice: Choice) -> None:
    """Write what is said of the versions in a folder, in one step.

    Raises:
        ModelError: the file can't be written.

    """
    unfinished = folder / f".{CHOICE}.{os.getpid()}"
    try:
        unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(choice)) + b"\n")
        unfinished.replace(folder / CHOICE)
    except OSError as error:
        raise ModelError(f"{folder / CHOICE} can't be written: {(error.strerror or str(error)).lower()}.") from error
