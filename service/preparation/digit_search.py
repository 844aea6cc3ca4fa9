"""All digits of an image: where the first look shows several, the image is looked at again in squares side by side.

The squares are of one grid, so large that digits are sharp. Those that digits were seen in are looked at, and from
them on, those that digits reach into: what is empty costs no time.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.errors import NoDigit, TooManyDigits
from service.preparation import finder as finders
from service.preparation.finder import CLOSE_UP, MAX_CLOSE_UPS, Finder, Found
from service.preparation.looks import SIDE_PX, Gray, Page, Square
from service.preparation.segmentation import (
    CELL_PX,
    MIN_CLEARNESS,
    UNSURE_INK,
    Digit,
    Ink,
    Marks,
    cells,
    clearness,
    peaks,
    separate,
)

EXTENTS_PX = (48, 40, 34, 28)  # of the larger digits, in a closer look: the first that takes few enough looks
FEW_LOOKS = 4
DIGITS_PER_LOOK = 5  # where there are more digits, these many more looks are few
SHARP_EXTENT_PX = 44  # digits that are as large already are not looked at again
OVERLAP_PX = 16  # at each side of a square, which the next ones show too, so that a digit is whole in one of them
STEP_PX = SIDE_PX - 2 * OVERLAP_PX
COARSE_EXTENT_PX = 20  # digits that are so small are not read from a look, but looked at again
# While looks are not clear: how much closer parts are looked at, the closest first that takes so few looks.
ROUGH_LOOKS = (((4.0, 3.0, 2.5, 1.8), 4), ((5.0, 4.5, 4.0, 3.5, 3.0, 2.5), 20))
UNSURE_CENTER = 0.15
UNSURE_CENTER_RATIO = 0.25  # of the surest: of 60 digits in 10 rows none was surer than 0.26, the last row 0.1
FEW_DIGITS = 5
LARGER_QUANTILE = 0.75
TRIED_PER_DIGIT = 2  # of what may be digits, at most: a digit may be seen as two at first
MAX_LOOKS = 64  # at a grid, 2 ms each
MAX_SQUARES = 256  # of a grid between digits, looked at or not, 55 kB of memory each
CLEAR_RATIO = 0.65  # of the ink of a look that is surely marked; less is so where digits are too small for it

Place = tuple[int, int]  # column, row
View = tuple[Square, list[Digit]]  # a square, and the digits that are seen in it, or in a grid that begins with it
Span = NDArray[np.floating]  # left, top, right, bottom, in the image's pixels


@dataclass(frozen=True)
class Grid:
    """Squares side by side over an image, which overlap."""

    start: Square  # at column 0 and row 0

    @classmethod
    def over(cls, span: Span, scale: float) -> "Grid":
        """Lay a grid around a part of an image, of so many of the image's pixels in one of a look."""
        columns, rows = cls.size(span, scale)
        step, overlap = STEP_PX * scale, OVERLAP_PX * scale
        left, top = ((span[:2] + span[2:]) - np.array([columns, rows]) * step) / 2 - overlap
        return cls(Square(float(left), float(top), SIDE_PX * scale))

    @staticmethod
    def size(span: Span, scale: float) -> tuple[int, int]:
        """Return how many columns and rows of squares a part of an image takes."""
        columns, rows = np.maximum(np.ceil((span[2:] - span[:2]) / (STEP_PX * scale)), 1).astype(int).tolist()
        return columns, rows

    def square(self, place: Place) -> Square:
        """Return the square at a place."""
        step = STEP_PX * self.start.scale
        return Square(self.start.left + place[0] * step, self.start.top + place[1] * step, self.start.side)

    def places(self, points: NDArray[np.floating]) -> set[Place]:
        """Return the places of points (n, 2): x and y in pixels of looks, counted from those of the first square."""
        return {(column, row) for column, row in ((points - OVERLAP_PX) // STEP_PX).astype(int).tolist()}


def find_all(image: Gray, finder: Finder, limit: int) -> list[Found]:
    """Return what may be digits in an image uint8 (height, width), in no order; at most twice as many as `limit`.

    Raises:
        NoDigit: the image shows no digit.
        TooManyDigits: it shows more.

    """
    square, digits = _find(_Survey(Page(image), finder, limit))
    found = [Found(digit.ink, square.region(digit.box)) for digit in digits if clearness(digit.ink) >= MIN_CLEARNESS]
    if not found:
        raise NoDigit("There is no digit in the image.")
    return found


def _find(survey: "_Survey") -> View:
    square, digits = survey.look_first()
    if len(digits) == 1:
        square, digits = survey.look_closer(square, digits[0])
        if len(digits) == 1:
            return square, digits
        square, digits = survey.look_around(square, digits)  # there may be more of them beside the square
    elif _extent(digits) < (SHARP_EXTENT_PX if len(digits) <= FEW_DIGITS else COARSE_EXTENT_PX):
        square, digits = survey.look_around(square, digits)
    if _extent(digits) < COARSE_EXTENT_PX:  # they are smaller than they seemed
        square, digits = survey.look_around(square, digits)
    return square, digits


def _extent(digits: list[Digit]) -> float:
    """Return the longer side of the larger digits, in look pixels: small print beside them counts little."""
    return float(np.quantile([digit.extent for digit in digits], LARGER_QUANTILE)) if digits else SIDE_PX


@dataclass(frozen=True)
class _Survey:
    """Looks at an image, each closer than the one before."""

    page: Page
    finder: Finder
    limit: int

    def look_first(self) -> View:
        """Look at the whole image; where that is not clear, as where digits are many and small, at parts of it."""
        square = self.page.whole()
        marks = self.finder.look(self.page, square)
        digits = separate(marks)
        for zooms, looks in ROUGH_LOOKS:
            if digits and clearness(marks.ink) >= CLEAR_RATIO:
                break
            span = self._marked(square, marks)
            grid = Grid.over(span, _scale(span, [self.page.whole().scale / zoom for zoom in zooms], looks))
            columns, rows = Grid.size(span, grid.start.scale)
            square, marks = self._look_at(grid, {(column, row) for column in range(columns) for row in range(rows)})
            digits = self._separate(marks)
        return square, digits

    def _marked(self, square: Square, marks: Marks) -> Span:
        """Return the part of the image that has ink or centers of digits, if only weak ones; all of it for none."""
        unsure_center = min(UNSURE_CENTER, UNSURE_CENTER_RATIO * float(marks.centers.max()))
        rows, columns = np.nonzero((cells(marks.ink) > UNSURE_INK) | (marks.centers > unsure_center))
        whole = np.array([0, 0, self.page.width, self.page.height], float)
        if not len(rows):
            return whole
        cell_px, margin = CELL_PX * square.scale, 2
        low = np.array([columns.min() - margin, rows.min() - margin]) * cell_px + [square.left, square.top]
        high = np.array([columns.max() + 1 + margin, rows.max() + 1 + margin]) * cell_px + [square.left, square.top]
        return np.concatenate([np.maximum(low, whole[:2]), np.minimum(high, whole[2:])])

    def look_closer(self, square: Square, digit: Digit) -> View:
        """Look closer at what seems to be one digit; small ones side by side turn out to be several."""
        for _ in range(MAX_CLOSE_UPS):
            if finders.SHARP_EXTENT_PX[0] <= digit.extent <= finders.SHARP_EXTENT_PX[1]:
                break
            square = square.around(digit.box, CLOSE_UP)
            digits = separate(self.finder.look(self.page, square))
            if len(digits) != 1:
                return square, digits
            digit = digits[0]
        return square, [digit]

    def look_around(self, square: Square, digits: list[Digit]) -> View:
        """Look closer at several digits, and at those beside them."""
        if not digits:
            return square, digits
        boxes = np.array([digit.box for digit in digits]) * square.scale + np.tile([square.left, square.top], 2)
        span = np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
        few = max(FEW_LOOKS, len(digits) // DIGITS_PER_LOOK)
        extent = _extent(digits) * square.scale
        scale = _scale(span, [extent / extent_px for extent_px in EXTENTS_PX], few)
        if np.prod(Grid.size(span, scale)) > MAX_SQUARES:  # specks far from each other
            return square, digits
        grid = Grid.over(span, scale)
        centers = ((boxes[:, :2] + boxes[:, 2:]) / 2 - [grid.start.left, grid.start.top]) / grid.start.scale
        square, marks = self._look_at(grid, grid.places(centers))
        return square, self._separate(marks)

    def _look_at(self, grid: "Grid", places: set[Place]) -> tuple[Square, Marks]:
        looks = _explore(self.page, grid, self.finder, places)
        column, row = (min(place[axis] for place in looks) for axis in (0, 1))
        moved = {(place[0] - column, place[1] - row): marks for place, marks in looks.items()}
        return grid.square((column, row)), stitch(moved)

    def _separate(self, marks: Marks) -> list[Digit]:
        """Return the digits, once their number is known to be bounded, and so the time and memory that this takes."""
        if (count := len(peaks(marks.centers))) > TRIED_PER_DIGIT * self.limit:
            raise TooManyDigits.of(count, self.limit)
        return separate(marks)


def _scale(span: Span, scales: list[float], looks: int) -> float:
    """Return the first of some scales, the closest first, in which so many looks show a part of an image."""
    return next((scale for scale in scales if np.prod(Grid.size(span, scale)) <= looks), scales[-1])


def _explore(page: Page, grid: Grid, finder: Finder, wanted: set[Place]) -> dict[Place, Marks]:
    """Look at squares, and at those beside them that the centers of digits are in."""
    queue, looks = deque(sorted(wanted)), dict[Place, Marks]()
    while queue:
        if (place := queue.popleft()) in looks:
            continue
        if len(looks) == MAX_LOOKS:
            raise TooManyDigits(f"There is more in the image than {MAX_LOOKS} looks show: send parts of it.")
        looks[place] = marks = finder.look(page, grid.square(place))
        beside = grid.places(peaks(marks.centers) + np.array(place) * STEP_PX)
        queue.extend(sorted(other for other in beside if page.shows(grid.square(other))))
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
