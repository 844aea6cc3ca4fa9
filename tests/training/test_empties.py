"""Images without a digit, and what the service answers to them."""

import numpy as np
import pytest

from service.models import loading
from service.preparation import decode
from service.settings import DEFAULT_MODELS, Settings
from training.synthetic import empties


@pytest.mark.parametrize("kind", empties.KINDS)
def test_the_same_seed_draws_the_same_images(kind: str) -> None:
    first, again, other = (empties.KINDS[kind](np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert min(decode.decode(first, 10**8, 1).shape) >= 120


@pytest.mark.slow
def test_images_without_a_digit_are_rejected_or_uncertain() -> None:
    rows = empties.evaluate(loading.load_default(Settings()), DEFAULT_MODELS, count=12, seed=5)
    assert [row.kind for row in rows] == list(empties.KINDS)
    assert all(row.images == 12 and row.certain_digit <= row.any_digit <= 12 for row in rows)
    assert sum(row.certain_digit for row in rows) <= 3
    # 0.02 of 320 was seen.
    assert sum(row.any_digit for row in rows) <= 0.08 * 12 * len(rows)
