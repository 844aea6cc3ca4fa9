"""The folder of corrections: an image and its record in a folder for each digit, which all workers write to."""

import errno
import fcntl
import hashlib
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
from msgspec import UNSET, Meta, UnsetType

from service.errors import FeedbackFull, FeedbackUnwritable, SettingsError, os_reason
from service.feedback.kept_image import KeptImage
from service.preparation.types import Box
from service.settings import Settings, variable

NO_DIGIT = "none"  # the folder of images that show no digit
FOLDERS = (*map(str, range(10)), NO_DIGIT)
IMAGE_SUFFIXES = (".png", ".jpg")
RECORD_SUFFIX = ".json"
NAME_LENGTH = 16  # hexadecimal digits of the SHA-256 of an image file

# In the folder of corrections. A file is written as PART_FILE, and renamed when it is whole: only one worker writes.
LOCK_FILE, PART_FILE = ".lock", ".part"

# The longest wait for the lock, which a process that is stopped or a host that is gone may hold.
MAX_LOCK_SECONDS, LOCK_PAUSE_SECONDS = 2.0, 0.005

StoredDigit = Annotated[int, Meta(ge=0, le=9)] | None

FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

log = logging.getLogger(__name__)


class Correction(msgspec.Struct, frozen=True):
    """The record of a correction."""

    digit: StoredDigit  # None: the image shows no digit
    predicted: StoredDigit  # None: the version read no digit
    confidence: float | None
    version: str
    time: str  # in UTC, such as 2026-11-27T06:21:54Z
    box: Box | UnsetType = UNSET  # of the digit in the image that was sent, which the kept image is a part of


@dataclass(frozen=True)
class Kept:
    """Where a correction is kept, relative to the folder of corrections."""

    path: str
    is_new: bool  # False: the same correction was there already
    is_first: bool = False  # the image was not there, under any digit


def folder_name(digit: int | None) -> str:
    """Return the name of the folder of a digit; of None, that of images without one."""
    return NO_DIGIT if digit is None else str(digit)


def check(settings: Settings) -> None:
    """Check, at the start, that the folder of corrections can be written. Create it if there is none.

    Raises:
        SettingsError: the folder can't be created or written.

    """
    if not settings.feedback:
        return
    try:
        with _lock(Path(settings.feedback)) as folder:
            _write(folder, folder / PART_FILE, b"")
            (folder / PART_FILE).unlink()
    except OSError as error:
        name, value = variable("feedback"), settings.feedback
        raise SettingsError(f"{name} is {value!r}, which can't be written to: {os_reason(error)}.") from None


def keep(image: KeptImage, correction: Correction, settings: Settings) -> Kept:
    """Write an image and its record, whole or not at all. An image that is there already moves to its new digit.

    Raises:
        FeedbackFull: the folder holds as many files or bytes as the settings allow, or its disk is full.
        FeedbackUnwritable: the folder can't be written to.

    """
    try:
        with _lock(Path(settings.feedback)) as folder:
            return _keep(folder, image, correction, settings)
    except OSError as error:
        log.error("A correction can't be kept in %s: %s.", settings.feedback, os_reason(error))
        type_ = FeedbackFull if error.errno in FULL_ERRORS else FeedbackUnwritable
        raise type_(f"The correction can't be kept: {os_reason(error)}.") from error


@contextmanager
def _lock(folder: Path) -> Iterator[Path]:
    """Let one thread of all workers write at a time: the limits hold, and no file is written twice."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / LOCK_FILE, "ab") as file:
        _wait_for_lock(file)
        yield folder


def _wait_for_lock(file: BinaryIO) -> None:
    end = time.monotonic() + MAX_LOCK_SECONDS
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise FeedbackUnwritable("Another process has locked the folder of corrections for too long.") from None
            time.sleep(LOCK_PAUSE_SECONDS)


def _keep(folder: Path, image: KeptImage, correction: Correction, settings: Settings) -> Kept:
    name = hashlib.sha256(image.content).hexdigest()[:NAME_LENGTH] + image.suffix
    path = Path(folder_name(correction.digit), name)
    if (folder / path).exists():
        return Kept(str(path), is_new=False)
    record = msgspec.json.encode(correction)
    previous = next((file for digit in FOLDERS if (file := folder / digit / name).exists()), None)
    if previous is None:
        _check_space(folder, len(image.content) + len(record), settings)
    (folder / path).parent.mkdir(exist_ok=True)
    record_path = (folder / path).with_suffix(RECORD_SUFFIX)
    _write(folder, record_path, record)  # first: a record without an image is ignored
    try:
        if previous is None:
            _write(folder, folder / path, image.content)
        else:
            previous.rename(folder / path)
    except OSError:
        record_path.unlink()
        raise
    if previous is not None:
        previous.with_suffix(RECORD_SUFFIX).unlink(missing_ok=True)
    return Kept(str(path), is_new=True, is_first=previous is None)


def _check_space(folder: Path, added_bytes: int, settings: Settings) -> None:
    files = list(_scan(folder))
    images = sum(entry.name.endswith(IMAGE_SUFFIXES) for entry in files)
    if images >= settings.feedback_max_files:
        raise FeedbackFull(f"There are {images} corrections already: at most {settings.feedback_max_files} are kept.")
    if sum(entry.stat().st_size for entry in files) + added_bytes > settings.feedback_max_bytes:
        raise FeedbackFull(f"The corrections would take over {settings.feedback_max_bytes} bytes, which is the limit.")


def _scan(folder: Path) -> Iterator[os.DirEntry[str]]:
    for name in FOLDERS:
        with suppress(FileNotFoundError), os.scandir(folder / name) as entries:
            yield from entries


def _write(folder: Path, path: Path, content: bytes) -> None:
    try:
        with open(folder / PART_FILE, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        (folder / PART_FILE).replace(path)
    except OSError:
        with suppress(OSError):
            (folder / PART_FILE).unlink()  # or a part of the file would fill the disk
        raise
