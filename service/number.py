"""All digits of an image, read with one call of the model, in the order that people read them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service import digits, reading_order, survey
from service.finder import Finder, Found
from service.page import Gray

ANSWERS = 10
MAX_NO_DIGIT = 0.7  # the probability that there is no digit, above which what was found is left out
ALIKE_RATIO = 0.6  # of the tallest digit's height: digits of about one size
CLEAR = 0.5  # the least confidence of a digit that counts as one of several

Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Line:
    """The digits of a line, from left to right."""

    boxes: list[list[float]]  # left, top, width, height of each, in the image's pixels
    probabilities: NDArray[np.float32]  # (n, 10)


def find(image: Gray, finder: Finder, limit: int) -> list[list[Found]]:
    """Return the lines of what may be digits in an image uint8 (height, width), from top to bottom.

    Raises:
        NoDigit: the image shows nothing like a digit.
        TooManyDigits: it shows more than `limit`.

    """
    found = survey.find_all(image, finder, limit)
    if len(found) == 1 and (placed := digits.as_placed(image)) is not None:
        found = [digits.whole(placed)]
    return reading_order.lines(found)


def classify(lines: list[list[Found]], predict: Predict) -> list[Line]:
    """Return the lines of digits, with their probabilities; what the model takes for no digit is left out."""
    vectors = digits.scale(np.stack([digits.place(digit.ink) for line in lines for digit in line]))
    rows = np.split(predict(vectors), np.cumsum([len(line) for line in lines])[:-1])
    classified = map(_line, lines, rows)
    return [line for line in classified if line.boxes]


def _line(found: list[Found], rows: NDArray[np.float32]) -> Line:
    kept = np.flatnonzero(no_digit(rows) < MAX_NO_DIGIT)
    return Line([[round(edge, 1) for edge in found[place].box] for place in kept], rows[kept])


def no_digit(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how probable it is that there is no digit (n,), of probabilities (n, 10).

    A network with an eleventh answer for that spreads its probability evenly over the ten digits, so it is ten times
    the least of them. Where a network has none, this is hardly more than 0.
    """
    least: NDArray[np.float32] = ANSWERS * probabilities.min(axis=1)
    return least


def count(lines: list[Line]) -> int:
    """Count the digits that are clear and about as tall as the tallest."""
    heights = np.array([box[3] for line in lines for box in line.boxes])
    clear = np.concatenate([line.probabilities.max(axis=1) for line in lines]) >= CLEAR if lines else heights > 0
    return int((clear & (heights >= ALIKE_RATIO * heights.max(initial=0, where=clear))).sum())
