"""The network's maps of a look are split into digits."""

import numpy as np
import pytest

from service.preparation.finder import Finder
from service.preparation.looks import LOOK_SIDE_PX, PaddedImage
from service.preparation.segmentation import (
    CELL_PX,
    OFFSET_UNIT_PX,
    Maps,
    find_peaks,
    find_surest_center,
    measure_clearness,
    pool_cells,
    segment_digits,
)
from service.preparation.types import Floats, Ink
from tests.support.canvases import Drawn, draw
from training.data.datasets import Dataset

CELLS = LOOK_SIDE_PX // CELL_PX


def make_maps(*inks: Ink) -> Maps:
    """Return the maps of a network that makes no mistakes, of the ink of each digit in a look, (128, 128)."""
    centers, offsets = np.zeros((CELLS, CELLS), np.float32), np.zeros((CELLS, CELLS, 2), np.float32)
    for ink in inks:
        rows, columns = np.nonzero(pool_cells(ink))
        row, column = round(rows.mean()), round(columns.mean())
        centers[row, column] = 0.9
        offsets[rows, columns] = np.stack([column - columns, row - rows], axis=1) * CELL_PX / OFFSET_UNIT_PX
    return Maps(np.max(inks, axis=0), centers, offsets)


def place(digit: np.ndarray, left: int, top: int) -> Ink:
    """Return the ink of a digit uint8 (28, 28), twice as large, in a look."""
    ink = np.zeros((LOOK_SIDE_PX, LOOK_SIDE_PX), np.float32)
    ink[top : top + 56, left : left + 56] = np.kron(digit, np.ones((2, 2))) / 255
    return ink


def assert_ink_is(maps: Maps, *inks: Ink) -> None:
    """Check that the digits of maps have the ink that was drawn: in the columns and rows where it is dark."""
    digits = sorted(segment_digits(maps), key=lambda digit: digit.center)
    assert len(digits) == len(inks)
    for digit, ink in zip(digits, inks, strict=True):
        rows, columns = (np.flatnonzero((ink > 0.5).any(axis=axis)) for axis in (1, 0))
        left, top, right, bottom = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
        assert digit.edges == (left, top, right, bottom)
        assert digit.extent == max(right - left, bottom - top)
        assert digit.center == ((left + right) / 2, (top + bottom) / 2)
        np.testing.assert_array_equal(digit.ink, np.where(ink > 0.05, ink, 0)[top:bottom, left:right])


def test_one_digit_is_all_ink_with_a_center_or_without(mnist: Dataset) -> None:
    for digit in mnist.x_test[:50]:
        ink = place(digit, 20, 40)
        maps = make_maps(ink)
        assert_ink_is(maps, ink)
        assert_ink_is(Maps(ink, np.zeros_like(maps.centers), maps.offsets), ink)


def test_digits_beside_each_other_are_split(mnist: Dataset) -> None:
    for left, right in zip(mnist.x_test[:50], mnist.x_test[50:100], strict=True):
        inks = place(left, 4, 8), place(right, 68, 60)
        assert_ink_is(make_maps(*inks), *inks)


def test_a_digit_above_another_does_not_take_its_ink(mnist: Dataset) -> None:
    upper, lower = place(mnist.x_test[0], 12, 8), place(mnist.x_test[1], 40, 64)  # their columns overlap
    digits = segment_digits(make_maps(upper, lower))
    assert sorted(round(float(digit.ink.sum())) for digit in digits) == pytest.approx(
        sorted((float(upper.sum()), float(lower.sum()))), rel=0.02
    )


def test_nothing_and_faint_ink_are_no_digits(mnist: Dataset) -> None:
    blank = np.zeros((LOOK_SIDE_PX, LOOK_SIDE_PX), np.float32)
    faint = place(mnist.x_test[0], 20, 20) * np.float32(0.4)
    for ink in (blank, faint):
        assert segment_digits(Maps(ink, blank[:CELLS, :CELLS], np.zeros((CELLS, CELLS, 2), np.float32))) == []


def test_the_finders_maps_of_touching_digits_are_split(mnist: Dataset, finder: Finder) -> None:
    counts = []
    for first, second in zip(mnist.x_test[:40], mnist.x_test[40:80], strict=True):
        canvas = draw((240, 240), Drawn(first, 30, 50, 90), Drawn(second, 85, 55, 90))
        image = PaddedImage(canvas)
        counts.append(len(segment_digits(finder.predict_square(image, image.whole()))))
    assert np.mean(np.array(counts) == 2) >= 0.75  # 0.825


def centers(*peaks: tuple[int, int, float]) -> Floats:
    values = np.zeros((CELLS, CELLS), np.float32)
    for row, column, value in peaks:
        values[row, column] = value
    return values


def test_peaks_are_the_local_maxima_in_the_middle_of_their_cells() -> None:
    marked = centers((0, 0, 0.9), (0, 1, 0.8), (5, 9, 0.31), (20, 31, 0.3), (31, 31, 1))
    assert find_peaks(marked).tolist() == [[2, 2], [38, 22], [126, 126]]
    assert find_surest_center(marked) == (126, 126)
    assert find_peaks(centers()).tolist() == []
    assert find_surest_center(centers((3, 4, 0.3))) is None
    assert find_surest_center(centers((3, 4, 0.4))) == (18, 14)


def test_cells_hold_their_most_ink() -> None:
    ink = np.random.default_rng(0).random((8, 12), np.float32)
    pooled = pool_cells(ink)
    assert pooled.shape == (2, 3)
    assert pooled[1, 2] == ink[4:, 8:].max()


def test_clearness_is_the_part_of_ink_that_is_sure(mnist: Dataset) -> None:
    assert measure_clearness(np.array([0.9, 0.9, 0.2, 0.05], np.float32)) == pytest.approx(0.9)
    assert measure_clearness(np.zeros((3, 3), np.float32)) == 0
    ink = mnist.x_test[0] / np.float32(255)
    assert measure_clearness(ink) > 0.6 > 0 == measure_clearness(ink * np.float32(0.5))
