"""Scenes: layouts of digits, images of sheets, and the marks that the finder is fitted to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.datasets import Dataset
from training.synthetic import layouts, scenes
from training.synthetic.cameras import take_image
from training.synthetic.glyphs import GlyphSource
from training.synthetic.sheet import CANVAS_SIDE_PX, Sheet

SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def source(mnist: Dataset) -> GlyphSource:
    return GlyphSource(mnist.train[:1000], letterform_ratio=0.4)


def test_the_same_seed_draws_the_same_scenes(source: GlyphSource) -> None:
    first, again, other = (scenes.draw(source, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.look, again.look)
    np.testing.assert_array_equal(first.ink, again.ink)
    assert not np.array_equal(first.look, other.look)


@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_the_marks_of_a_scene_belong_together(source: GlyphSource, seed: int) -> None:
    scene = scenes.draw(source, np.random.default_rng(seed))
    assert (scene.look.shape, str(scene.look.dtype)) == ((128, 128), "uint8")
    assert (scene.ink.shape, scene.owner.shape) == ((128, 128), (32, 32))
    assert len(scene.edges) == len(scene.labels) == len(scene.centers) <= layouts.MAX_DIGITS
    assert scene.owner.max() <= len(scene.labels)
    assert scene.ink.any() == (len(scene.labels) > 0)
    assert (scene.edges[:, :2] < scene.edges[:, 2:]).all()
    rows, columns = np.nonzero(scene.ink > 127)
    assert scene.owner[rows // 4, columns // 4].all()


def test_scenes_without_digits_have_no_ink() -> None:
    rng = np.random.default_rng(0)
    drawn = [scenes.draw_empty(rng) for _ in range(10)]
    assert not any(scene.ink.any() or scene.owner.any() or len(scene.labels) for scene in drawn)
    assert len({scene.look.tobytes() for scene in drawn}) >= 8  # some are blank


def test_numbers_have_several_digits(source: GlyphSource) -> None:
    rng = np.random.default_rng(0)
    counts = [len(scenes.draw_number(source, rng).labels) for _ in range(20)]
    assert np.mean(counts) > 4
    assert len(set(counts)) > 5


def test_a_digit_in_a_scene_stands_out_and_has_its_center_within_its_ink(source: GlyphSource) -> None:
    rng, contrasts = np.random.default_rng(5), []
    for _ in range(100):
        scene = scenes.draw_digit(source.choose_glyph(rng), rng)
        rows, columns = np.nonzero(scene.owner)
        assert scene.look.shape == scene.ink.shape == (128, 128)
        assert scene.centers.shape == (1, 2)
        assert columns.min() * 4 - 4 <= scene.centers[0, 0] <= columns.max() * 4 + 8
        assert rows.min() * 4 - 4 <= scene.centers[0, 1] <= rows.max() * 4 + 8
        inked = np.nonzero(scene.ink > 127)
        assert scene.owner[inked[0] // 4, inked[1] // 4].all()
        contrast = np.abs(scene.look - np.median(scene.look))
        contrasts.append(contrast[scene.ink > 127].mean() > contrast[scene.ink == 0].mean())
    assert np.mean(contrasts) > 0.9


@given(seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_digits_are_placed_on_the_canvas(source: GlyphSource, seed: int) -> None:
    rng = np.random.default_rng(seed)
    left, top, right, bottom = layouts.place_digit(source.choose_glyph(rng), rng).edges
    assert -1 <= left < right <= CANVAS_SIDE_PX + 1
    assert -1 <= top < bottom <= CANVAS_SIDE_PX + 1
    for digit in layouts.place_rows(source, rng):
        left, top, right, bottom = digit.edges
        assert max(left, top) < CANVAS_SIDE_PX
        assert min(right, bottom) > 0
        assert digit.pen >= 1


@given(seed=SEEDS, image_shape=st.tuples(st.integers(24, 300), st.integers(24, 300)))
@settings(max_examples=40, deadline=None)
def test_images_of_a_sheet_are_gray_and_easy_ones_show_its_ink(seed: int, image_shape: tuple[int, int]) -> None:
    ink = np.zeros((240, 200), np.float32)
    ink[60:180, 60:140] = 1
    sheet = Sheet(0, 0, (240, 200), image_shape, ink, np.zeros_like(ink))
    for is_easy in (False, True):
        image = take_image(sheet, is_easy, np.random.default_rng(seed))
        assert image.dtype == np.uint8
        assert image.shape[0] % image_shape[0] == image.shape[1] % image_shape[1] == 0
    height, width = image.shape
    assert abs(float(image[height // 2, width // 2]) - float(image[0, 0])) > 60
