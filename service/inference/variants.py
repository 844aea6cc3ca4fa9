"""Other ways to divide the ink of doubtful digits: neighbors are joined, and digits that touch are split in two."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from service.preparation.finder import LocatedDigit
from service.preparation.segmentation import MIN_INK
from service.preparation.types import Box, Floats, Ink

Classified = tuple[LocatedDigit, Floats]  # a digit, and its probabilities (10,)

# Of 1,499 single digits 1,417 are surer. A variant replaces digits if the model is surer of it.
MAX_DOUBTFUL_CONFIDENCE = 0.995
# Two parts are joined into one digit within these limits, as ratios to the height of the line's tallest digit.
MAX_WIDTH_RATIO, MAX_HEIGHT_RATIO, MAX_GAP_RATIO = 1.2, 1.2, 0.05
# A digit is split within these limits. Of 1,000 pairs of touching digits 146 were taken for one digit: 64 of these are
# split right and 2 wrong, and none of 1,499 single digits is split. The halves of signs are less sure.
MIN_SPLIT_RATIO = 0.6  # of width to height
MIN_HALF_HEIGHT_RATIO = 0.7  # of a half to the whole
MIN_HALVES_CONFIDENCE = 0.98
BAND_STARTS, BAND_WIDTH_RATIO = (0.1, 0.3, 0.5), 0.4  # of the seams, as ratios to the width
STEP_COST = 0.02  # of ink, for a step to the side: seams are straight where they have a choice


@dataclass(frozen=True)
class Variant:
    """Digits that may take the place of `replaced` digits of a line from index `start` on."""

    start: int
    replaced: int
    digits: tuple[LocatedDigit, ...]
    min_confidence: float = 0.0


def find_variants(line: list[Classified]) -> Iterator[Variant]:
    """Yield what else doubtful digits of a line may be. A digit that may be joined is not split."""
    digits = [digit for digit, _ in line]
    doubtful = [float(row.max()) < MAX_DOUBTFUL_CONFIDENCE for _, row in line]
    joinable = set[int]()
    for index in _find_joinable(digits):
        joinable |= {index, index + 1}
        if doubtful[index] or doubtful[index + 1]:
            yield Variant(index, 2, (join_parts(*digits[index : index + 2]),))
    for index, digit in enumerate(digits):
        if doubtful[index] and index not in joinable:
            yield from (Variant(index, 1, halves, MIN_HALVES_CONFIDENCE) for halves in split_digit(digit))


def _find_joinable(digits: list[LocatedDigit]) -> Iterator[int]:
    """Yield the indexes of digits that make one digit with their right neighbor, if they are close and small enough."""
    max_height = max(digit.box[3] for digit in digits)
    for index, (left, right) in enumerate(pairwise(digits)):
        is_close = right.box[0] - left.box[0] - left.box[2] <= MAX_GAP_RATIO * max_height
        if is_close and _fits_one_digit(join_parts(left, right).box, max_height):
            yield index


def _fits_one_digit(box: Box, max_height: float) -> bool:
    return box[2] <= MAX_WIDTH_RATIO * max_height and box[3] <= MAX_HEIGHT_RATIO * max_height


def join_parts(first: LocatedDigit, second: LocatedDigit) -> LocatedDigit:
    """Return two parts of a digit, whose ink has the same scale, as one digit."""
    scale = first.ink.shape[1] / first.box[2]
    low = np.minimum(first.box[:2], second.box[:2])
    high = np.maximum(np.add(first.box[:2], first.box[2:]), np.add(second.box[:2], second.box[2:]))
    width, height = np.rint((high - low) * scale).astype(int)
    ink = np.zeros((height, width), np.float32)
    for part in (first, second):
        left, top = np.rint((np.array(part.box[:2]) - low) * scale).astype(int)
        area = ink[top : top + part.ink.shape[0], left : left + part.ink.shape[1]]
        np.maximum(area, part.ink[: area.shape[0], : area.shape[1]], out=area)
    return LocatedDigit(ink, (*low.tolist(), *(high - low).tolist()))


def split_digit(digit: LocatedDigit) -> Iterator[tuple[LocatedDigit, LocatedDigit]]:
    """Yield the halves of a wide digit, split along several seams, if both are about as high as the digit."""
    if digit.box[2] < MIN_SPLIT_RATIO * digit.box[3]:
        return
    columns = np.arange(digit.ink.shape[1])
    for seam in find_seams(digit.ink):
        is_left = columns < seam[:, None]
        left, right = _crop(digit, is_left), _crop(digit, ~is_left)
        if left and right and min(left.box[3], right.box[3]) >= MIN_HALF_HEIGHT_RATIO * digit.box[3]:
            yield left, right


def find_seams(ink: Ink) -> NDArray[np.intp]:
    """Return the columns (3, height) of the seams of an ink (height, width), one for each band.

    A seam is the path of least ink from top to bottom that moves by one column at most from row to row: Avidan and
    Shamir 2007, Seam carving.
    """
    height, width = ink.shape
    starts = (np.array(BAND_STARTS) * width).astype(int)
    bands = sliding_window_view(ink, max(1, int(BAND_WIDTH_RATIO * width)), axis=1)[:, starts]
    costs = np.pad(bands, ((0, 0), (0, 0), (1, 1)), constant_values=np.inf)  # of the cheapest path to each pixel
    for row in range(1, height):
        above = costs[row - 1]
        costs[row, :, 1:-1] += np.minimum(above[:, 1:-1], np.minimum(above[:, :-2], above[:, 2:]) + STEP_COST)
    band, steps, step_costs = np.arange(len(starts))[:, None], np.arange(-1, 2), np.array([STEP_COST, 0, STEP_COST])
    column = costs[-1].argmin(axis=1)
    seams = [column]
    for row in range(height - 2, -1, -1):
        column = column + (costs[row][band, column[:, None] + steps] + step_costs).argmin(axis=1) - 1
        seams.append(column)
    columns: NDArray[np.intp] = np.array(seams[::-1]).T - 1 + starts[:, None]
    return columns


def _crop(digit: LocatedDigit, mask: NDArray[np.bool]) -> LocatedDigit | None:
    """Return the part of a digit's ink that a mask shows, without margins; None if there is no ink."""
    ink = digit.ink * mask
    rows, columns = (np.flatnonzero((ink > MIN_INK).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    left, top, right, bottom = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    scale = digit.box[2] / digit.ink.shape[1]
    box = digit.box[0] + left * scale, digit.box[1] + top * scale, (right - left) * scale, (bottom - top) * scale
    return LocatedDigit(ink[top:bottom, left:right], box)


def choose(line: list[Classified], variants: list[tuple[Variant, list[Classified]]]) -> list[Classified]:
    """Return a line in which digits are joined or split where the model is surer of that, with the surest variants."""
    chosen: list[Classified] = []
    index = 0
    while index < len(line):
        replaced, digits = max(
            [(1, [line[index]]), *_applicable(line, index, variants)], key=lambda option: _min_confidence(option[1])
        )
        chosen += digits
        index += replaced
    return chosen


def _applicable(
    line: list[Classified], index: int, variants: list[tuple[Variant, list[Classified]]]
) -> Iterator[tuple[int, list[Classified]]]:
    """Yield the variants of the digits from an index on that the model is surer of than of these digits."""
    for variant, digits in variants:
        confidence = _min_confidence(line[index : index + variant.replaced])
        if variant.start == index and _min_confidence(digits) > max(confidence, variant.min_confidence):
            yield variant.replaced, digits


def _min_confidence(digits: list[Classified]) -> float:
    return min(float(row.max()) for _, row in digits)
