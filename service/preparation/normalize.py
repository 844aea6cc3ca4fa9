"""Gray images into digits of 28x28 in MNIST's form, and digits into vectors, which the model reads.

MNIST shows white ink on black. Only this module scales pixels: training uses it too.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.errors import UnclearInk, WrongImageSize
from service.preparation.finder import Finder, LocatedDigit
from service.preparation.quantiles import median
from service.preparation.segmentation import MIN_CLEARNESS, measure_clearness
from service.preparation.types import Floats, Gray, Ink

DIGIT_SIDE_PX = 28
DIGIT_SHAPE = (DIGIT_SIDE_PX, DIGIT_SIDE_PX)
VECTOR_SIZE = DIGIT_SIDE_PX * DIGIT_SIDE_PX
FITTED_SIDE_PX = 20  # the longer side of a digit's ink in MNIST
MAX_BACKGROUND_LEVEL = 4  # MNIST's background is 0, and JPEG's artifacts in it are hardly more
MIN_LIGHTEST_LEVEL = 128
MIN_EDGE_LEVEL = 24  # the edges of strokes are lighter, and JPEG's artifacts are darker
MAX_OFF_CENTER_PX = 0.75


def prepare(image: Gray, finder: Finder) -> Gray:
    """Return the digit of an image uint8 (height, width) in MNIST's form, light ink on dark, uint8 (28, 28).

    An image of 28x28 that is in MNIST's form already is returned unchanged, or inverted where it is dark on light. In
    any other image the ink is found, fitted to 20x20 keeping its aspect ratio, and placed in 28x28 by its center of
    mass (LeCun, Cortes and Burges, http://yann.lecun.com/exdb/mnist/).

    Raises:
        NoDigit: the image shows no digit.

    """
    return locate(image, finder)[0]


def locate(image: Gray, finder: Finder) -> tuple[Gray, LocatedDigit | None]:
    """Return the digit, as `prepare` does, and its ink; None for the ink of an image in MNIST's form.

    Raises:
        NoDigit: the image shows no digit.

    """
    if (digit := match_mnist_form(image)) is not None:
        return digit, None
    located = finder.find(image)
    if measure_clearness(located.ink) < MIN_CLEARNESS:
        raise UnclearInk("There is no digit in the image.")
    return center_ink(located.ink), located


def match_mnist_form(image: Gray) -> Gray | None:
    """Return an image that is in MNIST's form already, light on dark, uint8 (28, 28); None for any other image."""
    if image.shape != DIGIT_SHAPE:
        return None
    return next((digit for digit in (image, 255 - image) if _is_in_mnist_form(digit)), None)


def locate_ink(digit: Gray) -> LocatedDigit:
    """Return all ink of a digit uint8 (28, 28), in the form in which the finder returns it."""
    rows, columns = (np.flatnonzero(digit.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return LocatedDigit(np.zeros(DIGIT_SHAPE, np.float32), (0.0, 0.0, DIGIT_SIDE_PX, DIGIT_SIDE_PX))
    left, top, right, bottom = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    ink = digit[top:bottom, left:right].astype(np.float32) / np.float32(255)
    return LocatedDigit(ink, (float(left), float(top), float(right - left), float(bottom - top)))


def require_28x28(image: Gray) -> Gray:
    """Return an image uint8 (28, 28) unchanged, as a digit.

    Raises:
        WrongImageSize: the image has another size.

    """
    if image.shape != DIGIT_SHAPE:
        height, width = image.shape
        raise WrongImageSize(f"Without preparation an image must be 28x28; this one is {width}x{height}.")
    return image


def to_vectors(digits: Gray) -> Floats:
    """Return digits uint8 (n, 28, 28), or one digit (28, 28), as vectors float32 (n, 784) in [0, 1]."""
    return digits.reshape(-1, VECTOR_SIZE).astype(np.float32) / np.float32(255)


def _is_in_mnist_form(image: Gray) -> bool:
    """Return whether an image uint8 (28, 28) is light on black, 20 pixels long and centered by its mass.

    All of MNIST's 70,000 images have their center of mass within half a pixel of (14, 14), and 99.98% are 20 pixels
    long. JPEG moves both a little.
    """
    if median(image) > MAX_BACKGROUND_LEVEL or image.max() < MIN_LIGHTEST_LEVEL:
        return False
    inked = [np.flatnonzero((image > MIN_EDGE_LEVEL).any(axis=axis)) for axis in (0, 1)]
    extent = max(int(places[-1] - places[0]) + 1 for places in inked)
    off_center = max(abs(_center_of_mass(image.sum(axis=axis)) - DIGIT_SIDE_PX / 2) for axis in (0, 1))
    return FITTED_SIDE_PX - 2 <= extent <= FITTED_SIDE_PX + 1 and off_center < MAX_OFF_CENTER_PX


def center_ink(ink: Ink) -> Gray:
    """Return ink float32 (height, width) in [0, 1] as a digit uint8 (28, 28): fitted to 20x20, centered by its mass."""
    factor = FITTED_SIDE_PX / max(ink.shape)
    size = max(1, round(ink.shape[1] * factor)), max(1, round(ink.shape[0] * factor))
    resampling = Image.Resampling.BOX if factor < 0.5 else Image.Resampling.BILINEAR
    fitted = np.asarray(Image.fromarray(ink).resize(size, resampling))
    top, left = (_centered_start(fitted.sum(axis=1 - axis)) for axis in (0, 1))
    height, width = fitted.shape
    digit = np.zeros(DIGIT_SHAPE, np.uint8)
    digit[top : top + height, left : left + width] = np.rint(fitted * 255)
    return digit


def _centered_start(mass: Floats) -> int:
    """Return the row or column at which a digit starts, so that its mass (n,) along this axis is centered."""
    return min(max(round(DIGIT_SIDE_PX / 2 - _center_of_mass(mass)), 0), DIGIT_SIDE_PX - len(mass))


def _center_of_mass(mass: NDArray[np.number]) -> float:
    return float(mass @ np.arange(len(mass)) / mass.sum())
