"""Glyphs: digits that can be drawn at any size and with any pen, traced from MNIST or written as strokes."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.random import Generator

from service.preparation.types import Edges, Floats, Gray
from training.data.datasets import Digits
from training.synthetic import letterforms
from training.synthetic.rendering import stamp
from training.synthetic.strokes import Stroke

TRACE_SCALE = 4  # times MNIST's resolution, at which its digits are traced
TRACE_SIDE_PX = 34 * TRACE_SCALE
MARGIN_PX = 2  # of MNIST's pixels, around a traced digit
MIN_INK = 110  # of 255: the outline of a digit is where its ink reaches this level
MNIST_CENTER = (13.5, 13.5)
SUBPIXEL_BITS = 4  # OpenCV draws lines at coordinates in units of 1/16 pixel


@dataclass(frozen=True)
class TracedDigit:
    """A digit of MNIST as a map of depth, in MNIST's pixels: how far each place is inside the outline.

    The map has `TRACE_SCALE` times MNIST's resolution, and a margin of `MARGIN_PX`.
    """

    depth: Floats
    label: int

    @classmethod
    def trace(cls, image: Gray, label: int, rng: Generator) -> "TracedDigit":
        """Trace an image uint8 (28, 28), turned and slanted a little."""
        inside = (cv2.GaussianBlur(_enlarge(image, rng), (0, 0), TRACE_SCALE / 3) > MIN_INK).astype(np.uint8)
        outer, inner = (cv2.distanceTransform(mask, cv2.DIST_L2, 5) for mask in (1 - inside, inside))
        left, top, width, height = cv2.boundingRect(inside)
        margin = MARGIN_PX * TRACE_SCALE
        rows = slice(max(top - margin, 0), top + height + margin)
        columns = slice(max(left - margin, 0), left + width + margin)
        return cls((inner - outer)[rows, columns] / TRACE_SCALE, label)

    @cached_property
    def pen(self) -> float:
        """The width of the strokes, in parts of the height."""
        inside = self.depth[self.depth > 0]
        return 2 * float(np.percentile(inside, 90)) / self.height_px if inside.size else 0.1

    @property
    def height_px(self) -> float:
        """The height, in MNIST's pixels."""
        return float(self.depth.shape[0] / TRACE_SCALE - 2 * MARGIN_PX)

    @property
    def width(self) -> float:
        """The width, in parts of the height."""
        return float(self.depth.shape[1] / TRACE_SCALE - 2 * MARGIN_PX) / self.height_px

    def draw(self, layer: Floats, corner: tuple[float, float], height: float, pen: float) -> None:
        """Draw the digit on a layer of ink, with its top left at `corner`, x and y; `pen` is the width of its strokes.

        All lengths are in the layer's pixels.
        """
        zoom = height / self.height_px
        growth = (pen - self.pen * height) / 2
        size = [max(1, round(side * zoom / TRACE_SCALE)) for side in self.depth.shape]
        depth = cv2.resize(self.depth, size[::-1], interpolation=cv2.INTER_LINEAR) * zoom
        left, top = (round(place - MARGIN_PX * zoom) for place in corner)
        stamp(layer, np.clip(depth + growth + 0.5, 0, 1), left, top)


def _enlarge(image: Gray, rng: Generator) -> Floats:
    """Enlarge an image uint8 (28, 28), turned and slanted a little, to a square of `TRACE_SIDE_PX`."""
    turn, slant = rng.normal(0, 0.07), rng.normal(0, 0.1)
    stretch = np.exp(rng.normal(0, 0.08))
    matrix = TRACE_SCALE * np.array([[np.cos(turn) * stretch, slant - np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shift = TRACE_SIDE_PX / 2 - matrix @ MNIST_CENTER
    transform, size = np.column_stack([matrix, shift]), (TRACE_SIDE_PX, TRACE_SIDE_PX)
    return cv2.warpAffine(image.astype(np.float32), transform, size, flags=cv2.INTER_CUBIC)


@dataclass(frozen=True)
class WrittenDigit:
    """A letterform: a digit as strokes."""

    strokes: list[Stroke]
    label: int

    @classmethod
    def write(cls, label: int, rng: Generator) -> "WrittenDigit":
        """Write a digit in a random hand."""
        return cls(letterforms.write(label, rng), label)

    @property
    def width(self) -> float:
        """The width, in parts of the height."""
        return float(max(stroke[:, 0].max() for stroke in self.strokes))

    def draw(self, layer: Floats, corner: tuple[float, float], height: float, pen: float) -> None:
        """Draw the digit on a layer of ink, with its top left at `corner`, x and y; `pen` is the width of its strokes.

        All lengths are in the layer's pixels.
        """
        strength = min(1.0, 0.35 + 0.65 * pen)
        for stroke in self.strokes:
            points = np.rint((stroke * height + corner) * 2**SUBPIXEL_BITS).astype(np.int32)
            cv2.polylines(layer, [points], False, strength, max(1, round(pen)), cv2.LINE_AA, SUBPIXEL_BITS)


Glyph = TracedDigit | WrittenDigit


@dataclass(frozen=True)
class PlacedDigit:
    """A glyph at its place on the canvas, in pixels of the canvas."""

    glyph: Glyph
    left: float
    top: float
    height: float
    pen: float

    @property
    def edges(self) -> Edges:
        """Left, top, right, bottom."""
        return self.left, self.top, self.left + self.glyph.width * self.height, self.top + self.height


@dataclass(frozen=True)
class GlyphSource:
    """Digits to draw glyphs of: images of MNIST, and letterforms as the rest."""

    digits: Digits
    letterform_ratio: float

    def choose_glyph(self, rng: Generator) -> Glyph:
        """Return a random glyph."""
        if rng.random() < self.letterform_ratio:
            return WrittenDigit.write(int(rng.integers(10)), rng)
        index = int(rng.integers(len(self.digits)))
        return TracedDigit.trace(self.digits.images[index], int(self.digits.labels[index]), rng)
