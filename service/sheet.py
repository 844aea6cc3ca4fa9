"""The sheet that a digit is written on, where a picture shows more: a note on a desk, a field, a window, a plot."""

import cv2
import numpy as np
from numpy.typing import NDArray

from service.resampling import resize

Gray = NDArray[np.uint8]
Mask = NDArray[np.uint8]
Points = NDArray[np.int32]

SIDE = 128  # the shorter one, of the copy that a sheet is looked for in
LONG_SIDE = 768
EDGE = (15, 45)  # levels: an edge is as steep as the first, and somewhere as the second
NESTED = 3  # a sheet may lie on another
SMALLEST = 0.2  # of the picture's shorter side
LARGEST = 0.99  # of its area
SHARP, CORNERS = 6, 8  # a sheet has at most, cut by the picture's border; and where they are rounded
STRAIGHT = 0.01  # of its outline's length, that the outline leaves its straight sides by
FULL = 0.92  # of the area between them, that it covers
OBLONG = 0.82  # of the smallest oblong around it, that a rounded sheet covers: an ellipse, such as a zero, covers 0.79
BLANK = 0.5  # of its area: the lines of a frame are no sheet
WRITTEN = 0.12  # of its longer side, that what is written on it is long
STRONG = 0.25  # of the picture's contrast, that the writing has: the edge of a shade has less
BORDER = 2  # pixels of the copy, in which the sheet's edge is blurred


def cut_out(picture: Gray) -> list[Gray]:
    """Cut the sheets that something is written on, each lying on the next, out of a picture uint8 (height, width).

    The last is the picture itself. Around a sheet that lies askew its paper goes on.
    """
    sheets = [picture]
    contrast = int(picture.max()) - int(picture.min())
    while len(sheets) <= NESTED and min(sheets[0].shape) >= SIDE // 2:
        small = _reduce(sheets[0])
        found = _largest(small, contrast)
        if found is None:
            break
        sheets.insert(0, _cut(sheets[0], small, found))
    return sheets


def _reduce(picture: Gray) -> Gray:
    factor = min(1, SIDE / min(picture.shape), LONG_SIDE / max(picture.shape))
    return cv2.GaussianBlur(resize(picture, factor), (0, 0), 1)


def _largest(small: Gray, contrast: int) -> Mask | None:
    """Mark the largest sheet on which something is written."""
    edges = cv2.dilate(cv2.Canny(small, *EDGE), np.ones((3, 3), np.uint8))
    outlines, tree = cv2.findContours(255 - edges, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    sheets = []
    for index, outline in enumerate(outlines):
        is_outer = tree[0, index, 3] < 0
        if is_outer and _is_straight(outline, small.shape):
            paper = np.zeros_like(small)  # without its holes, which are what is written
            cv2.drawContours(paper, outlines, index, 1, cv2.FILLED, hierarchy=tree, maxLevel=1)
            sheets.append(_fill(outline, paper, small, contrast))
    return max((sheet for sheet in sheets if sheet is not None), key=np.count_nonzero, default=None)


def _is_straight(outline: Points, shape: tuple[int, ...]) -> bool:
    """Tell whether an outline is large enough for a sheet's, and has a sheet's straight sides."""
    height, width = shape
    covered = cv2.contourArea(outline)
    if covered > LARGEST * (height - 1) * (width - 1) or min(cv2.boundingRect(outline)[2:]) <= SMALLEST * min(shape):
        return False
    hull = cv2.convexHull(outline)
    sides = cv2.approxPolyDP(hull, STRAIGHT * cv2.arcLength(hull, closed=True), closed=True)
    whole, straight = map(cv2.contourArea, (hull, sides))
    if len(sides) > CORNERS or min(covered, straight) < FULL * whole:
        return False
    return len(sides) <= SHARP or whole >= OBLONG * np.prod(cv2.minAreaRect(hull)[1])


def _fill(outline: Points, paper: Mask, small: Gray, contrast: int) -> Mask | None:
    """Mark all within a sheet's outline, if its paper is most of it, and something is written on it."""
    filled = cv2.drawContours(np.zeros_like(small), [outline], -1, 1, cv2.FILLED)
    if np.count_nonzero(paper) < BLANK * np.count_nonzero(filled):
        return None
    inner = cv2.erode(filled, np.ones((2 * BORDER + 1,) * 2, np.uint8))
    return inner if _is_written_on(inner, paper, small, contrast) else None


def _is_written_on(sheet: Mask, paper: Mask, small: Gray, contrast: int) -> bool:
    written = sheet & ~paper
    _, _, width, height = cv2.boundingRect(written)
    _, _, *sides = cv2.boundingRect(sheet)
    if max(width, height) <= WRITTEN * max(sides):
        return False
    return bool(np.abs(small[written > 0] - np.median(small[paper > 0])).max() > STRONG * contrast)


def _cut(picture: Gray, small: Gray, sheet: Mask) -> Gray:
    _, nearest = cv2.distanceTransformWithLabels(1 - sheet, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    values = np.zeros(nearest.max() + 1, np.uint8)
    values[nearest[sheet > 0]] = small[sheet > 0]
    left, top, width, height = cv2.boundingRect(sheet)
    box = slice(top, top + height), slice(left, left + width)
    down, right = (
        slice(side.start * whole // reduced, side.stop * whole // reduced)
        for side, whole, reduced in zip(box, picture.shape, small.shape, strict=True)
    )
    cut = picture[down, right]
    size = cut.shape[::-1]
    paper = cv2.resize(values[nearest[box]], size)
    inside = cv2.resize(sheet[box], size, interpolation=cv2.INTER_NEAREST)
    return np.where(inside, cut, paper)
