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


def classify(line: list[LocatedDigit], *answers: list[Floats]) -> list[int]:
    """Return the digits of a line, from the model's answers to one call after the other."""
    calls = iter(answers)

    def predict(vectors: Floats) -> Floats:
        rows = next(calls)
        assert len(vectors) == len(rows)
        return np.stack(rows)

    lines = reader.classify_lines([line], predict)
    assert next(calls, None) is None
    return [int(row.argmax()) for read_line in lines for row in read_line.probabilities]


def test_two_parts_are_one_digit_if_the_model_is_surer_of_it() -> None:
    parts = [digit_at(0, 0, 12, 40), digit_at(12, 5, 20, 40)]
    assert classify(parts, [sure_of(1, 0.97), sure_of(7, 0.6)], [sure_of(4, 0.99)]) == [4]
    assert classify(parts, [sure_of(1, 0.97), sure_of(7, 0.95)], [sure_of(4, 0.6)]) == [1, 7]


def test_digits_with_room_between_them_are_not_joined() -> None:
    assert classify([digit_at(0, 0, 12), digit_at(24, 0, 12)], [sure_of(1, 0.9), sure_of(1, 0.9)]) == [1, 1]


def test_a_wide_digit_is_two_if_the_model_is_surer_of_its_halves() -> None:
    halves = [
        sure_of(5, 0.98),
        sure_of(4, 0.9),
        sure_of(3, 0.995),
        sure_of(4, 0.99),
        sure_of(7, 0.985),
        sure_of(4, 0.985),
    ]
    assert classify([digit_at(0, 0, 45)], [sure_of(4, 0.7)], halves) == [3, 4]
    assert classify([digit_at(0, 0, 45)], [sure_of(0, 0.994)], [sure_of(1, 0.97)] * 6) == [0]


def test_sure_and_narrow_digits_are_left_as_they_are() -> None:
    assert classify([digit_at(0, 0, 45)], [sure_of(0, 0.999)]) == [0]
    assert classify([digit_at(0, 0, 20)], [sure_of(4, 0.7)]) == [4]


def test_what_the_model_takes_for_no_digit_is_left_out() -> None:
    assert classify([digit_at(0, 0, 20), digit_at(60, 0, 20)], [np.full(10, 0.1, np.float32), sure_of(3, 0.8)]) == [3]


def test_the_digits_counted_are_clear_and_of_about_one_size() -> None:
    boxes = [digit_at(0, 0).box, digit_at(60, 0).box, digit_at(120, 30, 10, 20).box, digit_at(180, 0).box]
    rows = np.stack([sure_of(1, 0.9), sure_of(2, 0.9), sure_of(3, 0.9), sure_of(4, 0.3)])
    assert reader.count_digits([reader.ClassifiedLine(boxes, rows)]) == 2
    assert reader.count_digits([]) == 0
