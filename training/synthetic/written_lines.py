"""Lines of MNIST's digits, written by one pen."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from service.preparation.types import Floats, Gray
from training.data.datasets import Digits
from training.synthetic.rendering import Range, Shape, stamp, trace_digit


@dataclass(frozen=True)
class LineStyle:
    """How lines of digits are written; each range is one that a number is chosen from."""

    heights: Range = (60, 140)  # of digits, in pixels
    pens: Range = (-0.5, 0.7)  # how much wider than MNIST's strokes are, in its pixels
    gaps: Range = (0.12, 0.4)  # between digits, in parts of their height; digits overlap where it is less than 0
    max_tilt_deg: float = 1.5
    sizes: Range = (0.85, 1.1)  # of a digit, in parts of the height
    leadings: Range = (1.4, 2.0)  # from line to line, in parts of the height


DEFAULT_STYLE = LineStyle()


@dataclass(frozen=True)
class WrittenLines:
    """Lines of digits with a margin around them: their ink, their text, and the edges of each digit."""

    page: Floats  # (height, width), in [0, 1]
    lines: list[str]
    edges: NDArray[np.int64]  # (n, 4): left, top, right, bottom
    height: float  # of a digit, in pixels


@dataclass(frozen=True)
class _Layout:
    """The measures of lines, in pixels."""

    height: float
    pen: float  # how much wider than MNIST's strokes are, in its pixels
    slope: float  # y for each x
    leading: float
    margin: int


def write_lines(originals: Digits, rng: Generator, counts: list[int], style: LineStyle = DEFAULT_STYLE) -> WrittenLines:
    """Write lines of digits that are chosen at random from `originals`; `counts` has the digits of each line."""
    layout = _choose_layout(style, rng)
    rows = [rng.integers(len(originals), size=count) for count in counts]
    page = np.zeros(_measure_page(counts, layout, style), np.float32)
    edges = []
    for number, row in enumerate(rows):
        foot = layout.margin + number * layout.leading + layout.height
        edges += _write_line(page, originals.images[row], foot, layout, style, rng)
    right = max(digit[2] for digit in edges) + layout.margin
    texts = ["".join(map(str, originals.labels[row].tolist())) for row in rows]
    return WrittenLines(page[:, :right], texts, np.array(edges), layout.height)


def _choose_layout(style: LineStyle, rng: Generator) -> _Layout:
    height, pen = rng.uniform(*style.heights), rng.uniform(*style.pens)
    slope = np.tan(np.radians(rng.uniform(-style.max_tilt_deg, style.max_tilt_deg)))
    leading = rng.uniform(*style.leadings) * height
    return _Layout(height, pen, slope, leading, round(height * rng.uniform(0.4, 1.0)))


def _measure_page(counts: list[int], layout: _Layout, style: LineStyle) -> Shape:
    """Return the shape of a page that has room for the lines."""
    width = int(max(counts) * layout.height * (0.9 + style.gaps[1]) + 2 * layout.margin + layout.height)
    height = layout.leading * len(counts) + 2 * layout.margin + layout.height + abs(layout.slope) * width
    return int(height), width


def _write_line(
    page: Floats, images: Gray, foot: float, layout: _Layout, style: LineStyle, rng: Generator
) -> list[tuple[int, int, int, int]]:
    """Write a line of digits, which stand at `foot` where the line begins; return the edges of each."""
    left, edges = layout.margin + rng.uniform(0, 0.5) * layout.height, []
    for image in images:
        ink = trace_digit(image, layout.height * rng.uniform(*style.sizes), layout.pen)
        height, width = ink.shape
        top = foot - height + layout.slope * left + max(-layout.slope, 0) * page.shape[1]
        row, column = max(int(top + rng.normal(0, 0.03) * layout.height), 0), int(left)
        stamp(page, ink, column, row)
        edges.append((column, row, column + width, row + height))
        left += width + rng.uniform(*style.gaps) * layout.height
    return edges
