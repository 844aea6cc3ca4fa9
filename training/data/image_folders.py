"""Pictures in folders 0 to 9, read by the service's own code."""

from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from service.errors import ServiceError
from service.preparation import decode, finder, normalize
from service.preparation.finder import Finder
from service.settings import DEFAULT_MODELS, Settings
from training.errors import DataError

Image = NDArray[np.uint8]
Prepare = Callable[[Image], Image]  # of an image (height, width), the image of its digit (28, 28)

LIGHT = 127  # levels: a background above is light


def are_in(folder: Path) -> bool:
    """Return whether a folder has any of the folders 0 to 9."""
    return any((folder / str(digit)).is_dir() for digit in range(10))


def read(folder: Path) -> tuple[Image, NDArray[np.uint8]]:
    """Read images uint8 (n, 28, 28) and their labels uint8 (n,); the number of files that can't be read is printed.

    A picture of 28x28 is taken as it is, light on dark; in any other the digit is found.

    Raises:
        DataError: there are no pictures.

    """
    shipped = finder.load(DEFAULT_MODELS)
    pictures, labels, unreadable = prepare_all(folder, lambda image: _prepare(image, shipped))
    if unreadable:
        click.echo(f"Left out: {len(unreadable)} files in {folder}; the first is {unreadable[0]}", err=True)
    return pictures, labels


def _prepare(image: Image, shipped: Finder) -> Image:
    if image.shape != (normalize.SIDE, normalize.SIDE):
        return normalize.prepare(image, shipped)
    return 255 - image if np.median(image) > LIGHT else image


def prepare_all(folder: Path, prepare: Prepare) -> tuple[Image, NDArray[np.uint8], list[str]]:
    """Read and prepare every file in the folders 0 to 9 of a folder.

    Returns:
        Images uint8 (n, 28, 28), their labels uint8 (n,), and a sentence for each file that can't be read.

    Raises:
        DataError: there is no such folder, it has no folders 0 to 9, or no file in them can be read.

    """
    files = [
        (path, digit) for digit in range(10) for path in sorted((folder / str(digit)).rglob("*")) if path.is_file()
    ]
    if not files:
        raise DataError(f"There are no pictures in folders 0 to 9 of {folder}.")
    pictures: list[Image] = []
    labels: list[int] = []
    unreadable = []
    for path, digit in files:
        try:
            pictures.append(prepare(_decode(path)))
            labels.append(digit)
        except (ServiceError, OSError) as error:
            unreadable.append(f"{path}: {error}")
    if not pictures:
        raise DataError(f"None of the {len(files)} files in {folder} can be read; the first is {unreadable[0]}")
    return np.stack(pictures), np.array(labels, np.uint8), unreadable


def _decode(path: Path) -> Image:
    limits = Settings()
    return decode.decode(path.read_bytes(), limits.max_pixels, limits.max_frames)
