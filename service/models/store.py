"""The versions of the model on disk: their folders, model cards and checksums, their labels, which are withdrawn."""

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from service import checksums
from service.errors import ModelError, os_reason

NAME = "mnist"
CARD = Path("assets.extra/model.json")
REPORT = Path("assets.extra/report/index.html")
CHOICE = "versions.json"
MAX_NUMBER = 2**63 - 1  # of a version: clients and TensorFlow Serving have int64
KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")

Snapshot = frozenset[tuple[str, int, int]]  # path, size and time of change, in nanoseconds, of every file


class Calibration(msgspec.Struct, frozen=True):
    """How sure an answer must be, as measured on images held out from the fit."""

    threshold: Annotated[float, Meta(ge=0, le=1)]  # an answer of a lower confidence is uncertain


class Metrics(msgspec.Struct, frozen=True):
    """How well a version reads."""

    test_accuracy: float | None = None


class Input(msgspec.Struct, frozen=True):
    """How a version takes its pixels."""

    scale: Annotated[float, Meta(gt=0)] = 1  # what white is to it; black is 0


class Card(msgspec.Struct, frozen=True):
    """What the service reads of a version's model card, assets.extra/model.json."""

    files: dict[str, str] = {}  # the SHA-256 of every other file of the version, by its path in it
    calibration: Calibration = Calibration(threshold=0)  # no confidence is lower
    metrics: Metrics = Metrics()
    input: Input = Input()
    finder: str = ""  # the SHA-256 of the finder that threshold and metrics were measured with, if the card says it


class Choice(msgspec.Struct, frozen=True):
    """What was said of the versions in a folder, in versions.json beside them."""

    labels: dict[str, int] = {}
    withdrawn: tuple[int, ...] = ()  # never the default, while there are others

    def order(self, numbers: Iterable[int], misread: Collection[int] = ()) -> list[int]:
        """Order numbers as they are wanted for the default: the highest first, then those withdrawn, then `misread`.

        Args:
            numbers: of versions.
            misread: those of versions that read most of the known digits wrong.

        """
        return sorted(
            numbers,
            key=lambda number: (number not in misread, number not in self.withdrawn, number),
            reverse=True,
        )

    def labels_of(self, number: int) -> list[str]:
        """List the labels of a version."""
        return [label for label, labelled in self.labels.items() if labelled == number]


def find(folder: Path) -> dict[int, Path]:
    """Return the versions in a folder, by their numbers, the lowest first; 0001 is version 1, where there is no 1."""
    folders = sorted(_numbered(folder), key=lambda path: -len(path.name))  # the shortest name comes last, and stays
    present = {int(path.name): path for path in folders if int(path.name) <= MAX_NUMBER}
    return dict(sorted(present.items()))


def ignored(folder: Path) -> list[str]:
    """Say what in a folder of versions looks like a version, and is not served."""
    present = find(folder)
    folders = [path for path in _numbered(folder) if path not in present.values()]
    keras = sorted(path for path in _list(folder) if path.suffix in KERAS_SUFFIXES)
    return [_say_ignored(path, present) for path in sorted(folders)] + [say_keras(path, folder / "1") for path in keras]


def say_keras(path: Path, version: Path) -> str:
    """Say that a file is one of Keras, and how to export it as a version."""
    return (
        f"{path} is a Keras file, not a SavedModel: export it by"
        f' keras.models.load_model("{path.name}").export("{version}").'
    )


def _say_ignored(path: Path, present: Mapping[int, Path]) -> str:
    number = int(path.name)
    if number > MAX_NUMBER:
        return f"{path} is no version: numbers go up to {MAX_NUMBER}."
    return f"{path} is not served: version {number} is {present[number].name}."


def _numbered(folder: Path) -> list[Path]:
    return [path for path in _list(folder) if path.name.isascii() and path.name.isdecimal() and os.path.isdir(path)]


def _list(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in os.listdir(folder)]
    except OSError:  # it is gone, or its disk fails: nothing is found in it
        return []


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
    checksums.check_files(
        version, {name: digest for name, digest in card.files.items() if with_report or name != REPORT.as_posix()}
    )
    return card


def read_card(version: Path) -> Card:
    """Read a version's model card; that of a bare SavedModel, which has none, says nothing.

    Raises:
        ModelError: the card is damaged, or has a value that none can have, such as a threshold over 1.

    """
    return checksums.decode_card(version / CARD, Card)


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

    Raises:
        ModelError: there is no higher number.

    """
    try:
        choice = read_choice(folder)
    except ModelError:
        choice = Choice()
    number = 1 + max([0, *find(folder), *choice.withdrawn, *choice.labels.values()])
    if number > MAX_NUMBER:
        raise ModelError(f"There is no number left in {folder}: they go up to {MAX_NUMBER}.")
    return number


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
        raise ModelError(f"{folder / CHOICE} can't be written: {os_reason(error)}.") from error
