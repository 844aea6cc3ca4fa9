"""All digits of an image, read with one call of the model, in the order that people read them."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from service.inference import reading_order
from service.preparation import digit_search, normalize
from service.preparation.finder import Finder, Found
from service.preparation.looks import Box, Gray
from service.preparation.segmentation import MIN_INK, Ink

ANSWERS = 10
MAX_NO_DIGIT = 0.85  # the probability that there is no digit, above which what was found is left out
# Of the tallest digit's height: what two parts of one digit measure together at most, and what lies between them.
MAX_WIDTH_RATIO, MAX_HEIGHT_RATIO, MAX_GAP_RATIO = 1.2, 1.2, 0.05
MIN_SPLIT_RATIO = 0.75  # of its height: the width of a digit that may be two
MIN_HALVES = 0.98  # the least confidence of halves, which signs have less
ALIKE_RATIO = 0.6  # of the tallest digit's height: digits of about one size
CLEAR = 0.5  # the least confidence of a digit that counts as one of several

Classified = tuple[Found, NDArray[np.float32]]  # a digit, and its probabilities (10,)
Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Line:
    """The digits of a line, from left to right."""

    boxes: list[Box]  # left, top, width, height of each, in the image's pixels
    probabilities: NDArray[np.float32]  # (n, 10)


def find(image: Gray, finder: Finder, limit: int) -> list[list[Found]]:
    """Return the lines of what may be digits in an image uint8 (height, width), from top to bottom.

    Raises:
        NoDigit: the image shows nothing like a digit.
        TooManyDigits: it shows far more than `limit`.

    """
    found = digit_search.find_all(image, finder, limit)
    if len(found) == 1 and (placed := normalize.as_placed(image)) is not None:
        found = [normalize.whole(placed)]
    return reading_order.lines(found)


def classify(lines: list[list[Found]], predict: Predict) -> list[Line]:
    """Return the lines of digits, with their probabilities; what the model takes for no digit is left out.

    Two parts side by side that the model is surer of as one digit are one: a 4 with an open top may be found as two. A
    wide digit whose halves the model is surer of is two: digits that touch may be found as one.
    """
    cuts = [(pairs := _pairs(line), _halves(line, pairs)) for line in lines]
    parts = [
        part
        for line, (pairs, halves) in zip(lines, cuts, strict=True)
        for part in (*line, *pairs.values(), *chain.from_iterable(halves.values()))
    ]
    rows = iter(predict(normalize.scale(np.stack([normalize.place(part.ink) for part in parts]))))
    classified = [
        _choose(
            [(digit, next(rows)) for digit in line],
            {place: [(pair, next(rows))] for place, pair in pairs.items()},
            {place: [(half, next(rows)) for half in both] for place, both in halves.items()},
        )
        for line, (pairs, halves) in zip(lines, cuts, strict=True)
    ]
    read = [[(digit, row) for digit, row in line if no_digit(row) < MAX_NO_DIGIT] for line in classified]
    return [Line([digit.box for digit, _ in line], np.stack([row for _, row in line])) for line in read if line]


def _pairs(line: list[Found]) -> dict[int, Found]:
    """Return the digits that two neighbors would be together, by the first's place, where they fit into one."""
    tallest = max(digit.box[3] for digit in line)
    close = {
        place: join(one, other)
        for place, (one, other) in enumerate(pairwise(line))
        if other.box[0] - one.box[0] - one.box[2] <= MAX_GAP_RATIO * tallest
    }
    return {place: pair for place, pair in close.items() if _fits(pair.box, tallest)}


def _fits(box: Box, tallest: float) -> bool:
    return box[2] <= MAX_WIDTH_RATIO * tallest and box[3] <= MAX_HEIGHT_RATIO * tallest


def _halves(line: list[Found], pairs: dict[int, Found]) -> dict[int, tuple[Found, Found]]:
    """Return the halves of wide digits, by their place; not of those that may be parts of one."""
    taken = {*pairs, *(place + 1 for place in pairs)}
    return {
        place: split(digit)
        for place, digit in enumerate(line)
        if place not in taken and digit.box[2] >= MIN_SPLIT_RATIO * digit.box[3]
    }


def _choose(
    line: list[Classified], pairs: dict[int, list[Classified]], halves: dict[int, list[Classified]]
) -> list[Classified]:
    """Return a line in which pairs are joined, and digits halved, where the model is surer of that."""
    chosen: list[Classified] = []
    place = 0
    while place < len(line):
        used, least = (2, 0.0) if place in pairs else (1, MIN_HALVES)
        now, other = line[place : place + used], pairs.get(place) or halves.get(place) or []
        if other and _sureness(other) > max(_sureness(now), least):
            chosen += other
            place += used
        else:
            chosen.append(line[place])
            place += 1
    return chosen


def _sureness(parts: list[Classified]) -> float:
    return min(float(row.max()) for _, row in parts)


def split(digit: Found) -> tuple[Found, Found]:
    """Return the left and right of a digit, cut where it has least ink in the middle half of its width."""
    width = digit.ink.shape[1]
    cut = width // 4 + int(digit.ink[:, width // 4 : 1 + 3 * width // 4].sum(axis=0).argmin())
    is_left = np.arange(width) < cut
    return _crop(digit, digit.ink * is_left), _crop(digit, digit.ink * ~is_left)


def _crop(digit: Found, ink: Ink) -> Found:
    """Return a part of a digit's ink, without margins; all of the digit where the part has none."""
    rows, columns = (np.flatnonzero((ink > MIN_INK).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return digit
    left, top, right, bottom = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    scale = digit.box[2] / digit.ink.shape[1]
    box = digit.box[0] + left * scale, digit.box[1] + top * scale, (right - left) * scale, (bottom - top) * scale
    return Found(ink[top:bottom, left:right], box)


def join(one: Found, other: Found) -> Found:
    """Return two parts of a digit, seen at one scale, as one."""
    scale = one.ink.shape[1] / one.box[2]
    low = np.minimum(one.box[:2], other.box[:2])
    high = np.maximum(np.add(one.box[:2], one.box[2:]), np.add(other.box[:2], other.box[2:]))
    width, height = np.rint((high - low) * scale).astype(int)
    ink = np.zeros((height, width), np.float32)
    for part in (one, other):
        left, top = np.rint((np.array(part.box[:2]) - low) * scale).astype(int)
        area = ink[top : top + part.ink.shape[0], left : left + part.ink.shape[1]]
        np.maximum(area, part.ink[: area.shape[0], : area.shape[1]], out=area)
    return Found(ink, (*low.tolist(), *(high - low).tolist()))


def no_digit(probabilities: NDArray[np.float32]) -> float:
    """Return how probable it is that there is no digit, of probabilities (10,).

    A network with an eleventh answer for that spreads its probability evenly over the ten digits, so it is ten times
    the least of them. Where a network has none, this is hardly more than 0.
    """
    return ANSWERS * float(probabilities.min())


def count(lines: list[Line]) -> int:
    """Count the digits that are clear and about as tall as the tallest."""
    heights = np.array([box[3] for line in lines for box in line.boxes])
    clear = np.concatenate([line.probabilities.max(axis=1) for line in lines]) >= CLEAR if lines else heights > 0
    return int((clear & (heights >= ALIKE_RATIO * heights.max(initial=0, where=clear))).sum())
