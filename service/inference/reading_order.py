"""The digits of an image in the order that people read them: lines from top to bottom, each from left to right."""

from statistics import fmean

import numpy as np

from service.preparation.finder import Found

MIN_OVERLAP_RATIO = 0.3  # of the lower of two digits' heights, for them to stand in one line
TALLER_QUANTILE = 0.9
MIN_HEIGHT_RATIO = 0.5  # of the taller digits of its line: what is lower is a dot, a dash or a sign
MIN_LINE_RATIO = 0.5  # of the taller digits of all: a line of lower ones is small print


def lines(digits: list[Found]) -> list[list[Found]]:
    """Return the lines of digits. A digit stands in the line whose last digit is beside it, so lines may slope.

    What is much lower than the digits of its line is left out, and lines of much lower digits than others'.
    """
    lines_: list[list[Found]] = []
    for digit in sorted(digits, key=_middle_x):
        line = max(lines_, key=lambda line: _overlap(line[-1], digit), default=[])
        if line and _overlap(line[-1], digit) > MIN_OVERLAP_RATIO:
            line.append(digit)
        else:
            lines_.append([digit])
    lowest = MIN_LINE_RATIO * _height(digits) if digits else 0.0
    tall = [line for line in lines_ if _height(line) >= lowest]
    return [_without_low(line) for line in sorted(tall, key=lambda line: fmean(map(_middle_y, line)))]


def _height(digits: list[Found]) -> float:
    """Return the height of the taller digits: a dash lowers it little, and one that is far too tall not at all."""
    return float(np.quantile([digit.box[3] for digit in digits], TALLER_QUANTILE))


def _without_low(line: list[Found]) -> list[Found]:
    lowest = MIN_HEIGHT_RATIO * _height(line)
    return [digit for digit in line if digit.box[3] >= lowest]


def _overlap(one: Found, other: Found) -> float:
    """Return how much of the lower digit's height is beside the other, in parts of it."""
    (_, top, _, height), (_, other_top, _, other_height) = one.box, other.box
    return (min(top + height, other_top + other_height) - max(top, other_top)) / min(height, other_height)


def _middle_x(digit: Found) -> float:
    return digit.box[0] + digit.box[2] / 2


def _middle_y(digit: Found) -> float:
    return digit.box[1] + digit.box[3] / 2
