"""The digits of a line: parts are joined, digits that touch are split, and what is no digit is left out."""

import numpy as np

from service.inference import reader
from service.preparation.finder import LocatedDigit
from service.preparation.types import Floats
from tests.support.readings import digit_at


def sure_of(digit: int, confidence: float) -> Floats:
    row = np.full(10, (1 - confidence) / 9, np.float32)
    row[digit] = confidence
    return row


def classify(line: list[LocatedDigit], rows: list[Floats]) -> list[int]:
    def predict(vectors: Floats) -> Floats:
        assert len(vectors) == len(rows)
        return np.stack(rows)

    return [
        int(row.argmax()) for read_line in reader.classify_lines([line], predict) for row in read_line.probabilities
    ]


def test_two_parts_are_one_digit_if_the_model_is_surer_of_it() -> None:
    parts = [digit_at(0, 0, 12, 40), digit_at(12, 5, 20, 40)]
    assert classify(parts, [sure_of(1, 0.97), sure_of(7, 0.6), sure_of(4, 0.99)]) == [4]
    assert classify(parts, [sure_of(1, 0.97), sure_of(7, 0.95), sure_of(4, 0.6)]) == [1, 7]


def test_digits_with_room_between_them_are_not_joined() -> None:
    assert classify([digit_at(0, 0, 12), digit_at(24, 0, 12)], [sure_of(1, 0.9), sure_of(1, 0.9)]) == [1, 1]


def test_a_wide_digit_is_two_if_the_model_is_surer_of_its_halves() -> None:
    answers = [sure_of(4, 0.7), sure_of(3, 0.995), sure_of(4, 0.99)]
    assert classify([digit_at(0, 0, 45)], answers) == [3, 4]
    assert classify([digit_at(0, 0, 45)], [sure_of(0, 0.999), *answers[1:]]) == [0]
    assert classify([digit_at(0, 0, 30)], [sure_of(4, 0.7)]) == [4]


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
    joined = reader.join_parts(digit_at(10, 20, 10, 30), digit_at(25, 30, 10, 30))
    assert joined.box == (10, 20, 25, 40)
    assert joined.ink.shape == (40, 25)
    assert joined.ink.sum() == 2 * 10 * 30


def test_what_the_model_takes_for_no_digit_is_left_out() -> None:
    assert classify([digit_at(0, 0), digit_at(60, 0)], [np.full(10, 0.1, np.float32), sure_of(3, 0.8)]) == [3]


def test_the_digits_counted_are_clear_and_of_about_one_size() -> None:
    boxes = [digit_at(0, 0).box, digit_at(60, 0).box, digit_at(120, 30, 10, 20).box, digit_at(180, 0).box]
    rows = np.stack([sure_of(1, 0.9), sure_of(2, 0.9), sure_of(3, 0.9), sure_of(4, 0.3)])
    assert reader.count_digits([reader.ClassifiedLine(boxes, rows)]) == 2
    assert reader.count_digits([]) == 0
