"""Images of any mode become gray, and large ones small."""

import numpy as np
import pytest
from PIL import Image

from service.preparation.grayscale import MIN_REDUCED_SIDE_PX, measure_contrast, to_lightness, to_strongest_channel
from service.preparation.types import Gray
from tests.support.canvases import INK, PAPER, Drawn, draw
from training.data.datasets import Dataset


@pytest.fixture(scope="module")
def canvas(mnist: Dataset) -> Gray:
    return draw((200, 150), Drawn(mnist.x_test[0], 30, 40, 100))


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA"])
def test_modes_keep_the_gray_levels(canvas: Gray, mode: str) -> None:
    np.testing.assert_array_equal(to_lightness(Image.fromarray(canvas).convert(mode)), canvas)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_16_bits_are_converted_by_their_full_scale(canvas: Gray, bits: int) -> None:
    values = canvas.astype(np.uint16) << (bits - 8)
    np.testing.assert_array_equal(to_lightness(Image.fromarray(values)), canvas)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_32_bits_are_converted_by_their_largest_value(canvas: Gray, dtype: type[np.generic]) -> None:
    values = canvas.astype(dtype) * dtype(10)
    expected = np.rint(canvas * (255 / canvas.max()))
    np.testing.assert_array_equal(to_lightness(Image.fromarray(values)), expected)


@pytest.mark.parametrize(
    ("size", "reduced"),
    [((511, 900), (511, 900)), ((1024, 1300), (512, 650)), ((3000, 2000), (1000, 667)), ((40, 9000), (40, 9000))],
)
def test_large_images_are_reduced_by_a_whole_factor(size: tuple[int, int], reduced: tuple[int, int]) -> None:
    gray = to_lightness(Image.new("RGB", size, (200, 200, 200)))
    assert gray.shape == reduced[::-1]
    assert min(gray.shape) >= min(MIN_REDUCED_SIDE_PX, *size)
    assert (gray == 200).all()


def test_the_channel_of_most_contrast_is_used(canvas: Gray) -> None:
    faint = Image.fromarray(canvas // 10)
    for index in range(3):
        channels = [faint] * 3
        channels[index] = Image.fromarray(canvas)
        np.testing.assert_array_equal(to_strongest_channel(Image.merge("RGB", channels)), canvas)


def test_contrast_is_between_paper_and_ink(canvas: Gray) -> None:
    assert measure_contrast(Image.fromarray(canvas)) == PAPER - INK
    assert measure_contrast(Image.new("L", (300, 300), 90)) == 0
    specks = np.full((1000, 1000), PAPER, np.uint8)
    specks[::200, ::200] = 0
    assert measure_contrast(Image.fromarray(specks)) == 0


def test_ink_alone_is_laid_on_what_it_differs_from(canvas: Gray) -> None:
    alpha = Image.fromarray(PAPER - canvas)  # the ink is opaque
    for ink, background in ((255, 0), (0, 255)):
        image = Image.merge("LA", [Image.new("L", alpha.size, ink), alpha])
        assert to_lightness(image)[0, 0] == background


def test_paper_that_is_cut_out_is_continued(canvas: Gray) -> None:
    alpha = np.full_like(canvas, 255)
    alpha[:, :15] = 0
    image = Image.merge("LA", [Image.fromarray(canvas), Image.fromarray(alpha)])
    gray = to_lightness(image)
    assert (gray[:, :15] == PAPER).all()
    np.testing.assert_array_equal(gray[:, 15:], canvas[:, 15:])
