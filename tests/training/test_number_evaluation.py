"""How the digits that are read in numbers are counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.settings import DEFAULT_MODELS
from training.data.datasets import Dataset
from training.synthetic import number_conditions, number_evaluation
from training.synthetic.number_evaluation import NumberCounts, compare

DIGITS = st.text("0123456789\n", max_size=8)


@pytest.mark.parametrize(
    ("shown", "read", "counts"),
    [
        ("42", "42", NumberCounts(1, 1, 2, 2, 0, 0, 0)),
        ("4\n2", "42", NumberCounts(1, 0, 2, 2, 0, 0, 0)),  # right but for the line
        ("123", "13", NumberCounts(1, 0, 3, 2, 0, 1, 0)),
        ("123", "1243", NumberCounts(1, 0, 3, 3, 0, 0, 1)),
        ("123", "173", NumberCounts(1, 0, 3, 2, 1, 0, 0)),
        ("7", "", NumberCounts(1, 0, 1, 0, 0, 1, 0)),
        ("5", "86", NumberCounts(1, 0, 1, 0, 1, 0, 1)),
    ],
)
def test_digits_are_aligned_before_they_are_counted(shown: str, read: str, counts: NumberCounts) -> None:
    assert compare(shown, read) == counts


@given(DIGITS, DIGITS)
def test_every_digit_shown_and_every_digit_read_is_counted_once(shown: str, read: str) -> None:
    counts = compare(shown, read)
    assert counts.right + counts.wrong + counts.missed == counts.digits == sum(map(str.isdigit, shown))
    assert counts.right + counts.wrong + counts.invented == sum(map(str.isdigit, read))
    assert counts.whole == (shown == read)


def test_most_digits_of_numbers_are_read_right(mnist: Dataset) -> None:
    counts = number_evaluation.evaluate(mnist.test, DEFAULT_MODELS, count=4, seed=6)
    assert list(counts) == list(number_conditions.CONDITIONS)
    total = sum(counts.values(), NumberCounts())
    assert total.numbers == 4 * len(counts)
    assert total.right / total.digits > 0.95  # 0.98 was seen of 690 numbers
    assert total.invented / total.digits < 0.03
    assert total.whole / total.numbers > 0.78  # 0.89 was seen
