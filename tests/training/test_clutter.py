"""Clutter beside digits, and what fills images without digits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.synthetic import clutter, fillings
from training.synthetic.glyphs import PlacedDigit, WrittenDigit
from training.synthetic.outliers import LETTERS
from training.synthetic.sheet import CANVAS_SIDE_PX, Clutter, Sheet, draw_line, find_bounds
from training.synthetic.words import draw_word

SHAPE = (200, 220)


def make_sheet() -> Sheet:
    return Sheet(10, 20, SHAPE, (100, 110), np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32))


def draw(draw_clutter: Clutter, seed: int, count: int) -> Sheet:
    """Draw clutter on a sheet with `count` digits."""
    rng, sheet = np.random.default_rng(seed), make_sheet()
    digits = [PlacedDigit(WrittenDigit.write(4, rng), 60 + 50 * place, 90, 50, 5) for place in range(count)]
    for digit in digits:
        digit.glyph.draw(sheet.ink, (digit.left - sheet.left, digit.top - sheet.top), digit.height, digit.pen)
    draw_clutter(sheet, digits, rng)
    return sheet


@pytest.mark.parametrize("draw_clutter", [*clutter.CLUTTER, *dict.fromkeys(fillings.FILLINGS)])
@pytest.mark.parametrize("count", [0, 2])
def test_clutter_is_drawn_on_its_layer_alone(draw_clutter: Clutter, count: int) -> None:
    sheets = [draw(draw_clutter, seed, count) for seed in range(6)]
    for seed, sheet in enumerate(sheets):
        assert (sheet.clutter.shape, str(sheet.clutter.dtype)) == (SHAPE, "float32")
        assert np.isfinite(sheet.clutter).all()
        assert np.abs(sheet.clutter).max() < 1.7
        np.testing.assert_array_equal(sheet.ink, draw(lambda *_: None, seed, count).ink)
        np.testing.assert_array_equal(sheet.clutter, draw(draw_clutter, seed, count).clutter)
    assert any(sheet.clutter.any() for sheet in sheets)


@pytest.mark.parametrize("draw_clutter", [clutter.draw_letters, clutter.draw_shapes, clutter.draw_badge])
def test_patches_hide_no_digit(draw_clutter: Clutter) -> None:
    for seed in range(30):
        sheet = draw(draw_clutter, seed, 2)
        assert sheet.ink[sheet.clutter > 0.1].sum() < 4


@given(seed=st.integers(0, 2**32 - 1), size=st.integers(8, 60))
@settings(max_examples=30, deadline=None)
def test_words_have_ink_of_about_their_size(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    word = draw_word(LETTERS[seed % len(LETTERS)], size, rng)
    assert word.dtype == np.float32
    assert 0 <= word.min() <= word.max() <= 1
    assert word.any()
    assert max(word.shape) < 3 * size + 20


def test_lines_keep_the_darker_ink() -> None:
    layer = np.zeros((20, 20), np.float32)
    for strength in (0.8, 0.3):
        draw_line(layer, np.array([(0, 10), (19, 10)], np.float64), 3, strength)
    assert layer[10].min() == pytest.approx(0.8)
    assert not layer[:7].any()


def test_bounds_are_around_all_digits_and_on_the_canvas() -> None:
    glyph = WrittenDigit.write(1, np.random.default_rng(0))
    low, high = find_bounds([PlacedDigit(glyph, 40, 60, 50, 3), PlacedDigit(glyph, 200, 90, 500, 3)])
    assert low == [40, 60]
    assert high == [CANVAS_SIDE_PX - 4] * 2
    assert find_bounds([]) == ([90, 90], [166, 166])
