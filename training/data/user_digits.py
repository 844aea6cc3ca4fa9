"""The user's own digits: images in folders 0 to 9, prepared by the service's own code."""

from pathlib import Path

from service.preparation import normalize
from service.preparation.finder import Finder
from training.data import image_folders
from training.data.datasets import Digits


def load(folder: Path, finder: Finder) -> tuple[Digits, list[str]]:
    """Read every file in the folders 0 to 9 of a folder; return the digits, and a sentence for each unreadable file.

    Raises:
        DataError: there is no such folder, it has no folders 0 to 9, or no file in them can be read.

    """
    *arrays, unreadable = image_folders.prepare_all(folder, lambda image: normalize.prepare(image, finder))
    return Digits(*arrays), unreadable
