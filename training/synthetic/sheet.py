"""The sheet that a scene is drawn on.

Digits have their places on a canvas of twice the finder's resolution. The sheet is the part of it that an image shows.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from service.preparation.looks import LOOK_SIDE_PX
from service.preparation.types import Floats
from training.synthetic.glyphs import SUBPIXEL_BITS, PlacedDigit
from training.synthetic.rendering import Shape

CANVAS_SIDE_PX = 2 * LOOK_SIDE_PX


@dataclass
class Sheet:
    """The part of the canvas that an image shows, in pixels of the canvas, and what is drawn on it."""

    left: float
    top: float
    shape: Shape
    image_shape: Shape  # in pixels of the image
    ink: Floats  # of digits
    clutter: Floats  # darker than the paper, as ink is; lighter where it is less than 0

    @property
    def pixel_size(self) -> float:
        """The side of one of the image's pixels, in pixels of the canvas."""
        return self.shape[1] / self.image_shape[1]

    def find_edges(self, digits: list[PlacedDigit]) -> NDArray[np.float64]:
        """Return left, top, right and bottom of each digit on the sheet (n, 4), or of its middle without digits."""
        return find_edges(digits) - np.tile([self.left, self.top], 2)


Clutter = Callable[[Sheet, list[PlacedDigit], Generator], None]


def find_edges(digits: list[PlacedDigit]) -> NDArray[np.float64]:
    """Return left, top, right and bottom of each digit (n, 4), or of the canvas's middle where there are no digits."""
    return np.array([digit.edges for digit in digits] or [(60, 60, 200, 200)], np.float64)


def find_bounds(digits: list[PlacedDigit]) -> tuple[list[float], list[float]]:
    """Return left and top, right and bottom, of all digits, or of the canvas's middle where there are no digits."""
    edges = np.array([digit.edges for digit in digits] or [(90, 90, 166, 166)])
    low, high = edges[:, :2].min(axis=0), edges[:, 2:].max(axis=0)
    return np.clip(low, 4, CANVAS_SIDE_PX - 30).tolist(), np.clip(high, 30, CANVAS_SIDE_PX - 4).tolist()


def draw_line(layer: Floats, points: NDArray[np.float64], width: float, strength: float) -> None:
    """Draw straight lines from point to point, x and y (n, 2); the darker ink of both stays."""
    places = np.rint(points * 2**SUBPIXEL_BITS).astype(np.int32)
    strength = strength * min(1.0, 0.3 + 0.7 * width)
    width_px = max(1, round(width))
    line = cv2.polylines(np.zeros_like(layer), [places], False, strength, width_px, cv2.LINE_AA, SUBPIXEL_BITS)
    np.maximum(layer, line, out=layer)


def choose_strength(rng: Generator) -> float:
    """Return how dark clutter is, in [0, 1]: mostly as dark as ink."""
    return float(rng.uniform(0.6, 1) if rng.random() < 0.6 else rng.uniform(0.15, 0.6))
