"""Augmentation: rotation, slant, scale, shift, bending and the width of the pen."""

import cv2
import numpy as np
from numpy.typing import NDArray

from service.preparation.normalize import DIGIT_SHAPE, DIGIT_SIDE_PX

# Every digit stays recognizable within these ranges. Turned further, a nine is a six; squeezed further, an eight is a
# one.
MAX_TURN_RADIANS = np.radians(12)
MAX_SLANT = 0.25
SCALE_RANGE = (0.85, 1.12)
MAX_SHIFT_PX = 1.5
MAX_BEND_PX = 1.2  # of each point of a 5x5 grid, after Simard, Steinkraus and Platt 2003

# The bounds of the random values of a digit, in this order; the last two are for the pen.
LOWER_BOUNDS, UPPER_BOUNDS = np.array(
    [
        (-MAX_TURN_RADIANS, MAX_TURN_RADIANS),
        (-MAX_SLANT, MAX_SLANT),
        *[SCALE_RANGE] * 2,
        *[(-MAX_SHIFT_PX, MAX_SHIFT_PX)] * 2,
        *[(-MAX_BEND_PX, MAX_BEND_PX)] * 50,
        *[(0, 1)] * 2,
    ]
).T
CENTER_PX = (DIGIT_SIDE_PX - 1) / 2
GRID = np.mgrid[:DIGIT_SIDE_PX, :DIGIT_SIDE_PX][::-1].reshape(2, -1) - CENTER_PX


def augment(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return digits uint8 (n, 28, 28) turned, slanted, scaled, shifted, bent, and with strokes of other pens."""
    values = rng.uniform(LOWER_BOUNDS, UPPER_BOUNDS, (len(images), len(LOWER_BOUNDS)))
    turn, slant, size, shift, bend, pen = np.split(values, [1, 2, 4, 6, 56], axis=1)
    places = _matrices(turn[:, 0], slant[:, 0], size) @ GRID + CENTER_PX + shift[:, :, None]
    rows = zip(images, places, bend.astype(np.float32), pen, strict=True)
    return np.stack([_change_pen(_distort(image, place, points), *chances) for image, place, points, chances in rows])


def _matrices(turn: NDArray[np.float64], slant: NDArray[np.float64], size: NDArray[np.float64]) -> NDArray[np.float64]:
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    slanted = np.array([[np.ones_like(slant), slant], [np.zeros_like(slant), np.ones_like(slant)]])
    return turned.transpose(2, 0, 1) @ slanted.transpose(2, 0, 1) / size[:, None]


def _distort(image: NDArray[np.uint8], places: NDArray[np.float64], points: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Sample each pixel of a digit at its place (2, 784), shifted by the bend of the 5x5 points around it."""
    bend = cv2.resize(points.reshape(5, 5, 2), DIGIT_SHAPE, interpolation=cv2.INTER_CUBIC).transpose(2, 0, 1)
    columns, rows = (places.reshape(2, *DIGIT_SHAPE) + bend).astype(np.float32)
    return cv2.remap(image, columns, rows, cv2.INTER_CUBIC)


def _change_pen(image: NDArray[np.uint8], kind: float, part: float) -> NDArray[np.uint8]:
    """Mix a digit with itself in thicker, thinner or blurred strokes; which, or none, depends on `kind` in [0, 1]."""
    if kind < 0.2:
        changed = cv2.dilate(image, np.ones((3, 3), np.uint8))
    elif kind < 0.35:
        changed, part = cv2.erode(image, np.ones((2, 2), np.uint8)), part * 0.7
    elif kind < 0.55:
        changed = cv2.GaussianBlur(image, (0, 0), 0.8)
    else:
        return image
    return cv2.addWeighted(changed, part, image, 1 - part, 0)
