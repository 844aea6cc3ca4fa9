"""The lines of a form's field that a digit touches: a frame around it, a line under it.

Masks are uint8 (height, width) of 0 and 1.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from service import marks, ruling
from service.errors import NoDigit
from service.ruling import Line

Mask = NDArray[np.uint8]

MARGIN = 16  # pixels around a mark, in which its outermost lines end
SIDE = 0.7  # of a mark's width: lines that long may be the sides of a frame
PART = 0.7  # of a line, that is there: the rest is gaps, and strokes that cross it
OPPOSITE = 0.5  # of its height: so far apart are opposite sides
INNER = 0.5  # of its height: no side of a frame is within
NEAR = 6  # pixels: lines that near to an outermost one are the same side
THICKER = 1.8  # times than another side of a frame: a stroke beside it
SMALL, LARGE = 0.3, 0.95  # of a frame: a digit in it is longer than its shorter side, and its area less than the whole
FAR, LONG = 0.5, 1.8  # times a digit's longer side: an underline goes on to both sides of it, or is as long


def leave_out(digit: Mask, written: Mask, density: NDArray[np.float32]) -> tuple[Mask, Mask]:
    """Take a field's lines out of a digit that touches them, and out of all that is written, if it does.

    Raises:
        NoDigit: there is a field, but nothing written in it.

    """
    for find_lines, is_field in ((_frame, _is_frame), (_line, _is_underline)):
        lines = find_lines(digit)
        if lines.any():
            rest = marks.choose(marks.measure(written & ~lines, density))
            if is_field(lines, rest):
                digit, written = rest, written & ~lines
    return digit, written


def _frame(digit: Mask) -> Mask:
    """Mark long lines along the outermost sides of a digit, three at least."""
    box, mark = _cut(digit)
    across = _outermost(_long_lines(mark), mark)
    if not across:
        return np.zeros_like(digit)
    turned = cv2.transpose(mark)
    down = _outermost(_long_lines(turned), turned)
    thickest = THICKER * min((line.thickness for line in across + down), default=0) + 1
    across, down = ([line for line in lines if line.thickness < thickest] for lines in (across, down))
    if not across or not down or not (_are_opposite(across, mark) or _are_opposite(down, turned)):
        return np.zeros_like(digit)
    return _place(ruling.draw(mark, across) | cv2.transpose(ruling.draw(turned, down)), box, digit.shape)


def _line(digit: Mask) -> Mask:
    """Mark long lines along the lower half of a digit that is wide: under all others none goes on to both sides."""
    box, mark = _cut(digit)
    height, width = mark.shape
    if width < height:
        return np.zeros_like(digit)
    lines = [line for line in _long_lines(mark) if line.ends.mean() > height / 2]
    return _place(ruling.draw(mark, lines), box, digit.shape)


def _is_frame(lines: Mask, digit: Mask) -> bool:
    """Tell whether lines are a frame: the head, the foot and the stem of a digit are not around the rest of it."""
    _, _, *frame = cv2.boundingRect(lines)
    _, _, *rest = cv2.boundingRect(digit)
    if max(rest) < SMALL * min(frame):
        raise NoDigit("There is no digit in the picture: a field in it is empty.")
    return rest[0] * rest[1] < LARGE * frame[0] * frame[1]


def _is_underline(line: Mask, digit: Mask) -> bool:
    """Tell whether a line under a digit goes far to both its sides: the foot of a two does not."""
    left, top, width, height = cv2.boundingRect(digit)
    start, line_top, length, thickness = cv2.boundingRect(line)
    before, behind = left - start, start + length - left - width
    is_far = min(before, behind) > FAR * max(width, height) or length > LONG * max(width, height)
    return is_far and line_top + thickness > top + 0.9 * height


def _long_lines(mark: Mask) -> list[Line]:
    width = mark.shape[1] - 2 * MARGIN
    return [line for line in ruling.find(mark, PART * SIDE * width) if line.length > SIDE * width]


def _outermost(lines: list[Line], mark: Mask) -> list[Line]:
    """Keep the lines along the upper and the lower side of a mark: a bar in the middle is none."""
    height = mark.shape[0] - 2 * MARGIN
    lines = [line for line in lines if abs(line.ends.mean() - MARGIN - height / 2) > INNER * height / 2]
    first, last = _first_and_last(lines)
    return [line for line in lines if min(line.ends.mean() - first, last - line.ends.mean()) < NEAR]


def _are_opposite(lines: list[Line], mark: Mask) -> bool:
    first, last = _first_and_last(lines)
    return last - first > OPPOSITE * (mark.shape[0] - 2 * MARGIN)


def _first_and_last(lines: list[Line]) -> tuple[float, float]:
    places = [float(line.ends.mean()) for line in lines] or [0.0]
    return min(places), max(places)


def _cut(digit: Mask) -> tuple[tuple[slice, slice], Mask]:
    left, top, width, height = cv2.boundingRect(digit)
    box = slice(top, top + height), slice(left, left + width)
    return box, np.pad(digit[box], MARGIN)


def _place(mark: Mask, box: tuple[slice, slice], shape: tuple[int, ...]) -> Mask:
    placed = np.zeros(shape, np.uint8)
    placed[box] = mark[MARGIN:-MARGIN, MARGIN:-MARGIN]
    return placed
