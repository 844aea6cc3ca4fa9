"""MNIST's images as other hands would have written them, and other pens."""

import cv2
import numpy as np
from numpy.typing import NDArray

from service.digits import SIDE

# Ranges seen to keep every digit what it is: a nine turned further is a six, an eight squeezed further a one.
TURN = np.radians(12)
SLANT = 0.25
SIZE = (0.85, 1.12)
SHIFT = 1.5  # pixels
BEND = 1.2  # pixels; of a 5x5 grid of points, after Simard, Steinkraus and Platt 2003


def augment(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Turn, slant, size, shift and bend a digit uint8 (28, 28), and draw it with another pen."""
    return _redraw(_distort(image, rng), rng)


def _distort(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    turn, slant = rng.uniform(-TURN, TURN), rng.uniform(-SLANT, SLANT)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ [[1, slant], [0, 1]]
    matrix /= rng.uniform(*SIZE, 2)
    middle = (SIDE - 1) / 2
    grid = np.mgrid[:SIDE, :SIDE][::-1].reshape(2, -1) - middle
    places = matrix @ grid + middle + rng.uniform(-SHIFT, SHIFT, (2, 1))
    columns, rows = (places.reshape(2, SIDE, SIDE) + _bend(rng)).astype(np.float32)
    return cv2.remap(image, columns, rows, cv2.INTER_CUBIC)


def _bend(rng: np.random.Generator) -> NDArray[np.float32]:
    points = rng.uniform(-BEND, BEND, (5, 5, 2)).astype(np.float32)
    return cv2.resize(points, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC).transpose(2, 0, 1)


def _redraw(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Thicken, thin or blur the strokes of some digits, in part."""
    kind, part = rng.uniform(), rng.uniform(0, 1)
    if kind < 0.2:
        other = cv2.dilate(image, np.ones((3, 3), np.uint8))
    elif kind < 0.35:
        other, part = cv2.erode(image, np.ones((2, 2), np.uint8)), part * 0.7
    elif kind < 0.55:
        other = cv2.GaussianBlur(image, (0, 0), 0.8)
    else:
        return image
    return cv2.addWeighted(other, part, image, 1 - part, 0)
