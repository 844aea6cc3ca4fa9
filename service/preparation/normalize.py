"""Grayscale images into the 28x28 form of MNIST, and that into the network's float32 vectors.

MNIST shows white ink on black. This is the one place where pixels are scaled: training uses it too.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.errors import UnclearInk, WrongImageSize
from service.preparation.finder import Finder, Found
from service.preparation.segmentation import MIN_CLEARNESS, clearness

SIDE = 28
BOX = 20  # the longer side of a digit, as MNIST fits it
DARK = 4  # levels: MNIST's background is 0, and JPEG's hardly more
EDGE = 24  # levels that the edges of strokes have, and JPEG's artifacts have not
OFF_CENTER_PX = 0.75


def prepare(image: NDArray[np.uint8], finder: Finder) -> NDArray[np.uint8]:
    """Return the digit of an image uint8 (height, width) as MNIST drew them, light ink on dark, uint8 (28, 28).

    An image of 28x28 that is in MNIST's form already is returned unchanged, and one dark on light only inverted.
    In any other the ink is found, fitted to 20x20 keeping its aspect ratio, and placed in 28x28 by its center of
    mass (LeCun, Cortes and Burges, http://yann.lecun.com/exdb/mnist/).

    Raises:
        NoDigit: the image shows no digit.

    """
    return locate(image, finder)[0]


def locate(image: NDArray[np.uint8], finder: Finder) -> tuple[NDArray[np.uint8], Found | None]:
    """Return what `prepare` does, and the ink that was found; none in an image that is in MNIST's form already.

    Raises:
        NoDigit: the image shows no digit.

    """
    if (placed := as_placed(image)) is not None:
        return placed, None
    found = finder.find(image)
    if clearness(found.ink) < MIN_CLEARNESS:
        raise UnclearInk("There is no digit in the image.")
    return place(found.ink), found


def as_placed(image: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return an image that is in MNIST's form already, light on dark, uint8 (28, 28); None for any other."""
    if image.shape != (SIDE, SIDE):
        return None
    return next((placed for placed in (image, 255 - image) if _is_placed(placed)), None)


def whole(digit: NDArray[np.uint8]) -> Found:
    """Return all ink of a digit uint8 (28, 28) as what would have been found in an image that shows it alone."""
    rows, columns = (np.flatnonzero(digit.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return Found(np.zeros((SIDE, SIDE), np.float32), (0.0, 0.0, SIDE, SIDE))
    left, top, right, bottom = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    ink = digit[top:bottom, left:right].astype(np.float32) / np.float32(255)
    return Found(ink, (float(left), float(top), float(right - left), float(bottom - top)))


def take(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Take an image uint8 (28, 28) for a digit as it is.

    Raises:
        WrongImageSize: the image has another size.

    """
    if image.shape != (SIDE, SIDE):
        height, width = image.shape
        raise WrongImageSize(f"Without preparation a picture must be {SIDE}x{SIDE}; this one is {width}x{height}.")
    return image


def scale(digits: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Scale digits uint8 (n, 28, 28), or one of (28, 28), to vectors float32 (n, 784) in [0, 1]."""
    return digits.reshape(-1, SIDE * SIDE).astype(np.float32) / np.float32(255)


def _is_placed(image: NDArray[np.uint8]) -> bool:
    """Tell whether an image uint8 (28, 28) is as MNIST has them: light on black, 20 pixels long, centered by its mass.

    All of MNIST's 70,000 have their center of mass within half a pixel of (14, 14), and 99.98% are 20 pixels long;
    JPEG moves both a little.
    """
    if np.median(image) > DARK or image.max() < 128:
        return False
    sides = [np.flatnonzero((image > EDGE).any(axis=axis)) for axis in (0, 1)]
    extent = max(int(side[-1] - side[0]) + 1 for side in sides)
    off = max(abs(_center(image.sum(axis=axis)) - SIDE / 2) for axis in (0, 1))
    return BOX - 2 <= extent <= BOX + 1 and off < OFF_CENTER_PX


def place(ink: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Bring ink float32 (height, width) in [0, 1] to 20x20, and its center of mass to the middle of 28x28."""
    factor = BOX / max(ink.shape)
    size = max(1, round(ink.shape[1] * factor)), max(1, round(ink.shape[0] * factor))
    filter_ = Image.Resampling.BOX if factor < 0.5 else Image.Resampling.BILINEAR
    digit = np.asarray(Image.fromarray(ink).resize(size, filter_))
    top, left = (_start(digit.sum(axis=1 - axis)) for axis in (0, 1))
    height, width = digit.shape
    placed = np.zeros((SIDE, SIDE), np.uint8)
    placed[top : top + height, left : left + width] = np.rint(digit * 255)
    return placed


def _start(mass: NDArray[np.float32]) -> int:
    """Return where a digit starts along an axis, by its mass (n,) in each place."""
    return min(max(round(SIDE / 2 - _center(mass)), 0), SIDE - len(mass))


def _center(mass: NDArray[np.number]) -> float:
    return float(mass @ np.arange(len(mass)) / mass.sum())
