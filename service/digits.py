"""Grayscale pictures into the 28x28 form of MNIST, and that into the network's float32 vectors.

MNIST shows white ink on black. This is the one place where pixels are scaled: training uses it too.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from service import ink
from service.errors import NoDigit, WrongImageSize

# Requests run beside each other already, and threads of OpenCV's own are lost when a worker is forked.
cv2.setNumThreads(1)

SIDE = 28
BOX = 20  # the longer side of a digit, as MNIST fits it

# Strokes are drawn at so many times MNIST's resolution, so that their edges come out as gray as MNIST's.
FINE = 5
# Strokes of another width, in MNIST's pixels, are brought towards it: MNIST's are mostly 2 to 5 wide.
THINNEST, WIDEST = 2.2, 5.0
HAIRLINE = 1.2  # at least, before the strokes are smoothed, which would wipe thinner ones out

_RING = np.pad(np.zeros((SIDE - 2, SIDE - 2), bool), 1, constant_values=True)


def prepare(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Make a digit as MNIST drew them, light ink on dark, uint8 (28, 28), of any picture uint8 (height, width).

    A picture of 28x28 that is in MNIST's form already is taken as it is, and one dark on light only inverted.
    Of any other, the ink is found, fitted to 20x20 keeping its aspect ratio, and placed in 28x28 by its centre of
    mass (LeCun, Cortes and Burges, http://yann.lecun.com/exdb/mnist/).

    Raises:
        NoDigit: the picture shows nothing written.

    """
    if picture.shape == (SIDE, SIDE):
        for placed in (picture, 255 - picture):
            if _is_placed(placed):
                return placed
    return _place(_draw(ink.find(picture)))


def take(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Take a picture uint8 (28, 28) for a digit as it is.

    Raises:
        WrongImageSize: the picture has another size.

    """
    if picture.shape != (SIDE, SIDE):
        height, width = picture.shape
        raise WrongImageSize(f"Without preparation a picture must be {SIDE}x{SIDE}; this one is {width}x{height}.")
    return picture


def scale(digits: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Scale digits uint8 (n, 28, 28), or one of (28, 28), to vectors float32 (n, 784) in [0, 1]."""
    return digits.reshape(-1, SIDE * SIDE).astype(np.float32) / np.float32(255)


def _is_placed(picture: NDArray[np.uint8]) -> bool:
    """Tell whether a picture uint8 (28, 28) is light on dark, clean around, of MNIST's size and in the middle."""
    if np.count_nonzero(picture[_RING] > 48) > 10 or picture.max() < 128:
        return False
    _, _, width, height = cv2.boundingRect((picture > 64).view(np.uint8))
    moments = cv2.moments(picture)
    off = max(abs(moments[axis] / moments["m00"] - (SIDE - 1) / 2) for axis in ("m10", "m01"))
    return 14 <= max(width, height) <= 24 and off < 3


def _draw(found: NDArray[np.float32]) -> NDArray[np.float32]:
    """Draw found ink with sharp edges and a pen of MNIST's, `FINE` times as large as MNIST has it, cropped."""
    # Hairlines would not outlast a reduction: they get their pen before it.
    scale = max(max(found.shape) / BOX, FINE)
    drawn = np.pad(_fit(found, round(scale * BOX)), round(scale * BOX / 8))
    drawn = _widen(drawn, max(HAIRLINE - _stroke_width(drawn, scale), 0), scale)
    drawn = _fit(drawn, max(drawn.shape) * FINE / scale)
    drawn = np.clip((cv2.GaussianBlur(drawn, (0, 0), 1.5) - 0.5) * 3 + 0.5, 0, 1)
    width = _stroke_width(drawn, FINE)
    drawn = _widen(drawn, max(THINNEST - width, 0) - 0.7 * max(width - WIDEST, 0), FINE)
    left, top, width, height = cv2.boundingRect((drawn > 0.5).view(np.uint8))
    if not width:
        raise NoDigit("There is no digit in the picture.")
    return drawn[top : top + height, left : left + width]


def _fit(picture: NDArray[np.float32], side: float) -> NDArray[np.float32]:
    """Scale a picture to a longer side, keeping the aspect ratio."""
    factor = side / max(picture.shape)
    size = max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)


def _stroke_width(drawn: NDArray[np.float32], scale: float) -> float:
    """Measure the width of the strokes, in MNIST's pixels, of which each is `scale` here."""
    inside = (drawn > 0.5).view(np.uint8)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 3)[inside > 0]
    deep = depth.size * 9 // 10
    return 2 * float(np.partition(depth, deep)[deep]) / scale if depth.size else 1.0


def _widen(drawn: NDArray[np.float32], change: float, scale: float) -> NDArray[np.float32]:
    """Make strokes wider, or thinner, by so many of MNIST's pixels."""
    size = 1 + round(abs(change) * scale)
    if size == 1:
        return drawn
    pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return cv2.dilate(drawn, pen) if change > 0 else cv2.erode(drawn, pen)


def _place(drawn: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Bring a digit to 20x20, and its centre of mass to the middle of 28x28, as near as whole pixels come."""
    digit = _fit(drawn, BOX)
    top, left = (_start(digit.sum(axis=1 - axis)) for axis in (0, 1))
    height, width = digit.shape
    placed = np.zeros((SIDE, SIDE), np.uint8)
    placed[top : top + height, left : left + width] = np.rint(digit * 255)
    return placed


def _start(mass: NDArray[np.float32]) -> int:
    """Choose where a digit starts along an axis, by its mass (n,) in each place."""
    center = mass @ np.arange(len(mass)) / mass.sum()
    return min(max(round((SIDE - 1) / 2 - float(center)), 0), SIDE - len(mass))
