"""The corrections in a folder: an image each, and the record of the answer that was corrected."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from service.feedback.store import RECORD_SUFFIX, Correction
from training.data import image_folders
from training.data.user_digits import LABELS
from training.errors import DataError

UNRECORDED = "-"  # the version of an image without a record


@dataclass(frozen=True)
class StoredCorrection:
    """An image, by its path in the folder such as 4/0c5a.png, and its record if it has one that can be read."""

    path: Path
    record: Correction | None

    @property
    def digit(self) -> str:
        """The name of the folder that the image is in: a digit, or `none`."""
        return self.path.parts[0]

    def __str__(self) -> str:
        if self.record is None:
            return f"{self.path.as_posix()}: {self.digit}"
        answer = "no digit" if self.record.predicted is None else str(self.record.predicted)
        sure = "" if self.record.confidence is None else f", {self.record.confidence:.1%} sure"
        return f"{self.path.as_posix()}: version {self.version} answered {answer}{sure}, corrected to {self.digit}"

    @property
    def version(self) -> str:
        """The version whose answer was corrected."""
        return self.record.version if self.record else UNRECORDED


def load(folder: Path) -> list[StoredCorrection]:
    """Load the corrections in a folder.

    Raises:
        DataError: there are none.

    """
    corrections = [
        StoredCorrection(path.relative_to(folder), _load_record(path.with_suffix(RECORD_SUFFIX)))
        for path, _ in image_folders.list_files(folder, LABELS)
    ]
    if not corrections:
        raise DataError(f"There are no corrections in {folder}.")
    return corrections


def _load_record(path: Path) -> Correction | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Correction)
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError):
        return None


def count(corrections: Iterable[StoredCorrection]) -> Iterator[list[str]]:
    """Yield a table as rows of text: how many corrections there are of each digit and version."""
    counts = Counter((correction.digit, correction.version) for correction in corrections)
    versions = sorted({version for _, version in counts}, key=lambda version: (len(version), version))
    yield ["digit", *(f"version {version}" for version in versions), "all"]
    for digit in sorted({digit for digit, _ in counts}):
        row = [counts[digit, version] for version in versions]
        yield [digit, *map(str, row), str(sum(row))]
    totals = [sum(counts[digit, version] for digit in LABELS) for version in versions]
    yield ["all", *map(str, totals), str(sum(totals))]


def choose(names: Sequence[str], corrections: Iterable[StoredCorrection]) -> list[StoredCorrection]:
    """Return the corrections of these names, each a path in the folder.

    Raises:
        DataError: there is no correction of a name.

    """
    by_name = {correction.path.as_posix(): correction for correction in corrections}
    if missing := [name for name in names if name not in by_name]:
        raise DataError(
            f"There is no correction {missing[0]}: its name is its path in the folder, such as {min(by_name)}."
        )
    return [by_name[name] for name in names]


def remove(folder: Path, corrections: Iterable[StoredCorrection]) -> None:
    """Remove corrections: their images, then their records, since a record without an image counts for nothing."""
    for correction in corrections:
        (folder / correction.path).unlink(missing_ok=True)
        (folder / correction.path).with_suffix(RECORD_SUFFIX).unlink(missing_ok=True)
