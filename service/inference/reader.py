"""Read all digits of an image in reading order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from service.inference import reading_order
from service.inference.variants import Classified, choose, find_variants
from service.models.runtimes import Predict
from service.preparation import digit_search, normalize
from service.preparation.finder import Finder, LocatedDigit
from service.preparation.types import Box, Floats, Gray

CLASS_COUNT = 10
MAX_NO_DIGIT_PROBABILITY = 0.85  # a candidate with a higher probability that it is no digit is left out
MIN_HEIGHT_RATIO = 0.6  # to the tallest digit: lower digits don't count as digits of about the same size
MIN_COUNTED_CONFIDENCE = 0.5  # digits with a lower confidence don't count


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

    All digits are one call of the model. A second call is for the variants of doubtful digits, if there are any.
    Neighbors are joined if the model is surer of them as one digit: a 4 with an open top may be found as two parts. A
    digit is split if the model is surer of its halves: digits that touch may be found as one.
    """
    classified = _classify(lines, predict)
    variants = [[*find_variants(line)] for line in classified]
    digits = iter(_classify([variant.digits for variant in chain.from_iterable(variants)], predict))
    lines_of_variants = [[(variant, next(digits)) for variant in line] for line in variants]
    chosen = map(choose, classified, lines_of_variants)
    return [line for line in map(_drop_no_digits, chosen) if line.boxes]


def _classify(groups: Iterable[Sequence[LocatedDigit]], predict: Predict) -> list[list[Classified]]:
    """Return groups of digits with their probabilities, from one call of the model."""
    groups = list(groups)
    inks = [normalize.center_ink(digit.ink) for digit in chain.from_iterable(groups)]
    rows = iter(predict(normalize.to_vectors(np.stack(inks))) if inks else ())
    return [[(digit, next(rows)) for digit in group] for group in groups]


def _drop_no_digits(line: list[Classified]) -> ClassifiedLine:
    """Return a line without the candidates that the model takes for no digit."""
    digits = [(digit.box, row) for digit, row in line if no_digit_probability(row) < MAX_NO_DIGIT_PROBABILITY]
    return ClassifiedLine([box for box, _ in digits], np.array([row for _, row in digits], np.float32))


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
