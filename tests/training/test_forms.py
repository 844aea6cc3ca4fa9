"""The forms of each digit, one by one."""

import numpy as np
import pytest

from training.synthetic.letterforms import FORMS
from training.synthetic.strokes import Forms


@pytest.mark.parametrize("forms", FORMS, ids=range(10))
def test_each_is_made_of_strokes(forms: Forms) -> None:
    rng = np.random.default_rng(0)
    for form, weight in forms:
        assert weight > 0
        assert all(stroke.ndim == 2 and len(stroke) > 1 and np.isfinite(stroke).all() for stroke in form(rng))
