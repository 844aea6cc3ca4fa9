"""Order the digits of an image as people read them: lines from top to bottom, each from left to right."""

from statistics import fmean

from service.preparation.finder import LocatedDigit
from service.preparation.quantiles import quantile

MIN_OVERLAP_RATIO = 0.3  # of the lower digit's height: two digits that overlap more stand in one line
TALLER_QUANTILE = 0.9
MIN_HEIGHT_RATIO = 0.5  # of the height of the line's taller digits: anything lower is a dot, a dash or a sign
MIN_LINE_RATIO = 0.5  # of the height of the image's taller digits: a line of lower digits is small print


def group_lines(digits: list[LocatedDigit]) -> list[list[LocatedDigit]]:
    """Group digits into lines. A digit joins the line whose last digit is beside it, so lines may slope.

    Digits that are much lower than their line are left out, as are lines that are much lower than the other lines.
    """
    lines: list[list[LocatedDigit]] = []
    for digit in sorted(digits, key=_middle_x):
        line = max(lines, key=lambda line: _overlap(line[-1], digit), default=[])
        if line and _overlap(line[-1], digit) > MIN_OVERLAP_RATIO:
            line.append(digit)
        else:
            lines.append([digit])
    min_height = MIN_LINE_RATIO * _height(digits) if digits else 0.0
    tall = [line for line in lines if _height(line) >= min_height]
    return [_drop_low_digits(line) for line in sorted(tall, key=lambda line: fmean(map(_middle_y, line)))]


def _height(digits: list[LocatedDigit]) -> float:
    """Return the height of the taller digits. A dash hardly lowers it, and one far too tall digit does not raise it."""
    return quantile([digit.box[3] for digit in digits], TALLER_QUANTILE)


def _drop_low_digits(line: list[LocatedDigit]) -> list[LocatedDigit]:
    min_height = MIN_HEIGHT_RATIO * _height(line)
    return [digit for digit in line if digit.box[3] >= min_height]


def _overlap(first: LocatedDigit, second: LocatedDigit) -> float:
    """Return how much two digits overlap vertically, as a part of the lower digit's height."""
    (_, top1, _, height1), (_, top2, _, height2) = first.box, second.box
    return (min(top1 + height1, top2 + height2) - max(top1, top2)) / min(height1, height2)


def _middle_x(digit: LocatedDigit) -> float:
    return digit.box[0] + digit.box[2] / 2


def _middle_y(digit: LocatedDigit) -> float:
    return digit.box[1] + digit.box[3] / 2
