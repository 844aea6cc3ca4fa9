"""Digits of your own: folders 0 to 9 of pictures, prepared by the service's own code."""

from pathlib import Path

from service import digits
from service.finder import Finder
from training import picture_folders
from training.data import Digits


def load(folder: Path, finder: Finder) -> tuple[Digits, list[str]]:
    """Read every file in the folders 0 to 9 of a folder, and give a sentence for each that can't be read.

    Raises:
        DataError: there is no such folder, it has no folders 0 to 9, or no file in them can be read.

    """
    *arrays, unreadable = picture_folders.prepare_all(folder, lambda image: digits.prepare(image, finder))
    return Digits(*arrays), unreadable
