"""Digits are grouped into lines, and small print is left out."""

import pytest

from service.inference import reading_order
from service.preparation.finder import LocatedDigit
from tests.support.readings import digit_at


def order(digits: list[LocatedDigit]) -> list[list[int]]:
    boxes = [digit.box for digit in digits]
    return [[boxes.index(digit.box) for digit in line] for line in reading_order.group_lines(digits)]


def test_digits_are_read_from_left_to_right_and_lines_from_top_to_bottom() -> None:
    corners = [(80, 100), (0, 0), (40, 100), (40, 0), (0, 100)]
    assert order([digit_at(*corner) for corner in corners]) == [[1, 3], [4, 2, 0]]


@pytest.mark.parametrize("slope", [-0.35, -0.1, 0.1, 0.35])
def test_lines_may_slope(slope: float) -> None:
    digits = [digit_at(40 * column, 80 * row + slope * 40 * column) for row in range(3) for column in range(10)]
    assert [len(line) for line in reading_order.group_lines(digits)] == [10, 10, 10]


def test_dots_dashes_and_small_print_are_left_out() -> None:
    digits = [digit_at(0, 0), digit_at(60, 0)]
    dot, dash = digit_at(40, 42, 8, 8), digit_at(100, 22, 30, 6)
    small_print = [digit_at(0, 100, 8, 14), digit_at(12, 100, 8, 14)]
    assert order([digits[0], dot, digits[1], dash, *small_print]) == [[0, 2]]


def test_sizes_may_differ_in_a_line() -> None:
    assert order([digit_at(0, 0), digit_at(40, 20, 20, 30), digit_at(70, 10, 25, 40)]) == [[0, 1, 2]]


def test_nothing_is_no_line() -> None:
    assert reading_order.group_lines([]) == []
