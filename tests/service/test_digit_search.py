"""All digits of an image are found, of any number and size."""

import numpy as np
import pytest

from service.errors import NoDigit, TooManyDigits
from service.preparation.digit_search import OVERLAP_PX, STEP_PX, Grid, find_all, stitch
from service.preparation.finder import Finder
from service.preparation.looks import LOOK_SIDE_PX, Square
from service.preparation.segmentation import CELL_PX, Maps
from service.preparation.types import Box, Gray
from tests.support.canvases import Drawn, draw, find_box
from training.data.datasets import Dataset


def draw_rows(mnist: Dataset, rows: int, columns: int, height: int) -> tuple[Gray, list[Box]]:
    """Draw digits in rows on a large canvas, and return it with the box of each."""
    gap, digits = 2 * height, iter(mnist.x_test)
    shape = ((rows + 1) * gap, (columns + 1) * gap)
    all_drawn = [
        Drawn(next(digits), gap // 2 + column * gap, gap // 2 + row * gap, height)
        for row in range(rows)
        for column in range(columns)
    ]
    return draw(shape, *all_drawn), [find_box(draw(shape, drawn)) for drawn in all_drawn]


def overlap(first: Box, second: Box) -> float:
    """Return the part of the union of two boxes that both cover."""
    (left, top, width, height), (other_left, other_top, other_width, other_height) = first, second
    shared_width = min(left + width, other_left + other_width) - max(left, other_left)
    shared_height = min(top + height, other_top + other_height) - max(top, other_top)
    shared = max(shared_width, 0) * max(shared_height, 0)
    return shared / (width * height + other_width * other_height - shared)


@pytest.mark.parametrize(
    ("rows", "columns", "height"),
    [(1, 1, 40), (1, 1, 400), (1, 2, 60), (1, 5, 90), (3, 4, 50), (6, 8, 30), (2, 20, 24)],
)
def test_digits_are_found_where_they_are(mnist: Dataset, finder: Finder, rows: int, columns: int, height: int) -> None:
    canvas, boxes = draw_rows(mnist, rows, columns, height)
    located = find_all(canvas, finder, 60)
    overlaps = [max(overlap(digit.box, box) for digit in located) for box in boxes]
    assert np.mean(np.array(overlaps) > 0.6) >= 0.9  # 1; of 40 small digits in two rows 0.925
    assert abs(len(located) - len(boxes)) <= len(boxes) // 20
    for digit in located:
        assert digit.ink.dtype == np.float32
        assert 0 <= digit.ink.min() < 0.5 < digit.ink.max() <= 1


def test_a_digit_far_from_the_others_is_found(mnist: Dataset, finder: Finder) -> None:
    all_drawn = [Drawn(mnist.x_test[0], 30, 30, 60), Drawn(mnist.x_test[1], 1100, 700, 60)]
    located = find_all(draw((800, 1200), *all_drawn), finder, 60)
    boxes = [find_box(draw((800, 1200), drawn)) for drawn in all_drawn]
    assert all(max(overlap(digit.box, box) for digit in located) > 0.6 for box in boxes)


@pytest.mark.parametrize("shape", [(28, 28), (300, 400), (1, 1), (1000, 20)])
def test_blank_paper_has_no_digit(finder: Finder, shape: tuple[int, int]) -> None:
    with pytest.raises(NoDigit):
        find_all(np.full(shape, 255, np.uint8), finder, 60)


def test_more_than_twice_the_limit_are_too_many(mnist: Dataset, finder: Finder) -> None:
    canvas, boxes = draw_rows(mnist, 4, 6, 40)
    assert len(find_all(canvas, finder, len(boxes) // 2)) >= len(boxes) - 1  # 23 of 24
    with pytest.raises(TooManyDigits, match=r"The image shows \d+ digits: at most 5 are read\."):
        find_all(canvas, finder, 5)


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.7])
@pytest.mark.parametrize("area", [(10, 20, 400, 90), (0, 0, 5, 5), (-30, 7, 1000, 1000)])
def test_a_grid_covers_its_area(area: tuple[int, int, int, int], scale: float) -> None:
    corners = np.array(area, float)
    grid, (columns, rows) = Grid.around(corners, scale), Grid.count_squares(corners, scale)
    first, last = grid.square((0, 0)), grid.square((columns - 1, rows - 1))
    margin = OVERLAP_PX * scale
    assert first == grid.start
    assert grid.start.scale == pytest.approx(scale)
    assert first.left + margin <= corners[0] + 1e-6
    assert first.top + margin <= corners[1] + 1e-6
    assert last.left + last.side - margin >= corners[2] - 1e-6
    assert last.top + last.side - margin >= corners[3] - 1e-6


def test_points_of_a_grid_are_in_the_middle_of_their_squares() -> None:
    grid = Grid(Square(100, 50, LOOK_SIDE_PX))
    for position in ((0, 0), (3, 0), (2, 5), (-1, -2)):
        square = grid.square(position)
        middle = [square.left - 100 + LOOK_SIDE_PX / 2, square.top - 50 + LOOK_SIDE_PX / 2]
        assert grid.positions(np.array([middle])) == {position}
    assert grid.positions(np.array([[OVERLAP_PX, OVERLAP_PX], [OVERLAP_PX - 1, OVERLAP_PX + STEP_PX]])) == {
        (0, 0),
        (-1, 1),
    }


def test_looks_are_stitched_to_the_whole() -> None:
    rng, (columns, rows) = np.random.default_rng(0), (3, 2)
    width, height = (count * STEP_PX + 2 * OVERLAP_PX for count in (columns, rows))
    cell_shape = (height // CELL_PX, width // CELL_PX)
    whole = Maps(
        rng.random((height, width), np.float32),
        rng.random(cell_shape, np.float32),
        rng.random((*cell_shape, 2), np.float32),
    )
    looks = {(column, row): cut(whole, column, row) for column in range(columns) for row in range(rows)}
    stitched = stitch(looks)
    for name in ("ink", "centers", "offsets"):
        np.testing.assert_array_equal(getattr(stitched, name), getattr(whole, name))


def cut(whole: Maps, column: int, row: int) -> Maps:
    """Return the maps of the look at a position of a grid."""
    pixels = tuple(slice(index * STEP_PX, index * STEP_PX + LOOK_SIDE_PX) for index in (row, column))
    cells = tuple(slice(part.start // CELL_PX, part.stop // CELL_PX) for part in pixels)
    return Maps(whole.ink[pixels], whole.centers[cells], whole.offsets[cells])


def test_where_looks_overlap_the_nearer_middle_counts() -> None:
    looks = {(column, 0): make_even(column) for column in (0, 1)}
    ink = stitch(looks).ink
    border = OVERLAP_PX + STEP_PX
    assert (ink[OVERLAP_PX:-OVERLAP_PX, :border] == 0).all()
    assert (ink[OVERLAP_PX:-OVERLAP_PX, border:] == 1).all()


def make_even(value: float) -> Maps:
    cells = LOOK_SIDE_PX // CELL_PX
    shapes = (LOOK_SIDE_PX, LOOK_SIDE_PX), (cells, cells), (cells, cells, 2)
    return Maps(*(np.full(shape, value, np.float32) for shape in shapes))
