"""Straight lines that are no one's handwriting: ruled and squared paper, the borders of a form's fields."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]

TILT = np.radians(10)  # a page is held at most so far from upright
STEP = np.pi / 360
SPAN = 0.93  # of a picture's width: a single line that spans it is ruled
LONG = 0.45  # of its shorter side: lines that long may be ruled, if there are several
SIDE = 0.7  # of a mark's width: lines that long may be the sides of a frame
OPPOSITE = 0.5  # of its height: so far apart are opposite sides
FILLING = 0.3  # of a frame: a digit in it is longer
FAR, LONGER = 0.5, 1.8  # times a digit's longer side: an underline goes on to both sides of it, or is as long
THIN = 20  # times longer than thick, at least
NEAR = 5  # pixels at both ends: lines that near are one
GAP = 9  # pixels: a line goes on after a shorter one
PARALLEL = 0.05  # lines are parallel that come so much nearer on their way, as part of it: 2.5 degrees
APART = 10  # pixels, at least, between lines that are counted as several
UNEVEN = 0.25  # of its length: so much further a line may go than the one on the other side of a field
STRIDE = 3  # pixels, at which a line's thickness is measured
REACH = 9  # pixels to each side, looked at for the thickness of a line


@dataclass(frozen=True)
class Line:
    """A line that runs mostly along x: where it is, and how it is drawn."""

    x: NDArray[np.intp]
    y: NDArray[np.intp]
    ends: NDArray[np.float64]  # its heights at both sides of the picture
    start: int
    end: int
    thickness: float

    @property
    def length(self) -> int:
        """How far the line goes along x, in pixels."""
        return self.end - self.start

    def is_parallel(self, other: "Line") -> bool:
        """Tell whether another line runs along this one, at a distance."""
        left, right = other.ends - self.ends
        return left * right > 0 and abs(right - left) < PARALLEL * len(self.x) and min(abs(left), abs(right)) > APART

    def faces(self, other: "Line") -> bool:
        """Tell whether another line begins and ends beside this one, as the borders of a field do."""
        return max(abs(self.start - other.start), abs(self.end - other.end)) < UNEVEN * self.length


def erase(marks: Mask) -> Mask:
    """Take ruled lines out of marks, uint8 (height, width) of 0 and 1, and leave the strokes that cross them."""
    return marks & ~(_ruling(marks) | _ruling(np.ascontiguousarray(marks.T)).T)


def frame(digit: Mask) -> Mask:
    """Mark the lines of a field's frame that a digit, uint8 (height, width) of 0 and 1, touches."""
    box = _box(digit)
    mark, lines = digit[box], np.zeros_like(digit)
    turned = np.ascontiguousarray(mark.T)
    across, down = _spanning(mark), _spanning(turned)
    if across and down and (_are_opposite(across, mark.shape[0]) or _are_opposite(down, mark.shape[1])):
        lines[box] = _all_pixels(mark, across) | _all_pixels(turned, down).T
    return lines


def underline(digit: Mask) -> Mask:
    """Mark the line that a digit, uint8 (height, width) of 0 and 1, stands on or is crossed by."""
    box, lines = _box(digit), np.zeros_like(digit)
    lines[box] = _all_pixels(digit[box], _spanning(digit[box]))
    return lines


def is_frame(lines: Mask, digit: Mask) -> bool:
    """Tell whether lines are the frame of a digit: a square zero is all lines, and leaves nearly nothing."""
    return max(_size(digit)) > FILLING * max(_size(lines))


def is_underline(line: Mask, digit: Mask) -> bool:
    """Tell whether a line under a digit goes far to both its sides: the foot of a two does not."""
    left, top, width, height = cv2.boundingRect(digit)
    start, line_top, length, thickness = cv2.boundingRect(line)
    before, behind = left - start, start + length - left - width
    is_far = min(before, behind) > FAR * max(width, height) or length > LONGER * max(width, height)
    return is_far and line_top + thickness > top + 0.9 * height


def _size(mask: Mask) -> tuple[int, int]:
    _, _, width, height = cv2.boundingRect(mask)
    return width, height


def _box(mask: Mask) -> tuple[slice, slice]:
    left, top, width, height = cv2.boundingRect(mask)
    return slice(top, top + height), slice(left, left + width)


def _spanning(mark: Mask) -> list[Line]:
    return [line for line in _lines(mark) if line.length > SIDE * mark.shape[1]]


def _are_opposite(lines: list[Line], height: int) -> bool:
    """Tell whether lines run along both sides of a mark."""
    places = [line.ends.mean() / height for line in lines]
    return max(places) - min(places) > OPPOSITE


def _all_pixels(marks: Mask, lines: list[Line]) -> Mask:
    pixels = np.zeros_like(marks)
    for line in lines:
        pixels |= _pixels(marks, line)
    return pixels


def _ruling(marks: Mask) -> Mask:
    """Mark the pixels of lines that run mostly along x."""
    lines = _lines(marks)
    return _all_pixels(marks, [line for line in lines if _is_ruled(line, lines, marks.shape[1])])


def _is_ruled(line: Line, lines: list[Line], width: int) -> bool:
    parallels = [other for other in lines if line.is_parallel(other)]
    several = len(parallels) > 1 or any(map(line.faces, parallels))
    return line.length > SPAN * width or (several and line.length > THIN * line.thickness)


def _pixels(marks: Mask, line: Line) -> Mask:
    along = np.zeros_like(marks)
    points = np.stack([line.x, line.y], axis=1).astype(np.int32)
    cv2.polylines(along, [points], isClosed=False, color=1, thickness=int(line.thickness + 3))
    # Where marks are higher than the line is thick, a stroke crosses it.
    higher = np.ones((int(np.ceil(1.6 * line.thickness)) + 2, 1), np.uint8)
    return along & marks & ~cv2.morphologyEx(marks, cv2.MORPH_OPEN, higher)


def _lines(marks: Mask) -> list[Line]:
    """Find thin straight lines that run mostly along x (Hough transform), each once."""
    width = marks.shape[1]
    thick = cv2.morphologyEx(marks, cv2.MORPH_OPEN, np.ones((int(_thickest(width)) + 3, 1), np.uint8))
    upright = np.pi / 2  # of a line's normal
    found = cv2.HoughLines(
        marks & ~thick, 1, STEP, int(LONG * min(marks.shape)), min_theta=upright - TILT, max_theta=upright + TILT
    )
    if found is None:
        return []
    distance, angle = found.reshape(-1, 2)[:100].T
    ends = (distance[:, None] - np.outer(np.cos(angle), (0, width - 1))) / np.sin(angle)[:, None]
    near = cv2.dilate(marks, np.ones((3, 1), np.uint8))
    measured = (_measure(marks, near, ends[index]) for index in _distinct(ends))
    return [line for line in measured if line]


def _thickest(width: int) -> float:
    """Give the thickness, in pixels, that no line has in a picture of a width."""
    return min(0.1 * width, 14)


def _distinct(ends: NDArray[np.float32]) -> list[int]:
    """Choose, of lines by their heights at both sides (n, 2), strongest first, those that are not nearly another."""
    distinct: list[int] = []
    open_ = np.ones(len(ends), bool)
    while open_.any():
        distinct.append(int(open_.argmax()))
        open_ &= np.abs(ends - ends[distinct[-1]]).max(axis=1) > NEAR
    return distinct


def _measure(marks: Mask, near: Mask, ends: NDArray[np.float64]) -> Line | None:
    height, width = marks.shape
    x = np.arange(width)
    y = np.rint(ends[0] + x * (ends[1] - ends[0]) / width).astype(np.intp)
    inside = (y >= 0) & (y < height)
    x, y = x[inside], y[inside]
    start, end = _longest_run(near[y, x])
    if end - start < LONG * min(marks.shape):
        return None
    thickness = _thickness(marks, x[::STRIDE], y[::STRIDE])
    return Line(x, y, ends, start, end, thickness) if thickness < _thickest(width) else None


def _longest_run(on: Mask) -> tuple[int, int]:
    """Find where the longest run of a line starts and ends, over gaps of a few pixels."""
    at = np.flatnonzero(on)
    if not at.size:
        return 0, 0
    last = np.append(np.flatnonzero(np.diff(at) > GAP), at.size - 1)
    first = np.append(0, last[:-1] + 1)
    longest = int((at[last] - at[first]).argmax())
    return int(at[first[longest]]), int(at[last[longest]]) + 1


def _thickness(marks: Mask, x: NDArray[np.intp], y: NDArray[np.intp]) -> float:
    """Measure how thick, mostly, marks are across a line, from it up and down to the first gap."""
    rows = np.clip(y + np.arange(-REACH, REACH + 1)[:, None], 0, len(marks) - 1)
    band = marks[rows, x]
    runs = sum(np.cumprod(side, axis=0).sum(axis=0) for side in (band[REACH::-1], band[REACH + 1 :]))
    return max(float(np.median(runs[band[REACH - 1 : REACH + 2].any(axis=0)])), 1.0)
