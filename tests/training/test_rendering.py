"""Ink, pages, light and cameras: shapes, ranges, and files that can be opened."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from service.inference.predictor import Predictor
from service.models import loading
from service.preparation.finder import Finder
from service.settings import Settings
from training.data.datasets import Dataset
from training.synthetic import rendering
from training.synthetic.rendering import BLACK, WHITE

SHAPE = (90, 120)
SEEDS = st.integers(0, 2**32 - 1)


@given(seed=SEEDS, place=st.integers(0, 999), spread=st.floats(0, 1))
@settings(max_examples=25, deadline=None)
def test_a_written_digit_is_wholly_on_its_page(mnist: Dataset, seed: int, place: int, spread: float) -> None:
    ink = rendering.write_digit(mnist.x_train[place], np.random.default_rng(seed), SHAPE, (0.2, 0.6), spread=spread)
    assert (ink.shape, str(ink.dtype)) == (SHAPE, "float32")
    assert 0 <= ink.min() <= ink.max() <= 1 + 1e-6
    rows = np.flatnonzero(ink.max(axis=1) > 0.2)
    assert 0.15 < (rows[-1] + 1 - rows[0]) / SHAPE[0] < 0.75


def test_a_traced_digit_is_as_tall_as_asked_and_wider_with_a_wider_pen(mnist: Dataset) -> None:
    narrow, wide = (rendering.trace_digit(mnist.x_train[0], 100, pen) for pen in (0, 2))
    assert abs(narrow.shape[0] - 100) <= 12
    assert wide.mean() > 1.3 * narrow.mean()


@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_light_is_at_most_1_and_as_dark_as_asked(seed: int) -> None:
    lights = [
        rendering.light_from_side(SHAPE, np.random.default_rng(seed), 0.4),
        rendering.cast_shadow(SHAPE, np.random.default_rng(seed), 0.4, 3),
        rendering.cast_phone_shadow(SHAPE, np.random.default_rng(seed), 0.4, 3),
    ]
    for light in lights:
        assert light.shape == SHAPE
        assert 0.4 - 1e-4 <= light.min() < light.max() <= 1 + 1e-4


@given(seed=SEEDS, gap=st.floats(8, 40), vertical=st.booleans())
@settings(max_examples=20, deadline=None)
def test_lines_are_as_far_apart_as_asked(seed: int, gap: float, vertical: bool) -> None:
    ink = rendering.draw_lines((200, 200), np.random.default_rng(seed), gap, vertical, width=2, max_tilt_deg=0)
    profile = ink.max(axis=0 if vertical else 1)
    starts = np.flatnonzero(np.diff(profile > 0.5, prepend=False) & (profile > 0.5))
    assert len(starts) >= 4
    assert np.abs(np.diff(starts[1:]) - gap).max() < 1.01  # the first line may be cut


@given(left=st.integers(-30, 30), top=st.integers(-30, 30))
def test_the_part_of_a_patch_within_the_layer_is_stamped(left: int, top: int) -> None:
    layer, patch = np.full((12, 16), 0.25, np.float32), np.ones((5, 7), np.float32)
    rendering.stamp(layer, patch, left, top)
    rows = max(min(top + 5, 12) - max(top, 0), 0)
    columns = max(min(left + 7, 16) - max(left, 0), 0)
    assert (layer == 1).sum() == rows * columns
    assert set(np.unique(layer)) <= {0.25, 1}


def test_ink_covers_the_page_in_its_color() -> None:
    ink = np.zeros(SHAPE, np.float32)
    ink[10:20] = 1
    page = rendering.draw_page(ink, WHITE, BLACK)
    assert page.shape == (*SHAPE, 3)
    assert (page[15, 0] == BLACK).all()
    assert (page[50, 0] == WHITE).all()


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_levels_beyond_0_to_255_are_clipped_in_files(file_format: str) -> None:
    page = np.full((*SHAPE, 3), 300, np.float32)
    page[:, :60] = -50
    with Image.open(io.BytesIO(rendering.encode_image(page, file_format, "L"))) as image:
        assert image.format == file_format
        levels = np.asarray(image)
    assert levels.shape[:2] == SHAPE
    assert levels[:, :50].max() < 10
    assert levels[:, 70:].min() > 245


def test_the_service_reads_written_digits(mnist: Dataset, finder: Finder) -> None:
    rng, digits = np.random.default_rng(0), mnist.test[:40]
    files = [
        rendering.encode_image(rendering.draw_page(rendering.write_digit(image, rng, (200, 260)), WHITE, BLACK))
        for image in digits.images
    ]
    predictor = Predictor(loading.load_default(Settings()), finder, Settings())
    predictions = predictor.predict([predictor.prepare(file) for file in files])
    right = sum(prediction.digit == label for prediction, label in zip(predictions, digits.labels, strict=True))
    assert right >= 38  # 40 were seen
