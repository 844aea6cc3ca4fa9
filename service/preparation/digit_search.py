"""The search for all digits of an image.

Where the first look shows several digits, a grid of squares is laid over the image, at a scale at which digits are
sharp. The search begins with the squares of the digits in the first look, and spreads to the squares that digits reach
into: empty squares cost no time.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.errors import NoDigit, TooManyDigits
from service.preparation.finder import CLOSE_UP_RATIO, MAX_CLOSE_UPS, Finder, LocatedDigit, is_sharp
from service.preparation.looks import LOOK_SIDE_PX, PaddedImage, Square
from service.preparation.quantiles import quantile
from service.preparation.segmentation import (
    CELL_PX,
    MIN_CLEARNESS,
    UNSURE_INK,
    Digit,
    Maps,
    find_peaks,
    measure_clearness,
    pool_cells,
    segment_digits,
)
from service.preparation.types import Floats, Gray

TARGET_EXTENTS_PX = (48, 40, 34, 28)  # of the larger digits in a grid; the first that needs few looks
FEW_LOOKS = 4
DIGITS_PER_LOOK = 5  # one more look costs little for this many digits
LARGE_EXTENT_PX = 44  # few digits of this extent need no closer look
SMALL_EXTENT_PX = 20  # digits below this extent always need a closer look
FEW_DIGITS = 5
LARGER_QUANTILE = 0.75
# Searches of an image whose first look is not clear: how many times closer, and the most looks. The closest scale that
# needs no more looks is used.
ROUGH_SEARCHES = (((4.0, 3.0, 2.5, 1.8), 4), ((5.0, 4.5, 4.0, 3.5, 3.0, 2.5), 20))
MIN_LOOK_CLEARNESS = 0.65  # of the ink of a look; it is lower where digits are too small for the look
WEAK_CENTER = 0.15
WEAK_CENTER_RATIO = 0.25  # to the surest: of 60 digits in 10 rows none was surer than 0.26, the last row 0.1
WEAK_MARGIN_CELLS = 2
OVERLAP_PX = 16  # at each side of a square, so that each digit is whole in one of the squares
STEP_PX = LOOK_SIDE_PX - 2 * OVERLAP_PX
MAX_LOOKS = 64  # 2 ms each
MAX_SQUARES = 256  # of a grid around digits, with the squares that are not looked at; 55 kB of memory each
MAX_CANDIDATES_PER_DIGIT = 2  # one digit may have two centers at first

Position = tuple[int, int]  # column and row of a square in a grid
View = tuple[Square, list[Digit]]  # a square, or the first of a grid, and the digits in it
Area = NDArray[np.floating]  # left, top, right, bottom, in the image's pixels


@dataclass(frozen=True)
class Grid:
    """Overlapping squares of an image, in columns and rows."""

    start: Square  # at column 0 and row 0

    @classmethod
    def around(cls, area: Area, scale: float) -> "Grid":
        """Return the grid around an area of the image; `scale` is the image's pixels in one pixel of a look."""
        columns, rows = cls.count_squares(area, scale)
        step, overlap = STEP_PX * scale, OVERLAP_PX * scale
        left, top = ((area[:2] + area[2:]) - np.array([columns, rows]) * step) / 2 - overlap
        return cls(Square(float(left), float(top), LOOK_SIDE_PX * scale))

    @staticmethod
    def count_squares(area: Area, scale: float) -> tuple[int, int]:
        """Return how many columns and rows of squares cover an area."""
        columns, rows = np.maximum(np.ceil((area[2:] - area[:2]) / (STEP_PX * scale)), 1).astype(int).tolist()
        return columns, rows

    def square(self, position: Position) -> Square:
        """Return the square at a position."""
        step = STEP_PX * self.start.scale
        return Square(self.start.left + position[0] * step, self.start.top + position[1] * step, self.start.side)

    def positions(self, points: NDArray[np.floating]) -> set[Position]:
        """Return the positions of points (n, 2): x and y in look pixels, from the corner of the first square."""
        return {(column, row) for column, row in ((points - OVERLAP_PX) // STEP_PX).astype(int).tolist()}


def find_all(image: Gray, finder: Finder, limit: int) -> list[LocatedDigit]:
    """Return the candidates for digits in an image uint8 (height, width), unordered; at most twice as many as `limit`.

    Raises:
        NoDigit: the image shows no digit.
        TooManyDigits: there are more candidates.

    """
    square, digits = _Search(PaddedImage(image), finder, limit).run()
    clear = [digit for digit in digits if measure_clearness(digit.ink) >= MIN_CLEARNESS]
    if not clear:
        raise NoDigit("There is no digit in the image.")
    return [LocatedDigit(digit.ink, square.to_box(digit.edges)) for digit in clear]


def _measure_extent(digits: list[Digit]) -> float:
    """Return the extent of the larger digits, in look pixels: small print beside them has little weight."""
    return quantile([digit.extent for digit in digits], LARGER_QUANTILE) if digits else LOOK_SIDE_PX


@dataclass(frozen=True)
class _Search:
    """Looks at an image, each closer than the last."""

    image: PaddedImage
    finder: Finder
    limit: int

    def run(self) -> View:
        """Return the digits at a scale at which they are sharp."""
        square, digits = self.view_whole()
        if len(digits) == 1:
            square, digits = self.zoom_in(square, digits[0])
            if len(digits) == 1:
                return square, digits
            square, digits = self.view_grid(square, digits)  # there may be more digits beside the square
        elif _measure_extent(digits) < (LARGE_EXTENT_PX if len(digits) <= FEW_DIGITS else SMALL_EXTENT_PX):
            square, digits = self.view_grid(square, digits)
        if _measure_extent(digits) < SMALL_EXTENT_PX:  # the first look showed them larger than they are
            square, digits = self.view_grid(square, digits)
        return square, digits

    def view_whole(self) -> View:
        """Return the digits of the whole image, from closer looks where digits are too many and small for one."""
        square = self.image.whole()
        maps = self.finder.predict_square(self.image, square)
        digits = segment_digits(maps)
        for zooms, max_looks in ROUGH_SEARCHES:
            if digits and measure_clearness(maps.ink) >= MIN_LOOK_CLEARNESS:
                break
            area = self._find_weak_area(square, maps)
            scales = [self.image.whole().scale / zoom for zoom in zooms]
            grid = Grid.around(area, _choose_scale(area, scales, max_looks))
            columns, rows = Grid.count_squares(area, grid.start.scale)
            square, maps = self._look_at(grid, {(column, row) for column in range(columns) for row in range(rows)})
            digits = self._segment(maps)
        return square, digits

    def _find_weak_area(self, square: Square, maps: Maps) -> Area:
        """Return the area with ink or centers of digits, even weak ones; the whole image if there are none."""
        weak_center = min(WEAK_CENTER, WEAK_CENTER_RATIO * float(maps.centers.max()))
        rows, columns = np.nonzero((pool_cells(maps.ink) > UNSURE_INK) | (maps.centers > weak_center))
        whole = np.array([0, 0, self.image.width, self.image.height], float)
        if not len(rows):
            return whole
        cell_px, origin = CELL_PX * square.scale, [square.left, square.top]
        low = np.array([columns.min(), rows.min()]) - WEAK_MARGIN_CELLS
        high = np.array([columns.max(), rows.max()]) + 1 + WEAK_MARGIN_CELLS
        low, high = low * cell_px + origin, high * cell_px + origin
        return np.concatenate([np.maximum(low, whole[:2]), np.minimum(high, whole[2:])])

    def zoom_in(self, square: Square, digit: Digit) -> View:
        """Return what closer looks at a digit show: one digit, or several small ones side by side."""
        for _ in range(MAX_CLOSE_UPS):
            if is_sharp(digit):
                break
            square = square.zoom(digit.edges, CLOSE_UP_RATIO)
            digits = segment_digits(self.finder.predict_square(self.image, square))
            if len(digits) != 1:
                return square, digits
            digit = digits[0]
        return square, [digit]

    def view_grid(self, square: Square, digits: list[Digit]) -> View:
        """Return what closer looks at several digits show, with the digits beside them."""
        if not digits:
            return square, digits
        edges = np.array([digit.edges for digit in digits]) * square.scale + np.tile([square.left, square.top], 2)
        area = np.concatenate([edges[:, :2].min(axis=0), edges[:, 2:].max(axis=0)])
        extent = _measure_extent(digits) * square.scale
        few_looks = max(FEW_LOOKS, len(digits) // DIGITS_PER_LOOK)
        scale = _choose_scale(area, [extent / target_px for target_px in TARGET_EXTENTS_PX], few_looks)
        if np.prod(Grid.count_squares(area, scale)) > MAX_SQUARES:  # specks far from each other
            return square, digits
        grid = Grid.around(area, scale)
        centers = ((edges[:, :2] + edges[:, 2:]) / 2 - [grid.start.left, grid.start.top]) / grid.start.scale
        square, maps = self._look_at(grid, grid.positions(centers))
        return square, self._segment(maps)

    def _look_at(self, grid: Grid, positions: set[Position]) -> tuple[Square, Maps]:
        looks = _explore(self.image, grid, self.finder, positions)
        column, row = (min(position[axis] for position in looks) for axis in (0, 1))
        moved = {(position[0] - column, position[1] - row): maps for position, maps in looks.items()}
        return grid.square((column, row)), stitch(moved)

    def _segment(self, maps: Maps) -> list[Digit]:
        """Return the digits, after a check of their number, which bounds the time and memory that this needs."""
        if (count := len(find_peaks(maps.centers))) > MAX_CANDIDATES_PER_DIGIT * self.limit:
            raise TooManyDigits.of(count, self.limit)
        return segment_digits(maps)


def _choose_scale(area: Area, scales: list[float], max_looks: int) -> float:
    """Return the first scale at which no more than `max_looks` looks cover an area, or else the last scale."""
    return next((scale for scale in scales if np.prod(Grid.count_squares(area, scale)) <= max_looks), scales[-1])


def _explore(image: PaddedImage, grid: Grid, finder: Finder, positions: set[Position]) -> dict[Position, Maps]:
    """Return the network's output for some squares, and for the squares beside them that have centers of digits."""
    queue, looks = deque(sorted(positions)), dict[Position, Maps]()
    while queue:
        if (position := queue.popleft()) in looks:
            continue
        if len(looks) == MAX_LOOKS:
            raise TooManyDigits("The image shows more than can be searched: send parts of it.")
        looks[position] = maps = finder.predict_square(image, grid.square(position))
        neighbors = grid.positions(find_peaks(maps.centers) + np.array(position) * STEP_PX)
        queue.extend(sorted(neighbor for neighbor in neighbors if image.overlaps(grid.square(neighbor))))
    return looks


def stitch(looks: dict[Position, Maps]) -> Maps:
    """Join the maps of looks in a grid. Where looks overlap, the look whose middle is nearer counts."""
    columns, rows = (max(position[axis] for position in looks) + 1 for axis in (0, 1))
    whole = Maps(*(_blank(layer, columns, rows) for layer in _layers(next(iter(looks.values())))))
    for margin_px in (0, OVERLAP_PX):  # the whole looks first, then their middles over the margins of other looks
        for position, maps in looks.items():
            for layer, part in zip(_layers(whole), _layers(maps), strict=True):
                _paste(layer, part, position, margin_px)
    return whole


def _layers(maps: Maps) -> tuple[Floats, Floats, Floats]:
    return maps.ink, maps.centers, maps.offsets


def _blank(layer: Floats, columns: int, rows: int) -> Floats:
    """Return zeros for as many looks as a grid has, in the resolution of one look's layer."""
    height, width = ((count * STEP_PX + 2 * OVERLAP_PX) * len(layer) // LOOK_SIDE_PX for count in (rows, columns))
    return np.zeros((height, width, *layer.shape[2:]), np.float32)


def _paste(layer: Floats, part: Floats, position: Position, margin_px: int) -> None:
    """Copy the layer of one look, without its margin, to the look's position."""
    unit_px = LOOK_SIDE_PX // len(part)
    margin, (left, top) = margin_px // unit_px, (index * STEP_PX // unit_px for index in position)
    inner = slice(margin, len(part) - margin)
    layer[top : top + len(part), left : left + len(part)][inner, inner] = part[inner, inner]
