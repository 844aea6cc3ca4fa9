"""Images in folders 0 to 9, read by the service's own code."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from service.errors import NoDigit, ServiceError
from service.feedback.store import RECORD_SUFFIX
from service.preparation import decode, finder, normalize
from service.preparation.finder import Finder
from service.preparation.types import Gray
from service.settings import DEFAULT_MODELS, Settings
from training.errors import DataError

Prepare = Callable[[Gray], Gray]  # from an image (height, width) to its digit (28, 28)

DIGIT_FOLDERS = {str(digit): digit for digit in range(10)}
MAX_DARK_LEVEL = 127  # a lighter background is inverted


def has_digit_folders(folder: Path) -> bool:
    """Return whether a folder has a folder named 0 to 9."""
    return any((folder / str(digit)).is_dir() for digit in range(10))


def read(folder: Path) -> tuple[Gray, NDArray[np.uint8]]:
    """Read images uint8 (n, 28, 28) and their labels uint8 (n,), and print the number of unreadable files.

    An image of 28x28 is used unchanged, light on dark; in any other image the digit is located.

    Raises:
        DataError: no image can be read.

    """
    shipped = finder.load(DEFAULT_MODELS)
    images, labels, unreadable = prepare_all(folder, lambda image: _prepare(image, shipped))
    if unreadable:
        click.echo(f"Left out: {len(unreadable)} files in {folder}; the first is {unreadable[0]}", err=True)
    return images, labels


def _prepare(image: Gray, shipped: Finder) -> Gray:
    if image.shape != normalize.DIGIT_SHAPE:
        return normalize.prepare(image, shipped)
    return 255 - image if np.median(image) > MAX_DARK_LEVEL else image


def prepare_all(
    folder: Path, prepare: Prepare, labels: Mapping[str, int] = DIGIT_FOLDERS
) -> tuple[Gray, NDArray[np.uint8], list[str]]:
    """Read and prepare every image in folders of a folder. Hidden files and the records of corrections are no images.

    Args:
        folder: holds the folders.
        prepare: makes a digit of an image.
        labels: the label of the images in each folder, by its name. An image whose label is no digit, and in which no
            digit is found, is left out without a sentence.

    Returns:
        Images uint8 (n, 28, 28), their labels uint8 (n,), and a sentence for each unreadable file.

    Raises:
        DataError: there is no such folder, it has no folders 0 to 9, or no file in them can be read.

    """
    files = list(list_files(folder, labels))
    if not files:
        raise DataError(f"There are no images in folders 0 to 9 of {folder}.")
    images: list[Gray] = []
    image_labels: list[int] = []
    unreadable = []
    for path, label in files:
        try:
            images.append(prepare(decode_image(path.read_bytes())))
            image_labels.append(label)
        except (ServiceError, OSError) as error:
            if not (isinstance(error, NoDigit) and label not in DIGIT_FOLDERS.values()):
                unreadable.append(f"{path}: {error}")
    if not images:
        reason = f"can be read; the first is {unreadable[0]}" if unreadable else "shows anything like a digit."
        raise DataError(f"None of the {len(files)} files in {folder} {reason}")
    return np.stack(images), np.array(image_labels, np.uint8), unreadable


def list_files(folder: Path, labels: Mapping[str, int]) -> Iterator[tuple[Path, int]]:
    """Yield the files in folders of a folder, and the label of each. Records and hidden files are left out."""
    for name, label in labels.items():
        for path in sorted((folder / name).rglob("*")):
            if path.is_file() and not path.name.startswith(".") and path.suffix != RECORD_SUFFIX:
                yield path, label


def decode_image(data: bytes) -> Gray:
    """Return the gray pixels of an image file, decoded as the service decodes images.

    Raises:
        ServiceError: the file is no image that can be read.

    """
    limits = Settings()
    return decode.decode(data, limits.max_pixels, limits.max_frames)
