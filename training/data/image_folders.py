"""Images in folders 0 to 9, read by the service's own code."""

from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from service.errors import ServiceError
from service.preparation import decode, finder, normalize
from service.preparation.finder import Finder
from service.preparation.types import Gray
from service.settings import DEFAULT_MODELS, Settings
from training.errors import DataError

Prepare = Callable[[Gray], Gray]  # from an image (height, width) to its digit (28, 28)

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


def prepare_all(folder: Path, prepare: Prepare) -> tuple[Gray, NDArray[np.uint8], list[str]]:
    """Read and prepare every file in the folders 0 to 9 of a folder.

    Returns:
        Images uint8 (n, 28, 28), their labels uint8 (n,), and a sentence for each unreadable file.

    Raises:
        DataError: there is no such folder, it has no folders 0 to 9, or no file in them can be read.

    """
    files = [
        (path, digit) for digit in range(10) for path in sorted((folder / str(digit)).rglob("*")) if path.is_file()
    ]
    if not files:
        raise DataError(f"There are no images in folders 0 to 9 of {folder}.")
    images: list[Gray] = []
    labels: list[int] = []
    unreadable = []
    for path, digit in files:
        try:
            images.append(prepare(_decode(path)))
            labels.append(digit)
        except (ServiceError, OSError) as error:
            unreadable.append(f"{path}: {error}")
    if not images:
        raise DataError(f"None of the {len(files)} files in {folder} can be read; the first is {unreadable[0]}")
    return np.stack(images), np.array(labels, np.uint8), unreadable


def _decode(path: Path) -> Gray:
    limits = Settings()
    return decode.decode(path.read_bytes(), limits.max_pixels, limits.max_frames)
