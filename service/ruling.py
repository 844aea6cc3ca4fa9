"""Straight lines that are no one's handwriting: ruled and squared paper, the borders of a form's fields.

Marks are masks uint8 (height, width) of 0 and 1. Lines are found that run mostly along x; of the transpose, along y.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]

TILT = np.radians(10)  # a page is held at most so far from upright
STEP = np.pi / 360
SPAN = 0.97  # of a picture's width: a single line that spans it is ruled
LONG = 0.45  # of its shorter side: lines that long may be ruled, if there are several
THIN = 20  # times longer than thick, at least
NEAR = 5  # pixels at both ends: lines that near are one
GAP = 9  # pixels: a line goes on after a shorter one
PARALLEL = 0.05  # lines are parallel that come so much nearer on their way, as part of it: 2.5 degrees
APART = 10  # pixels, at least, between lines that are counted as several
STRIDE = 3  # pixels, at which a line's thickness is measured
REACH = 10  # pixels to each side, the last a gap, looked at for the thickness of a line


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


def erase(marks: Mask) -> Mask:
    """Take ruled lines out of marks, and leave the strokes that cross them."""
    lines = _ruling(marks) | cv2.transpose(_ruling(cv2.transpose(marks)))
    return marks & ~lines if lines.any() else marks


def draw(marks: Mask, lines: list[Line]) -> Mask:
    """Mark the pixels of lines in marks, but for the strokes that cross them."""
    pixels = np.zeros_like(marks)
    for line in lines:
        pixels |= _pixels(marks, line)
    return pixels


def _ruling(marks: Mask) -> Mask:
    """Mark the pixels of ruled lines."""
    lines = find(marks)
    return draw(marks, [line for line in lines if _is_ruled(line, lines, marks.shape[1])])


def _is_ruled(line: Line, lines: list[Line], width: int) -> bool:
    parallels = [other for other in lines if line.is_parallel(other)]
    several = any(one.is_parallel(other) for one in parallels for other in parallels)
    return line.length > SPAN * width or (several and line.length > THIN * line.thickness)


def _pixels(marks: Mask, line: Line) -> Mask:
    along = np.zeros_like(marks)
    points = np.stack([line.x, line.y], axis=1).astype(np.int32)
    cv2.polylines(along, [points], isClosed=False, color=1, thickness=int(line.thickness + 3))
    # Where marks are higher than the line is thick, a stroke crosses it.
    higher = np.ones((int(np.ceil(1.6 * line.thickness)) + 2, 1), np.uint8)
    return along & marks & ~cv2.morphologyEx(marks, cv2.MORPH_OPEN, higher)


def find(marks: Mask, least: float = 0) -> list[Line]:
    """Find thin straight lines (Hough transform), each once, of which at least so many pixels are there."""
    width = marks.shape[1]
    least = max(least, LONG * min(marks.shape))
    thick = cv2.morphologyEx(marks, cv2.MORPH_OPEN, np.ones((int(_thickest(width)) + 3, 1), np.uint8))
    upright = np.pi / 2  # of a line's normal
    found = cv2.HoughLines(marks & ~thick, 1, STEP, int(least), min_theta=upright - TILT, max_theta=upright + TILT)
    if found is None:
        return []
    distance, angle = found.reshape(-1, 2)[:100].T
    ends = (distance[:, None] - np.outer(np.cos(angle), (0, width - 1))) / np.sin(angle)[:, None]
    near = cv2.dilate(marks, np.ones((3, 1), np.uint8))
    roomy = cv2.copyMakeBorder(marks, REACH, REACH, 0, 0, cv2.BORDER_CONSTANT, value=0)
    measured = (_measure(roomy, near, ends[index]) for index in _distinct(ends))
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


def _measure(roomy: Mask, near: Mask, ends: NDArray[np.float64]) -> Line | None:
    height, width = near.shape
    x = np.arange(width)
    y = np.rint(ends[0] + x * (ends[1] - ends[0]) / width).astype(np.intp)
    inside = (y >= 0) & (y < height)
    x, y = x[inside], y[inside]
    start, end = _longest_run(near[y, x])
    if end - start < LONG * min(near.shape):
        return None
    thickness = _thickness(roomy, x[::STRIDE], y[::STRIDE])
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


def _thickness(roomy: Mask, x: NDArray[np.intp], y: NDArray[np.intp]) -> float:
    """Measure how thick, mostly, marks are across a line, from it up and down to the first gap.

    Above and below them is room: `REACH`.
    """
    band = roomy[y + np.arange(2 * REACH + 1)[:, None], x]
    band[0] = band[-1] = 0
    runs = band[REACH::-1].argmin(axis=0) + band[REACH + 1 :].argmin(axis=0)
    crossed = runs[band[REACH - 1 : REACH + 2].any(axis=0)]
    return float(max(np.sort(crossed)[crossed.size // 2], 1)) if crossed.size else 1.0
