"""Digits that can be drawn of any size and with any pen: traced from MNIST, or written as strokes."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.data.datasets import Digits
from training.synthetic import letterforms

Gray = NDArray[np.uint8]
Array = NDArray[np.float32]

FINE = 4  # times MNIST's resolution, at which its digits are traced


@dataclass(frozen=True)
class Traced:
    """A digit of MNIST: how far each place is within its outline, in MNIST's pixels, at `FINE` times its resolution."""

    depth: Array
    label: int

    @classmethod
    def of(cls, image: Gray, label: int, rng: Generator) -> "Traced":
        """Trace an image uint8 (28, 28), turned and slanted a little."""
        turn, slant = rng.normal(0, 0.07), rng.normal(0, 0.1)
        matrix = FINE * np.array([[np.cos(turn) * np.exp(rng.normal(0, 0.08)), slant - np.sin(turn)],
                                  [np.sin(turn), np.cos(turn)]])  # fmt: skip
        side = 34 * FINE
        shift = side / 2 - matrix @ (13.5, 13.5)
        large = cv2.warpAffine(
            image.astype(np.float32), np.column_stack([matrix, shift]), (side, side), flags=cv2.INTER_CUBIC
        )
        inside = (cv2.GaussianBlur(large, (0, 0), FINE / 3) > 110).astype(np.uint8)
        outer, inner = (cv2.distanceTransform(mask, cv2.DIST_L2, 5) for mask in (1 - inside, inside))
        left, top, width, height = cv2.boundingRect(inside)
        room = 2 * FINE
        box = slice(max(top - room, 0), top + height + room), slice(max(left - room, 0), left + width + room)
        return cls((inner - outer)[box] / FINE, label)

    @cached_property
    def pen(self) -> float:
        """The width of its strokes, in parts of its height."""
        inside = self.depth[self.depth > 0]
        return 2 * float(np.percentile(inside, 90)) / self.rows if inside.size else 0.1

    @property
    def rows(self) -> float:
        """Its height, in MNIST's pixels."""
        return float(self.depth.shape[0] / FINE - 4)

    @property
    def width(self) -> float:
        """Its width, in parts of its height."""
        return float(self.depth.shape[1] / FINE - 4) / self.rows

    def draw(self, layer: Array, at: tuple[float, float], height: float, pen: float) -> None:
        """Draw it on a layer with its top left at a place, so tall and with strokes so wide."""
        zoom = height / self.rows
        grow = (pen - self.pen * height) / 2
        size = [max(1, round(side * zoom / FINE)) for side in self.depth.shape]
        depth = cv2.resize(self.depth, size[::-1], interpolation=cv2.INTER_LINEAR) * zoom
        stamp(layer, np.clip(depth + grow + 0.5, 0, 1), round(at[0] - 2 * zoom), round(at[1] - 2 * zoom))


@dataclass(frozen=True)
class Written:
    """A digit as strokes."""

    strokes: list[letterforms.Stroke]
    label: int

    @classmethod
    def of(cls, label: int, rng: Generator) -> "Written":
        """Write a digit in a hand drawn by chance."""
        return cls(letterforms.write(label, rng), label)

    @property
    def width(self) -> float:
        """Its width, in parts of its height."""
        return float(max(stroke[:, 0].max() for stroke in self.strokes))

    def draw(self, layer: Array, at: tuple[float, float], height: float, pen: float) -> None:
        """Draw it on a layer with its top left at a place, so tall and with strokes so wide."""
        strength = min(1.0, 0.35 + 0.65 * pen)
        for stroke in self.strokes:
            points = np.rint((stroke * height + at) * 16).astype(np.int32)
            cv2.polylines(layer, [points], False, strength, max(1, round(pen)), cv2.LINE_AA, 4)


Glyph = Traced | Written


@dataclass(frozen=True)
class Placed:
    """A digit at its place on the canvas."""

    glyph: Glyph
    left: float
    top: float
    height: float
    pen: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        return self.left, self.top, self.left + self.glyph.width * self.height, self.top + self.height


@dataclass(frozen=True)
class Source:
    """What digits are drawn of: MNIST's, and letterforms for a part of them."""

    digits: Digits
    hands: float

    def glyph(self, rng: Generator) -> Glyph:
        """Return a digit chosen by chance."""
        if rng.random() < self.hands:
            return Written.of(int(rng.integers(10)), rng)
        place = int(rng.integers(len(self.digits)))
        return Traced.of(self.digits.images[place], int(self.digits.labels[place]), rng)


def stamp(layer: Array, patch: Array, left: int, top: int) -> None:
    """Lay a patch on a layer, as much of it as lies within."""
    rows = slice(max(top, 0), max(min(top + patch.shape[0], layer.shape[0]), 0))
    columns = slice(max(left, 0), max(min(left + patch.shape[1], layer.shape[1]), 0))
    if rows.start < rows.stop and columns.start < columns.stop:
        part = patch[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        np.maximum(layer[rows, columns], part, out=layer[rows, columns])
