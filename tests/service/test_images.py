"""Every format and mode becomes the same grayscale picture."""

import io

import numpy as np
import pytest
from PIL import Image

from service import images
from service.digits import prepare, scale, take
from service.errors import TooLarge, UnreadableImage
from service.finder import Finder
from training.data import Dataset

INK = np.zeros((40, 30), np.uint8)
INK[10:30, 12:18] = 255


def decode(image: Image.Image, kind: str = "PNG", **options: object) -> np.ndarray:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return images.decode(file.getvalue(), 10**6, 1)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_lossless_formats(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    np.testing.assert_array_equal(decode(Image.fromarray(INK), kind, **options), INK)


def test_jpeg() -> None:
    assert np.abs(decode(Image.fromarray(INK), "JPEG").astype(int) - INK).max() < 40


@pytest.mark.parametrize("mode", ["1", "P", "RGB", "L"])
def test_modes(mode: str) -> None:
    np.testing.assert_array_equal(decode(Image.fromarray(INK).convert(mode)), INK)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (INK.astype(np.uint16) * 257, "PNG"),
        (INK.astype(np.int32) * 1000, "TIFF"),
        (INK / np.float32(255), "TIFF"),
    ],
)
def test_deep_modes(values: np.ndarray, kind: str) -> None:
    np.testing.assert_array_equal(decode(Image.fromarray(values), kind), INK)


def test_values_that_are_no_numbers_count_as_dark() -> None:
    values = np.where(INK > 0, np.float32(1), np.float32("nan"))
    np.testing.assert_array_equal(decode(Image.fromarray(values), "TIFF"), INK)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_ink_on_transparency_keeps_its_contrast(mode: str) -> None:
    light = Image.merge("LA", [Image.new("L", (30, 40), 255), Image.fromarray(INK)]).convert(mode)
    dark = Image.merge("LA", [Image.new("L", (30, 40), 0), Image.fromarray(INK)]).convert(mode)
    np.testing.assert_array_equal(decode(light), INK)
    np.testing.assert_array_equal(decode(dark), 255 - INK)


def test_a_photo_held_sideways_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    np.testing.assert_array_equal(decode(Image.fromarray(INK), exif=exif), np.rot90(INK, -1))


@pytest.mark.parametrize("kind", ["ICO", "PCX", "TGA", "SGI", "IM"])
def test_formats_that_are_not_listed_are_not_read(kind: str) -> None:
    with pytest.raises(UnreadableImage):
        decode(Image.fromarray(INK), kind)


def test_mnists_own_images_come_out_as_training_scales_them(mnist: Dataset, finder: Finder) -> None:
    image = mnist.x_test[0]
    assert prepare(image, finder) is take(image) is image
    np.testing.assert_array_equal(scale(prepare(image, finder))[0], image.reshape(784).astype("float32") / 255)


def test_only_a_jpeg_of_a_single_scan_may_have_four_times_the_pixels() -> None:
    file = io.BytesIO()
    Image.new("RGB", (60, 60), "white").save(file, "JPEG")
    one_scan = file.getvalue()
    assert images.decode(one_scan, 900, 1).shape == (60, 60)
    with pytest.raises(TooLarge):
        images.decode(one_scan, 899, 1)
    start = one_scan.index(b"\xff\xda")
    first_of_several = one_scan[: start + 2] + bytes([0, 8, 1, 1, 0, 0, 63, 0])  # a scan of one component
    for data in (first_of_several, one_scan[:2] + b"\xff" + first_of_several[2:]):
        with pytest.raises(TooLarge, match="at most 3599 are read"):
            images.decode(data, 3599, 1)
        with pytest.raises(UnreadableImage):
            images.decode(data, 3600, 1)
    progressive = io.BytesIO()
    Image.new("RGB", (60, 60), "white").save(progressive, "JPEG", progressive=True)
    with pytest.raises(TooLarge):
        images.decode(progressive.getvalue(), 3599, 1)
