"""Lines of digits, small print beside them, and parts of a digit that the finder took for two."""

import numpy as np
import pytest

from service.inference import reader, reading_order
from service.preparation.finder import LocatedDigit


def at(left: float, top: float, width: float = 30, height: float = 50) -> LocatedDigit:
    return LocatedDigit(np.ones((round(height), round(width)), np.float32), (left, top, width, height))


def order(digits: list[LocatedDigit]) -> list[list[int]]:
    boxes = [digit.box for digit in digits]
    return [[boxes.index(digit.box) for digit in line] for line in reading_order.group_lines(digits)]


def test_digits_are_read_from_left_to_right_and_lines_from_top_to_bottom() -> None:
    assert order([at(80, 100), at(0, 0), at(40, 100), at(40, 0), at(0, 100)]) == [[1, 3], [4, 2, 0]]


@pytest.mark.parametrize("slope", [-0.35, -0.1, 0.1, 0.35])
def test_lines_may_slope(slope: float) -> None:
    lines = [[at(40 * place, 80 * line + slope * 40 * place) for place in range(10)] for line in range(3)]
    assert [len(line) for line in reading_order.group_lines([digit for line in lines for digit in line])] == [
        10,
        10,
        10,
    ]


def test_dots_dashes_and_small_print_are_left_out() -> None:
    digits = [at(0, 0), at(40, 42, 8, 8), at(60, 0), at(100, 22, 30, 6), at(0, 100, 8, 14), at(12, 100, 8, 14)]
    assert order(digits) == [[0, 2]]


def test_sizes_may_differ_in_a_line() -> None:
    assert order([at(0, 0), at(40, 20, 20, 30), at(70, 10, 25, 40)]) == [[0, 1, 2]]


def test_nothing_is_no_line() -> None:
    assert reading_order.group_lines([]) == []


def sure_of(digit: int, confidence: float) -> np.ndarray:
    row = np.full(10, (1 - confidence) / 9, np.float32)
    row[digit] = confidence
    return row


def classify(line: list[LocatedDigit], answers: list[np.ndarray]) -> list[int]:
    def predict(vectors: np.ndarray) -> np.ndarray:
        assert len(vectors) == len(answers)
        return np.stack(answers)

    return [int(row.argmax()) for read in reader.classify_lines([line], predict) for row in read.probabilities]


def test_two_parts_are_one_digit_if_the_model_is_surer_of_it() -> None:
    parts = [at(0, 0, 12, 40), at(12, 5, 20, 40)]
    assert classify(parts, [sure_of(1, 0.97), sure_of(7, 0.6), sure_of(4, 0.99)]) == [4]
    assert classify(parts, [sure_of(1, 0.97), sure_of(7, 0.95), sure_of(4, 0.6)]) == [1, 7]


def test_digits_with_room_between_them_are_not_joined() -> None:
    assert classify([at(0, 0, 12), at(24, 0, 12)], [sure_of(1, 0.9), sure_of(1, 0.9)]) == [1, 1]


def test_a_wide_digit_is_two_if_the_model_is_surer_of_its_halves() -> None:
    answers = [sure_of(4, 0.7), sure_of(3, 0.995), sure_of(4, 0.99)]
    assert classify([at(0, 0, 45)], answers) == [3, 4]
    assert classify([at(0, 0, 45)], [sure_of(0, 0.999), *answers[1:]]) == [0]
    assert classify([at(0, 0, 30)], [sure_of(4, 0.7)]) == [4]


def test_a_digit_is_cut_where_it_has_least_ink() -> None:
    ink = np.ones((40, 60), np.float32)
    ink[:, 25:28] = 0
    ink[:10, 28:] = 0
    left, right = reader.split_digit(LocatedDigit(ink, (100, 200, 30, 20)))
    assert left.ink.shape == (40, 25)
    assert left.box == (100, 200, 12.5, 20)
    assert right.ink.shape == (30, 32)
    assert right.box == (114, 205, 16, 15)


def test_what_is_joined_has_the_ink_of_both_and_the_box_around_them() -> None:
    joined = reader.join_parts(at(10, 20, 10, 30), at(25, 30, 10, 30))
    assert joined.box == (10, 20, 25, 40)
    assert joined.ink.shape == (40, 25)
    assert joined.ink.sum() == 2 * 10 * 30


def test_what_the_model_takes_for_no_digit_is_left_out() -> None:
    assert classify([at(0, 0), at(60, 0)], [np.full(10, 0.1, np.float32), sure_of(3, 0.8)]) == [3]


def test_the_digits_counted_are_clear_and_of_about_one_size() -> None:
    boxes = [at(0, 0).box, at(60, 0).box, at(120, 30, 10, 20).box, at(180, 0).box]
    rows = np.stack([sure_of(1, 0.9), sure_of(2, 0.9), sure_of(3, 0.9), sure_of(4, 0.3)])
    assert reader.count_digits([reader.ClassifiedLine(boxes, rows)]) == 2
    assert reader.count_digits([]) == 0
