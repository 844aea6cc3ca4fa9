"""MNIST's images as other hands would have written them, and other pens."""

import cv2
import numpy as np
from numpy.typing import NDArray

from service.preparation.normalize import SIDE

# Ranges seen to keep every digit what it is: a nine turned further is a six, an eight squeezed further a one.
TURN = np.radians(12)
SLANT = 0.25
SIZE = (0.85, 1.12)
SHIFT = 1.5  # pixels
BEND = 1.2  # pixels; of a 5x5 grid of points, after Simard, Steinkraus and Platt 2003

# Of all that is drawn for a digit, in this order; the last two are for its pen.
LOWEST, HIGHEST = np.array(
    [(-TURN, TURN), (-SLANT, SLANT), *[SIZE] * 2, *[(-SHIFT, SHIFT)] * 2, *[(-BEND, BEND)] * 50, *[(0, 1)] * 2]
).T
MIDDLE = (SIDE - 1) / 2
GRID = np.mgrid[:SIDE, :SIDE][::-1].reshape(2, -1) - MIDDLE


def augment(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Turn, slant, size, shift and bend digits uint8 (n, 28, 28), and draw them with other pens."""
    drawn = rng.uniform(LOWEST, HIGHEST, (len(images), len(LOWEST)))
    turn, slant, size, shift, bend, pen = np.split(drawn, [1, 2, 4, 6, 56], axis=1)
    places = _matrices(turn[:, 0], slant[:, 0], size) @ GRID + MIDDLE + shift[:, :, None]
    rows = zip(images, places, bend.astype(np.float32), pen, strict=True)
    return np.stack([_redraw(_distort(image, place, points), *chances) for image, place, points, chances in rows])


def _matrices(turn: NDArray[np.float64], slant: NDArray[np.float64], size: NDArray[np.float64]) -> NDArray[np.float64]:
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    slanted = np.array([[np.ones_like(slant), slant], [np.zeros_like(slant), np.ones_like(slant)]])
    return turned.transpose(2, 0, 1) @ slanted.transpose(2, 0, 1) / size[:, None]


def _distort(image: NDArray[np.uint8], places: NDArray[np.float64], points: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Take each pixel of a digit from its place (2, 784), moved as the 5x5 points around it are."""
    bend = cv2.resize(points.reshape(5, 5, 2), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC).transpose(2, 0, 1)
    columns, rows = (places.reshape(2, SIDE, SIDE) + bend).astype(np.float32)
    return cv2.remap(image, columns, rows, cv2.INTER_CUBIC)


def _redraw(image: NDArray[np.uint8], kind: float, part: float) -> NDArray[np.uint8]:
    """Thicken, thin or blur the strokes of some digits, in part."""
    if kind < 0.2:
        other = cv2.dilate(image, np.ones((3, 3), np.uint8))
    elif kind < 0.35:
        other, part = cv2.erode(image, np.ones((2, 2), np.uint8)), part * 0.7
    elif kind < 0.55:
        other = cv2.GaussianBlur(image, (0, 0), 0.8)
    else:
        return image
    return cv2.addWeighted(other, part, image, 1 - part, 0)
