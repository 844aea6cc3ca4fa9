"""Looks: squares of an image at 128x128."""

import numpy as np
import pytest

from service.preparation.looks import LOOK_SIDE_PX, PaddedImage, Square
from tests.support.canvases import INK, PAPER, Drawn, draw, find_box
from training.data.datasets import Dataset


def test_a_part_of_a_look_is_found_in_the_image() -> None:
    square = Square(30, -20, 256)
    assert square.scale == 2
    assert square.to_box((10, 20, 40, 30)) == (50, 20, 60, 20)
    zoomed = square.zoom((10, 20, 40, 30), 1.5)  # around (80, 30), 1.5 times as long as the part
    assert zoomed == Square(35, -15, 90)
    assert zoomed.zoom((0, 0, LOOK_SIDE_PX, LOOK_SIDE_PX), 1) == zoomed


@pytest.mark.parametrize("shape", [(300, 200), (200, 300), (90, 90), (1500, 700), (40, 3)])
def test_the_whole_image_is_in_the_middle_of_its_look(shape: tuple[int, int]) -> None:
    image = np.full(shape, 90, np.uint8)
    image[[0, -1]] = image[:, [0, -1]] = 200
    padded = PaddedImage(image)
    look = padded.crop(padded.whole())
    assert look.shape == (LOOK_SIDE_PX, LOOK_SIDE_PX)
    assert look.dtype == np.uint8
    assert look[0, 0] == look[-1, -1] == 200  # like the border of the image
    square = padded.whole()
    assert (square.left + square.side / 2, square.top + square.side / 2) == (shape[1] / 2, shape[0] / 2)


@pytest.mark.parametrize("number", range(5))
def test_a_look_at_a_digit_shows_it_large(mnist: Dataset, number: int) -> None:
    canvas = draw((400, 300), Drawn(mnist.x_test[number], 60 * number, 200, 60))
    left, top, width, height = find_box(canvas)
    square = Square(left + width / 2 - 50, top + height / 2 - 50, 100)
    look = PaddedImage(canvas).crop(square)
    expected = np.array([50 - width / 2, 50 - height / 2, width, height]) * LOOK_SIDE_PX / 100
    np.testing.assert_allclose(find_box(look), expected, atol=2)
    np.testing.assert_allclose(square.to_box((0, 0, *find_box(look)[2:]))[2:], (width, height), atol=2)
    assert look.min() < INK + 20
    assert look.max() > PAPER - 20


def test_a_look_beside_the_image_is_empty(mnist: Dataset) -> None:
    padded = PaddedImage(draw((100, 200), Drawn(mnist.x_test[0], 10, 10, 60)))
    for left, top in ((-50, 0), (200, 0), (0, -50), (0, 100), (-900, 900)):
        square = Square(left, top, 50)
        assert not padded.overlaps(square)
        np.testing.assert_array_equal(padded.crop(square), PAPER)
    for left, top in ((-49, 0), (199, 0), (0, -49), (0, 99)):
        assert padded.overlaps(Square(left, top, 50))
