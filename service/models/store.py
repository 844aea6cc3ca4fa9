"""The versions of the model on disk: their folders, model cards, checksums and labels, and which are withdrawn."""

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
POLICY_FILE = "versions.json"  # beside the versions
MAX_NUMBER = 2**63 - 1  # of a version: clients and TensorFlow Serving use int64
KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")

FileState = frozenset[tuple[str, int, int]]  # of each file: path, size in bytes, time of change in nanoseconds


class Calibration(msgspec.Struct, frozen=True):
    """The threshold for uncertain answers, measured on images held out from the fit."""

    threshold: Annotated[float, Meta(ge=0, le=1)]  # an answer with a lower confidence is uncertain


class Metrics(msgspec.Struct, frozen=True):
    """The metrics of a version that the service shows."""

    test_accuracy: float | None = None


class Input(msgspec.Struct, frozen=True):
    """The scale of a version's input pixels."""

    scale: Annotated[float, Meta(gt=0)] = 1  # the value of a white pixel; black is 0


class ModelCard(msgspec.Struct, frozen=True):
    """The part of a version's model card, assets.extra/model.json, that the service reads."""

    files: dict[str, str] = {}  # the SHA-256 of every other file of the version, by its path in the folder
    calibration: Calibration = Calibration(threshold=0)  # no answer is uncertain
    metrics: Metrics = Metrics()
    input: Input = Input()
    finder: str = ""  # the SHA-256 of the finder used to measure threshold and metrics; empty if not recorded


class VersionPolicy(msgspec.Struct, frozen=True):
    """The labels of the versions in a folder, and the withdrawn versions, as versions.json records them."""

    labels: dict[str, int] = {}
    withdrawn: tuple[int, ...] = ()  # not the default while another version can be

    def order(self, numbers: Iterable[int], misread: Collection[int] = ()) -> list[int]:
        """Return version numbers in the order in which they become the default, the first choice first.

        The highest number comes first. Withdrawn versions come after all others, and `misread` versions last.

        Args:
            numbers: the versions.
            misread: the versions that read most of the known digits wrong.

        """
        return sorted(
            numbers,
            key=lambda number: (number not in misread, number not in self.withdrawn, number),
            reverse=True,
        )

    def labels_of(self, number: int) -> list[str]:
        """Return the labels of a version."""
        return [label for label, labeled in self.labels.items() if labeled == number]


def find_versions(folder: Path) -> dict[int, Path]:
    """Return the versions in a folder by number, the lowest first. 0001 is version 1 if there is no folder 1."""
    folders = sorted(_find_numbered(folder), key=lambda path: -len(path.name))  # the shortest name comes last and stays
    versions = {int(path.name): path for path in folders if int(path.name) <= MAX_NUMBER}
    return dict(sorted(versions.items()))


def describe_ignored(folder: Path) -> list[str]:
    """Return a sentence for each file in a folder that looks like a version and is not served."""
    versions = find_versions(folder)
    unserved = sorted(path for path in _find_numbered(folder) if path not in versions.values())
    keras_files = sorted(path for path in _list_folder(folder) if path.suffix in KERAS_SUFFIXES)
    return [
        *(_describe_unserved(path, versions) for path in unserved),
        *(describe_keras_file(path, folder / "1") for path in keras_files),
    ]


def describe_keras_file(path: Path, version: Path) -> str:
    """Return a sentence that says how to export a file of Keras as a version."""
    return (
        f"{path} is a Keras file, not a SavedModel: export it by"
        f' keras.models.load_model("{path.name}").export("{version}").'
    )


def _describe_unserved(path: Path, versions: Mapping[int, Path]) -> str:
    number = int(path.name)
    if number > MAX_NUMBER:
        return f"{path} is no version: numbers go up to {MAX_NUMBER}."
    return f"{path} is not served: version {number} is {versions[number].name}."


def _find_numbered(folder: Path) -> list[Path]:
    """Return the folders whose names are decimal numbers."""
    return [
        path for path in _list_folder(folder) if path.name.isascii() and path.name.isdecimal() and os.path.isdir(path)
    ]


def _list_folder(folder: Path) -> list[Path]:
    """Return the files and folders in a folder; none if it can't be read."""
    try:
        return [folder / name for name in os.listdir(folder)]
    except OSError:  # the folder is gone, or its disk fails
        return []


def read_file_state(version: Path) -> FileState:
    """Return the state of a version's files, which differs after a change. Files that vanish meanwhile are left out."""
    files = []
    for folder, _, names in os.walk(version):
        for name in names:
            path = os.path.join(folder, name)
            try:
                status = os.stat(path)
            except OSError:
                continue
            files.append((path, status.st_size, status.st_mtime_ns))
    return frozenset(files)


def verify(version: Path, with_report: bool = True) -> ModelCard:
    """Return a version's model card, after a check that every file is as the card records it.

    Args:
        version: the folder of the version.
        with_report: whether to check the report; False if the report is about to be overwritten.

    Raises:
        ModelError: the card is damaged, or a file is missing, unreadable or changed.

    """
    card = read_card(version)
    checksums.check_files(
        version, {name: digest for name, digest in card.files.items() if with_report or name != REPORT.as_posix()}
    )
    return card


def read_card(version: Path) -> ModelCard:
    """Return a version's model card; the default card if the version has none, as a bare SavedModel.

    Raises:
        ModelError: the card is damaged, or has a value out of its range, such as a threshold over 1.

    """
    return checksums.load_card(version / CARD, ModelCard)


def read_policy(folder: Path) -> VersionPolicy:
    """Return the labels and withdrawn versions in a folder; none if the file is missing.

    Raises:
        ModelError: the file is damaged.

    """
    try:
        return msgspec.json.decode((folder / POLICY_FILE).read_bytes(), type=VersionPolicy)
    except FileNotFoundError:
        return VersionPolicy()
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise ModelError(f"{folder / POLICY_FILE} can't be read: {error}.") from error


def next_number(folder: Path) -> int:
    """Return the number of the next version: higher than every version, withdrawn version and labeled version.

    A version with the number of a deleted version that was withdrawn would be withdrawn, too.

    Raises:
        ModelError: there is no higher number.

    """
    try:
        policy = read_policy(folder)
    except ModelError:
        policy = VersionPolicy()
    number = 1 + max([0, *find_versions(folder), *policy.withdrawn, *policy.labels.values()])
    if number > MAX_NUMBER:
        raise ModelError(f"There is no number left in {folder}: they go up to {MAX_NUMBER}.")
    return number


def write_policy(folder: Path, policy: VersionPolicy) -> None:
    """Write the labels and withdrawn versions of a folder in one step, so that no reader sees half a file.

    Raises:
        ModelError: the file can't be written.

    """
    unfinished = folder / f".{POLICY_FILE}.{os.getpid()}"
    try:
        unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(policy)) + b"\n")
        unfinished.replace(folder / POLICY_FILE)
    except OSError as error:
        raise ModelError(f"{folder / POLICY_FILE} can't be written: {os_reason(error)}.") from error
