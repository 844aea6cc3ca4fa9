"""The size and the number of frames of an image file are limited before its pixels are decoded."""

import io

import pytest
from PIL import Image

from service.errors import TooLarge
from service.preparation import limits
from tests.support.images import png
from training.data.datasets import Dataset


def save(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def check(data: bytes, max_pixels: int = 10**6, max_frames: int = 10) -> None:
    with Image.open(io.BytesIO(data)) as image:
        limits.check(image, data, max_pixels, max_frames)


def test_mnists_images_are_within_784_pixels(mnist: Dataset) -> None:
    data = png(mnist.x_test[0])
    check(data, 784)
    with pytest.raises(TooLarge, match=r"The image has 28x28 pixels; at most 783 are read: .* such as 27x27\."):
        check(data, 783)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PNG", "WEBP"])
@pytest.mark.parametrize("palette", [False, True])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_frames_are_counted(mnist: Dataset, kind: str, palette: bool, count: int) -> None:
    frames = [Image.fromarray(digit).convert("P" if palette else "L") for digit in mnist.x_test[:count]]
    data = save(frames[0], kind, save_all=True, append_images=frames[1:])
    check(data, max_frames=count)
    if count > 1:
        with pytest.raises(TooLarge, match=f"The file has more than {count - 1} frames"):
            check(data, max_frames=count - 1)


@pytest.mark.parametrize(
    ("size", "max_pixels", "fitting"),
    [((400, 300), 30_000, "200x150"), ((4000, 1), 1000, "2000x1"), ((9, 9), 1, "1x1")],
)
def test_a_smaller_size_is_named(size: tuple[int, int], max_pixels: int, fitting: str) -> None:
    with pytest.raises(TooLarge, match=f"such as {fitting}"):
        check(save(Image.new("L", size), "PNG"), max_pixels)


def test_a_large_image_has_more_than_a_million_pixels() -> None:
    assert not limits.is_large(Image.new("1", (1000, 1000)))
    assert limits.is_large(Image.new("1", (1000, 1001)))
