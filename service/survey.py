"""All digits of an image: where the first look shows several, the image is looked at again in squares side by side.

The squares are of one grid, so large that digits are sharp. Those that digits were seen in are looked at, and from
them on, those that digits reach into: what is empty costs no time.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.errors import NoDigit, TooManyDigits
from service.finder import Finder, Found
from service.marks import Digit, Ink, Marks, peaks, separate
from service.page import SIDE_PX, Gray, Page, Square

EXTENT_PX = 36  # of the middling digit, in a look at a square of the grid
SHARP_RATIO = 0.75  # of this extent: digits that are as large already are not looked at again
OVERLAP_PX = 24  # at each side of a square, which the next ones show too, so that a digit is whole in one of them
STEP_PX = SIDE_PX - 2 * OVERLAP_PX
MAX_LOOKS = 100  # at an image, 2 ms each
MAX_SURVEYS = 2

Place = tuple[int, int]  # column, row


@dataclass(frozen=True)
class Grid:
    """Squares side by side over an image, which overlap."""

    start: Square  # at column 0 and row 0
    columns: int
    rows: int

    @classmethod
    def over(cls, page: Page, scale: float) -> "Grid":
        """Lay a grid over an image, of so many of its pixels in one of a look."""
        step, overlap = STEP_PX * scale, OVERLAP_PX * scale
        columns, rows = (max(1, int(np.ceil(side / step))) for side in (page.width, page.height))
        left, top = ((page.width - columns * step) / 2 - overlap, (page.height - rows * step) / 2 - overlap)
        return cls(Square(left, top, SIDE_PX * scale), columns, rows)

    def square(self, place: Place) -> Square:
        """Return the square at a place."""
        step = STEP_PX * self.start.scale
        return Square(self.start.left + place[0] * step, self.start.top + place[1] * step, self.start.side)

    def places(self, points: NDArray[np.floating]) -> set[Place]:
        """Return the places of points (n, 2): x and y in pixels of looks, counted from those of the first square."""
        limits = (self.columns - 1, self.rows - 1)
        columns_rows = np.clip((points - OVERLAP_PX) // STEP_PX, 0, limits).astype(int)
        return {(column, row) for column, row in columns_rows.tolist()}


def find_all(image: Gray, finder: Finder, limit: int) -> list[Found]:
    """Return all digits of an image uint8 (height, width), in no order; at most `limit`.

    Raises:
        NoDigit: the image shows no digit.
        TooManyDigits: it shows more.

    """
    page = Page(image)
    square, digits = finder.glance(page)
    if not digits:
        raise NoDigit("There is no digit in the image.")
    if len(digits) == 1:
        return [finder.close_up(page, square, digits[0])]
    for _ in range(MAX_SURVEYS):
        extent = float(np.median([digit.extent for digit in digits]))
        if len(digits) > limit:
            raise TooManyDigits.of(len(digits), limit)
        if extent >= SHARP_RATIO * EXTENT_PX:
            break
        square, digits = _survey(page, square, digits, finder, extent)
    return [Found(digit.ink, square.region(digit.box)) for digit in digits]


def _survey(
    page: Page, square: Square, digits: list[Digit], finder: Finder, extent: float
) -> tuple[Square, list[Digit]]:
    """Look closer at the digits of a look, and at those beside them."""
    grid = Grid.over(page, square.scale * extent / EXTENT_PX)
    zoom = square.scale / grid.start.scale
    offset = np.array([square.left - grid.start.left, square.top - grid.start.top]) / grid.start.scale
    looks = _explore(page, grid, finder, grid.places(np.array([digit.center for digit in digits]) * zoom + offset))
    return grid.start, separate(stitch(looks))


def _explore(page: Page, grid: Grid, finder: Finder, wanted: set[Place]) -> dict[Place, Marks]:
    """Look at squares, and at those beside them that the centers of digits are in."""
    queue, looks = deque(sorted(wanted)), dict[Place, Marks]()
    while queue:
        if (place := queue.popleft()) in looks:
            continue
        if len(looks) == MAX_LOOKS:
            raise TooManyDigits(f"There is more in the image than {MAX_LOOKS} looks show: send parts of it.")
        looks[place] = marks = finder.look(page, grid.square(place))
        queue.extend(sorted(grid.places(peaks(marks.centers) + np.array(place) * STEP_PX)))
    return looks


def stitch(looks: dict[Place, Marks]) -> Marks:
    """Return the marks of looks in a grid as one. Where looks overlap, that counts whose middle is nearer."""
    columns, rows = (max(place[axis] for place in looks) + 1 for axis in (0, 1))
    height, width = (count * STEP_PX + 2 * OVERLAP_PX for count in (rows, columns))
    one = next(iter(looks.values()))
    whole = Marks(
        *(
            np.zeros((height * len(layer) // SIDE_PX, width * len(layer) // SIDE_PX, *layer.shape[2:]), np.float32)
            for layer in (one.ink, one.centers, one.offsets)
        )
    )
    for margin in (0, OVERLAP_PX):  # first all of each, then the middle of each over the others' margins
        for place, marks in looks.items():
            for layer, part in ((whole.ink, marks.ink), (whole.centers, marks.centers), (whole.offsets, marks.offsets)):
                _paste(layer, part, place, margin)
    return whole


def _paste(layer: Ink, part: Ink, place: Place, margin_px: int) -> None:
    unit = SIDE_PX // len(part)
    margin, (left, top) = margin_px // unit, (at * STEP_PX // unit for at in place)
    inner = slice(margin, len(part) - margin)
    layer[top : top + len(part), left : left + len(part)][inner, inner] = part[inner, inner]
