"""Glyphs: digits drawn at any size and with any pen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.datasets import Dataset
from training.synthetic.glyphs import GlyphSource, PlacedDigit, TracedDigit, WrittenDigit

SEEDS = st.integers(0, 2**32 - 1)


@given(seed=SEEDS, ratio=st.sampled_from([0.0, 1.0]), height=st.floats(20, 100))
@settings(max_examples=40, deadline=None)
def test_ink_is_within_the_edges_of_a_digit(mnist: Dataset, seed: int, ratio: float, height: float) -> None:
    glyph = GlyphSource(mnist.train[:500], ratio).choose_glyph(np.random.default_rng(seed))
    pen = height / 10
    layer = np.zeros((200, 400), np.float32)
    glyph.draw(layer, (60, 50), height, pen)
    assert 0 <= layer.min() <= layer.max() <= 1
    rows, columns = np.nonzero(layer > 0.5)
    left, top, right, bottom = PlacedDigit(glyph, 60, 50, height, pen).edges
    margin = pen / 2 + 0.08 * height + 2
    assert left - margin <= columns.min() <= columns.max() <= right + margin
    assert top - margin <= rows.min() <= rows.max() <= bottom + margin
    assert 0 <= glyph.label <= 9


@given(seed=SEEDS)
@settings(max_examples=15, deadline=None)
def test_a_broader_pen_makes_more_ink(mnist: Dataset, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for glyph in TracedDigit.trace(mnist.x_train[seed % 500], 0, rng), WrittenDigit.write(seed % 10, rng):
        layers = np.zeros((2, 150, 250), np.float32)
        for layer, pen in zip(layers, (3, 12), strict=True):
            glyph.draw(layer, (40, 30), 80, pen)
        assert layers[1].sum() > 1.3 * layers[0].sum()


@pytest.mark.parametrize(("ratio", "kind"), [(0, TracedDigit), (1, WrittenDigit)])
def test_a_source_returns_the_kind_of_glyph_asked_for(mnist: Dataset, ratio: float, kind: type) -> None:
    source, rng = GlyphSource(mnist.train[:50], ratio), np.random.default_rng(0)
    assert all(isinstance(source.choose_glyph(rng), kind) for _ in range(20))
