"""Quantiles are those of NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.preparation import quantiles


@pytest.mark.parametrize("shape", [(1,), (2,), (3, 5), (28, 28), (2, 1000)])
def test_the_median_is_between_the_middle_two(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert quantiles.median(pixels) == np.median(pixels)


@given(values=st.lists(st.floats(0, 1e6), min_size=1), share=st.sampled_from([0.25, 0.5, 0.75, 0.8]))
def test_a_quantile_is_between_the_nearest_two(values: list[float], share: float) -> None:
    assert quantiles.quantile(values, share) == np.quantile(values, share)
