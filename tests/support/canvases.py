"""MNIST's digits drawn on canvases."""

from dataclasses import dataclass

import numpy as np

from service.preparation.types import Box, Gray
from training.synthetic.rendering import stamp, trace_digit

PAPER, INK = 240, 40


@dataclass(frozen=True)
class Drawn:
    """A digit uint8 (28, 28), and where its ink is to be drawn, in pixels."""

    digit: Gray
    left: int
    top: int
    height: int


def draw(shape: tuple[int, int], *digits: Drawn) -> Gray:
    """Draw digits dark on light, uint8 `shape`."""
    ink = np.zeros(shape, np.float32)
    for drawn in digits:
        stamp(ink, trace_digit(drawn.digit, drawn.height), drawn.left, drawn.top)
    return np.rint(PAPER - (PAPER - INK) * ink).astype(np.uint8)


def find_box(canvas: Gray) -> Box:
    """Return the left, top, width and height of all ink on a canvas."""
    rows, columns = (np.flatnonzero((canvas < (PAPER + INK) / 2).any(axis=axis)) for axis in (1, 0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1 - columns[0]), float(rows[-1] + 1 - rows[0])
