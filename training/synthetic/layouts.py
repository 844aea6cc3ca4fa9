"""Layouts: where the digits of a scene are on the canvas. Lengths are in pixels of the canvas."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from service.preparation.types import Edges
from training.synthetic.glyphs import Glyph, GlyphSource, PlacedDigit, TracedDigit
from training.synthetic.sheet import CANVAS_SIDE_PX

MAX_DIGITS = 64  # in a scene
MIN_ROW_HEIGHT = 24.0


def place_digit(glyph: Glyph, rng: Generator) -> PlacedDigit:
    """Place a digit on the canvas: mostly large, as in close-ups and in drawings."""
    is_large = rng.random() < 0.5
    extent = CANVAS_SIDE_PX * (rng.uniform(0.5, 0.8) if is_large else np.exp(rng.uniform(*np.log((0.05, 0.7)))))
    height = extent / max(1.0, glyph.width)
    spread = (CANVAS_SIDE_PX - extent) / 2 * (rng.uniform(0, 0.3) if rng.random() < 0.7 else rng.uniform(0, 1))
    sides = glyph.width * height, height
    left, top = (CANVAS_SIDE_PX / 2 - side / 2 + rng.uniform(-1, 1) * spread for side in sides)
    return PlacedDigit(glyph, left, top, height, _choose_pen(glyph, height, rng))


def _choose_pen(glyph: Glyph, height: float, rng: Generator) -> float:
    """Return the width of a pen: of a hairline, a pen or a marker; digits of MNIST stay near their own width."""
    if isinstance(glyph, TracedDigit):
        pen, kind = glyph.pen * height, rng.random()
        if kind < 0.25:
            return max(pen * 0.5, height * 0.03)
        return max(pen * (rng.uniform(1.5, 2.2) if kind < 0.4 else rng.uniform(0.6, 1.5)), 1.0)
    kind = rng.random()
    ratios = (0.008, 0.035) if kind < 0.2 else (0.035, 0.15) if kind < 0.82 else (0.15, 0.3)
    return height * float(np.exp(rng.uniform(*np.log(ratios))))


@dataclass(frozen=True)
class _Rows:
    """The measures of rows of digits."""

    lines: int
    count: int  # digits in each row
    height: float
    gap: float  # in parts of the height; digits overlap where it is less than 0
    leading: float
    slope: float  # y for each x
    is_letterform: bool
    min_size: float  # of a digit, in parts of the height
    top: float


def place_rows(source: GlyphSource, rng: Generator) -> list[PlacedDigit]:
    """Place digits of one pen in one or several rows, which may slope; some digits touch."""
    rows = _choose_rows(source, rng)
    row_source = GlyphSource(source.digits, float(rows.is_letterform))
    digits: list[PlacedDigit] = []
    pen_ratio: float | None = None
    for line in range(rows.lines):
        left = _choose_left(rows, rng)
        for _ in range(rows.count):
            glyph = row_source.choose_glyph(rng)
            height = rows.height * rng.uniform(rows.min_size, 1.12)
            pen_ratio = _choose_pen(glyph, height, rng) / height if pen_ratio is None else pen_ratio
            top = rows.top + line * rows.leading + rows.slope * left + (rows.height - height) * rng.uniform(0, 1)
            top += rng.normal(0, 0.04) * rows.height
            digits.append(PlacedDigit(glyph, left, top, height, max(pen_ratio * height, 1.0)))
            left += height * (glyph.width + rows.gap + rng.uniform(-0.05, 0.1) * (rows.gap > 0.1))
    return [digit for digit in digits if _is_on_canvas(digit.edges)][:MAX_DIGITS]


def _choose_rows(source: GlyphSource, rng: Generator) -> _Rows:
    lines = 1 if rng.random() < 0.55 else int(rng.integers(2, 8))
    count = int(rng.integers(2, 13 if rng.random() < 0.3 else 7)) if lines == 1 else int(rng.integers(1, 10))
    heights = rng.uniform(0.45, 0.95) / (lines * 1.25), rng.uniform(0.8, 1.3) / (count * 0.75)
    height = max(CANVAS_SIDE_PX * min(heights), MIN_ROW_HEIGHT)
    gap = rng.uniform(-0.12, 0.06) if rng.random() < 0.35 else rng.uniform(0.08, 0.9 if rng.random() < 0.4 else 0.4)
    leading = height * rng.uniform(1.12, 1.9)
    slope, is_letterform = rng.normal(0, 0.07), rng.random() < source.letterform_ratio
    min_size = rng.uniform(0.6, 1.0)
    top = CANVAS_SIDE_PX / 2 - leading * lines / 2 + rng.uniform(-0.1, 0.1) * CANVAS_SIDE_PX
    return _Rows(lines, count, height, gap, leading, slope, is_letterform, min_size, top)


def _choose_left(rows: _Rows, rng: Generator) -> float:
    """Return where a row begins: one row stands in the middle."""
    if rows.lines > 1:
        return rng.uniform(-0.1, 0.35) * CANVAS_SIDE_PX
    return CANVAS_SIDE_PX / 2 - rows.count * rows.height * (0.6 + rows.gap) / 2


def _is_on_canvas(edges: Edges) -> bool:
    """Return whether a part of a digit is on the canvas. A digit that is cut has ink, but its center may be outside."""
    return edges[0] < CANVAS_SIDE_PX and edges[1] < CANVAS_SIDE_PX and edges[2] > 0 and edges[3] > 0
