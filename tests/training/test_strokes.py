"""Strokes: lines, curves and arcs, and how hands vary them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from training.synthetic import strokes

SEEDS = st.integers(0, 2**32 - 1)
POINTS = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=8)


@given(points=POINTS)
def test_curves_begin_and_end_at_their_points(points: list[tuple[float, float]]) -> None:
    curve = strokes.curve(*points)
    assert curve.shape == (strokes.POINTS_PER_CURVE, 2)
    np.testing.assert_allclose(curve[[0, -1]], [points[0], points[-1]], atol=1e-9)


def test_an_arc_of_a_whole_turn_is_closed_and_begins_at_the_top() -> None:
    arc = strokes.arc((0.5, 0.5), (0.3, 0.5), 0, 360)
    np.testing.assert_allclose(arc[[0, -1]], [(0.5, 0), (0.5, 0)], atol=1e-9)
    assert (arc.min(axis=0) > (0.19, -0.01)).all()


@given(seed=SEEDS)
@settings(max_examples=30)
def test_a_bent_line_stays_near_its_place(seed: int) -> None:
    line = strokes.line((0.2, 0), (0.2, 0.5), (0.2, 1))
    (bent,) = strokes.bend([line], np.random.default_rng(seed))
    assert bent.shape == line.shape
    assert np.abs(bent - line).max() < 0.7
    assert np.abs(strokes.tremble(line, np.random.default_rng(seed)) - line).max() < 0.05


def test_strokes_are_fitted_to_a_height_of_1() -> None:
    fitted = np.concatenate(strokes.fit_to_height([strokes.line((3, 2), (5, 6)), strokes.line((4, 2), (4, 4))]))
    np.testing.assert_allclose(fitted.min(axis=0), 0)
    np.testing.assert_allclose(fitted.max(axis=0), (0.5, 1))
