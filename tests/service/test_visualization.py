"""Images to show: located ink and importance in color, as data: URLs."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from service.inference.visualization import INK_COLOR, highlight_ink, overlay_importance, to_data_url
from service.preparation.finder import LocatedDigit
from tests.support.images import green


def test_tint_is_laid_over_the_part_that_is_in_the_image_and_the_rest_stays() -> None:
    image = np.full((140, 280), 200, np.uint8)
    shown = highlight_ink(image, LocatedDigit(np.ones((8, 8), np.float32), (-20.0, 100.0, 40.0, 80.0)))
    assert shown.shape == (140, 280, 3)
    assert np.abs(shown[110, 5].astype(int) - 0.85 * np.array(INK_COLOR) - 0.15 * 200).max() < 2
    assert (np.delete(shown.reshape(-1, 3), np.flatnonzero(green(Image.fromarray(shown))), axis=0) == 200).all()
    assert green(Image.fromarray(shown)).sum() == 20 * 40


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 2), (281, 279)])
def test_images_of_any_shape_are_shown(shape: tuple[int, int]) -> None:
    shown = highlight_ink(np.zeros(shape, np.uint8), LocatedDigit(np.ones((3, 2), np.float32), (0.2, 0.1, 0.5, 0.4)))
    assert 140 < max(shown.shape) <= 280


def test_importance_is_orange_where_positive_and_blue_where_negative() -> None:
    importance = np.zeros((28, 28), np.float32)
    importance[4:8, 4:8], importance[20:24, 20:24] = 0.5, -0.5
    overlay = overlay_importance(np.zeros((28, 28), np.uint8), importance).astype(int)
    assert overlay.shape == (280, 280, 3)
    red, _, blue = overlay[60, 60]
    assert red > 200 > 50 > blue
    red, _, blue = overlay[220, 220]
    assert blue > 200 > 50 > red
    assert (overlay[140, 140] == 0).all()


def test_without_importance_the_digit_is_shown_in_gray() -> None:
    digit = np.full((28, 28), 255, np.uint8)
    assert (overlay_importance(digit, np.zeros((28, 28), np.float32)) == 153).all()


@pytest.mark.parametrize("shape", [(28, 28), (5, 7, 3)])
def test_a_data_url_holds_the_pixels(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    prefix, _, content = to_data_url(image).partition(",")
    assert prefix == "data:image/png;base64"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(content)))), image)
