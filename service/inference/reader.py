"""Read all digits of an image in reading order, with one call of the model."""

from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np

from service.inference import reading_order
from service.models.runtimes import Predict
from service.preparation import digit_search, normalize
from service.preparation.finder import Finder, LocatedDigit
from service.preparation.segmentation import MIN_INK
from service.preparation.types import Box, Floats, Gray, Ink

CLASS_COUNT = 10
MAX_NO_DIGIT_PROBABILITY = 0.85  # a candidate with a higher probability that it is no digit is left out
# Two parts are joined into one digit within these limits, as ratios to the height of the line's tallest digit.
MAX_WIDTH_RATIO, MAX_HEIGHT_RATIO, MAX_GAP_RATIO = 1.2, 1.2, 0.05
MIN_SPLIT_RATIO = 0.75  # of width to height: a wider digit may be two digits that touch
MIN_HALVES_CONFIDENCE = 0.98  # the halves of signs have lower confidences
MIN_HEIGHT_RATIO = 0.6  # to the tallest digit: lower digits don't count as digits of about the same size
MIN_COUNTED_CONFIDENCE = 0.5  # digits with a lower confidence don't count

Classified = tuple[LocatedDigit, Floats]  # a digit, and its probabilities (10,)


@dataclass(frozen=True)
class ClassifiedLine:
    """The digits of a line from left to right, with their probabilities."""

    boxes: list[Box]  # in the image's pixels
    probabilities: Floats  # (n, 10)


def find_lines(image: Gray, finder: Finder, limit: int) -> list[list[LocatedDigit]]:
    """Return the candidates for digits in an image uint8 (height, width), in lines from top to bottom.

    Raises:
        NoDigit: the image has no candidate.
        TooManyDigits: the image has far more candidates than `limit`.

    """
    candidates = digit_search.find_all(image, finder, limit)
    if len(candidates) == 1 and (digit := normalize.match_mnist_form(image)) is not None:
        candidates = [normalize.locate_ink(digit)]
    return reading_order.group_lines(candidates)


def classify_lines(lines: list[list[LocatedDigit]], predict: Predict) -> list[ClassifiedLine]:
    """Return the lines of digits with their probabilities, without the candidates that the model takes for no digit.

    Two neighbors are joined if the model is surer of them as one digit: a 4 with an open top may be found as two parts.
    A wide digit is split if the model is surer of its halves: digits that touch may be found as one.
    """
    variants = [(pairs := _join_neighbors(line), _split_wide(line, pairs)) for line in lines]
    digits = [
        digit
        for line, (pairs, halves) in zip(lines, variants, strict=True)
        for digit in (*line, *pairs.values(), *chain.from_iterable(halves.values()))
    ]
    rows = iter(predict(normalize.to_vectors(np.stack([normalize.center_ink(digit.ink) for digit in digits]))))
    classified = [
        _choose_variants(
            [(digit, next(rows)) for digit in line],
            {index: [(pair, next(rows))] for index, pair in pairs.items()},
            {index: [(half, next(rows)) for half in both] for index, both in halves.items()},
        )
        for line, (pairs, halves) in zip(lines, variants, strict=True)
    ]
    return [line for line in map(_drop_no_digits, classified) if line.boxes]


def _drop_no_digits(line: list[Classified]) -> ClassifiedLine:
    """Return a line without the candidates that the model takes for no digit."""
    digits = [(digit.box, row) for digit, row in line if no_digit_probability(row) < MAX_NO_DIGIT_PROBABILITY]
    return ClassifiedLine([box for box, _ in digits], np.array([row for _, row in digits], np.float32))


def _join_neighbors(line: list[LocatedDigit]) -> dict[int, LocatedDigit]:
    """Return neighbors joined into one digit, by the index of the left neighbor, if they are close and small enough."""
    max_height = max(digit.box[3] for digit in line)
    pairs = {
        index: join_parts(left, right)
        for index, (left, right) in enumerate(pairwise(line))
        if right.box[0] - left.box[0] - left.box[2] <= MAX_GAP_RATIO * max_height
    }
    return {index: pair for index, pair in pairs.items() if _fits_one_digit(pair.box, max_height)}


def _fits_one_digit(box: Box, max_height: float) -> bool:
    return box[2] <= MAX_WIDTH_RATIO * max_height and box[3] <= MAX_HEIGHT_RATIO * max_height


def _split_wide(
    line: list[LocatedDigit], pairs: dict[int, LocatedDigit]
) -> dict[int, tuple[LocatedDigit, LocatedDigit]]:
    """Return the halves of wide digits by their index. Digits that may be joined are not split."""
    joinable = {*pairs, *(index + 1 for index in pairs)}
    return {
        index: split_digit(digit)
        for index, digit in enumerate(line)
        if index not in joinable and digit.box[2] >= MIN_SPLIT_RATIO * digit.box[3]
    }


def _choose_variants(
    line: list[Classified], pairs: dict[int, list[Classified]], halves: dict[int, list[Classified]]
) -> list[Classified]:
    """Return a line in which digits are joined or split where the model is surer of that."""
    chosen: list[Classified] = []
    index = 0
    while index < len(line):
        replaced_count, min_confidence = (2, 0.0) if index in pairs else (1, MIN_HALVES_CONFIDENCE)
        variant = pairs.get(index) or halves.get(index) or []
        confidence = _min_confidence(line[index : index + replaced_count])
        if variant and _min_confidence(variant) > max(confidence, min_confidence):
            chosen += variant
            index += replaced_count
        else:
            chosen.append(line[index])
            index += 1
    return chosen


def _min_confidence(digits: list[Classified]) -> float:
    return min(float(row.max()) for _, row in digits)


def split_digit(digit: LocatedDigit) -> tuple[LocatedDigit, LocatedDigit]:
    """Return the left and right part of a digit, split where the middle half of its width has least ink."""
    width = digit.ink.shape[1]
    middle = width // 4 + int(digit.ink[:, width // 4 : 1 + 3 * width // 4].sum(axis=0).argmin())
    is_left = np.arange(width) < middle
    return _crop(digit, digit.ink * is_left), _crop(digit, digit.ink * ~is_left)


def _crop(digit: LocatedDigit, ink: Ink) -> LocatedDigit:
    """Return a part of a digit's ink without margins; the whole digit if the part has no ink."""
    rows, columns = (np.flatnonzero((ink > MIN_INK).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return digit
    left, top, right, bottom = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    scale = digit.box[2] / digit.ink.shape[1]
    box = digit.box[0] + left * scale, digit.box[1] + top * scale, (right - left) * scale, (bottom - top) * scale
    return LocatedDigit(ink[top:bottom, left:right], box)


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


def no_digit_probability(probabilities: Floats) -> float:
    """Return the probability that there is no digit, from probabilities (10,).

    A network with an eleventh class for no digit spreads its probability evenly over the ten digits, so it is ten times
    the least of them. For a network without this class, the result is hardly more than 0.
    """
    return CLASS_COUNT * float(probabilities.min())


def count_digits(lines: list[ClassifiedLine]) -> int:
    """Return the number of digits that are clear and about as tall as the tallest clear digit."""
    heights = np.array([box[3] for line in lines for box in line.boxes])
    if not len(heights):
        return 0
    confidences = np.concatenate([line.probabilities.max(axis=1) for line in lines])
    is_clear = confidences >= MIN_COUNTED_CONFIDENCE
    return int((is_clear & (heights >= MIN_HEIGHT_RATIO * heights.max(initial=0, where=is_clear))).sum())
