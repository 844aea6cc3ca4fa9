"""Numbers as people send them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.preparation import decode
from training.data.datasets import Dataset
from training.synthetic import number_conditions
from training.synthetic.written_lines import LineStyle, write_lines


@pytest.mark.parametrize("condition", number_conditions.CONDITIONS)
def test_every_condition_draws_what_it_says(condition: str, mnist: Dataset) -> None:
    drawn = list(number_conditions.draw_numbers(mnist.test, condition, 3, seed=4))
    for number in drawn:
        image = decode.decode(number.data, 10**8, 1)
        assert int(image.max()) - int(image.min()) > 60
        assert all(line.isdigit() for line in number.lines)
    again = list(number_conditions.draw_numbers(mnist.test, condition, 3, seed=4))
    assert [number.data for number in again] == [number.data for number in drawn]
    assert next(number_conditions.draw_numbers(mnist.test, condition, 1, seed=5)).data != drawn[0].data


@given(seed=st.integers(0, 2**32 - 1), counts=st.lists(st.integers(1, 6), min_size=1, max_size=3))
@settings(max_examples=25, deadline=None)
def test_lines_are_written_whole_and_one_below_the_other(mnist: Dataset, seed: int, counts: list[int]) -> None:
    written = write_lines(mnist.test, np.random.default_rng(seed), counts, LineStyle(heights=(30, 60)))
    assert [len(line) for line in written.lines] == counts
    assert (str(written.page.dtype), written.page.ndim, len(written.edges)) == ("float32", 2, sum(counts))
    left, top, right, bottom = written.edges.T
    assert (left >= 0).all()
    assert (top >= 0).all()
    assert (right <= written.page.shape[1]).all()
    assert (bottom <= written.page.shape[0]).all()
    starts = np.cumsum([0, *counts])
    middles = [np.mean((top + bottom)[start:end]) for start, end in pairwise(starts)]
    assert middles == sorted(middles)
    for x_start, y_start, x_end, y_end in written.edges:
        assert written.page[y_start:y_end, x_start:x_end].max() > 0.5
