"""Digits of your own: folders 0 to 9 of pictures, prepared by the service's own code."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service import digits, images
from service.errors import ServiceError
from service.finder import Finder
from service.settings import Settings
from training.data import Digits
from training.errors import DataError


def load(folder: Path, finder: Finder) -> tuple[Digits, list[str]]:
    """Read every file in the folders 0 to 9 of a folder, and give a sentence for each that can't be read.

    Raises:
        DataError: there is no such folder, it has no folders 0 to 9, or no file in them can be read.

    """
    files = [
        (path, label) for label in range(10) for path in sorted((folder / str(label)).rglob("*")) if path.is_file()
    ]
    if not files:
        raise DataError(f"There are no pictures in folders 0 to 9 of {folder}.")
    found: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    unreadable = []
    for path, label in files:
        try:
            found.append(_read(path, finder))
            labels.append(label)
        except (ServiceError, OSError) as error:
            unreadable.append(f"{path}: {error}")
    if not found:
        raise DataError(f"None of the {len(files)} files in {folder} can be read; the first is {unreadable[0]}")
    return Digits(np.stack(found), np.array(labels, np.uint8)), unreadable


def _read(path: Path, finder: Finder) -> NDArray[np.uint8]:
    limits = Settings()
    return digits.prepare(images.decode(path.read_bytes(), limits.max_pixels, limits.max_frames), finder)
