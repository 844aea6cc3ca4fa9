"""Numbers written in MNIST's test images on white pages."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from service.preparation.types import Floats, Gray
from training.data.datasets import Dataset
from training.synthetic.rendering import stamp, trace_digit

MARGIN_PX = 40  # of white around what is written


class Mark(NamedTuple):
    """Ink, and where on a page it is."""

    ink: Floats
    left: int
    top: int

    @property
    def box(self) -> list[float]:
        """Left, top, width and height of what is dark."""
        rows, columns = (np.flatnonzero((self.ink > 0.5).any(axis=axis)) for axis in (1, 0))
        return [self.left + columns[0], self.top + rows[0], int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1]


class Number(NamedTuple):
    """Digits of MNIST's test images, and what they say."""

    digits: Gray  # (n, 28, 28)
    text: str


def set_row(inks: Sequence[Floats], rng: Generator, start: tuple[float, float] = (0, 0), fall: float = 0) -> list[Mark]:
    """Set ink side by side on a line that starts at x and y, and falls by a part of the way along it."""
    marks, x = list[Mark](), start[0]
    for ink in inks:
        height, width = ink.shape
        marks.append(Mark(ink, round(x), round(start[1] + fall * (x - start[0]) - height)))
        x += width + rng.uniform(0.15, 0.4) * 60
    return marks


def write(number: Number, rng: Generator, height: float = 60, start: tuple[float, float] = (0, 0)) -> list[Mark]:
    """Write a number on a level line."""
    return set_row([trace_digit(digit, height) for digit in number.digits], rng, start)


def draw(marks: Sequence[Mark], margin: int = MARGIN_PX) -> tuple[Gray, list[Mark]]:
    """Draw marks in black on a white page that they just fit on, and return them as they are on it."""
    left, top = min(mark.left for mark in marks) - margin, min(mark.top for mark in marks) - margin
    moved = [Mark(ink, x - left, y - top) for ink, x, y in marks]
    height, width = (max(mark[2 - axis] + mark.ink.shape[axis] for mark in moved) + margin for axis in (0, 1))
    cover = np.zeros((height, width), np.float32)
    for ink, x, y in moved:
        stamp(cover, ink, x, y)
    return np.rint(255 - 235 * cover).astype(np.uint8), moved


def say(mnist: Dataset, text: str) -> Number:
    """Write a number in the first of MNIST's test images that show its digits."""
    return Number(np.stack([mnist.x_test[mnist.y_test == int(digit)][0] for digit in text]), text)
