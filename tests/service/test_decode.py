"""Image files of every format and mode become the same gray pixels."""

import io
import struct
import subprocess
import sys
import zlib
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from service.errors import NoDigit, TooLarge, UnreadableImage
from service.preparation import decode as decoding
from service.preparation.finder import Finder
from service.preparation.normalize import prepare, require_28x28, to_vectors
from tests.support.paths import ROOT
from training.data.datasets import Dataset

INK = np.zeros((40, 30), np.uint8)
INK[10:30, 12:18] = 255


def decode(image: Image.Image, kind: str = "PNG", **options: object) -> np.ndarray:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return decoding.decode(file.getvalue(), 10**6, 1)


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


def test_mnists_images_come_out_as_training_scales_them(mnist: Dataset, finder: Finder) -> None:
    image = mnist.x_test[0]
    assert prepare(image, finder) is require_28x28(image) is image
    np.testing.assert_array_equal(to_vectors(prepare(image, finder))[0], image.reshape(784).astype("float32") / 255)


def test_only_a_jpeg_of_a_single_scan_may_have_four_times_the_pixels() -> None:
    file = io.BytesIO()
    Image.new("RGB", (60, 60), "white").save(file, "JPEG")
    one_scan = file.getvalue()
    assert decoding.decode(one_scan, 900, 1).shape == (60, 60)
    with pytest.raises(TooLarge):
        decoding.decode(one_scan, 899, 1)
    start = one_scan.index(b"\xff\xda")
    first_of_several = one_scan[: start + 2] + bytes([0, 8, 1, 1, 0, 0, 63, 0])  # a scan of one component
    for data in (first_of_several, one_scan[:2] + b"\xff" + first_of_several[2:]):
        with pytest.raises(TooLarge, match="60x60 pixels; at most 3599 are read: send it smaller, such as 59x59"):
            decoding.decode(data, 3599, 1)
        with pytest.raises(UnreadableImage):
            decoding.decode(data, 3600, 1)
    progressive = io.BytesIO()
    Image.new("RGB", (60, 60), "white").save(progressive, "JPEG", progressive=True)
    with pytest.raises(TooLarge):
        decoding.decode(progressive.getvalue(), 3599, 1)


def test_narrow_images_are_held_whole_and_so_may_not_be_as_large() -> None:
    narrow, square = (save(Image.new("L", size), "JPEG") for size in ((300, 10_000), (2000, 1500)))
    assert decoding.decode(square, 750_000, 1).shape == (750, 1000)
    with pytest.raises(TooLarge, match="300x10000 pixels; at most 2999999 are read"):
        decoding.decode(narrow, 2_999_999, 1)


@pytest.mark.parametrize("size", [(1, 65_536), (65_536, 1)])
def test_a_side_is_bounded_as_each_row_costs_memory(size: tuple[int, int]) -> None:
    longest = max(size) - 1
    assert decoding.decode(save(Image.new("RGB", (1, longest)), "PNG"), 10**6, 1).shape == (longest, 1)
    with pytest.raises(TooLarge, match="pixels; a side has at most 65535"):
        decoding.decode(save(Image.new("RGB", size), "PNG"), 10**6, 1)


def save(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_images_of_phones(kind: str) -> None:
    for mode in ("L", "RGB"):
        assert np.abs(decode(Image.fromarray(INK).convert(mode), kind, quality=95).astype(int) - INK).max() < 40


def test_heic_is_turned_once() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = decode(Image.fromarray(INK), "HEIF", exif=exif.tobytes(), quality=95)
    assert np.abs(image.astype(int) - np.rot90(INK, -1)).max() < 40


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_images_larger_than_their_file_says_are_not_decoded(kind: str) -> None:
    data = save(Image.new("L", (600, 500), "white"), kind)
    assert decoding.decode(data, 300_000, 1).shape == (500, 600)
    with pytest.raises(TooLarge):
        decoding.decode(data, 299_999, 1)
    size = data.replace(b"ispe" + struct.pack(">III", 0, 600, 500), b"ispe" + struct.pack(">III", 0, 60, 50))
    assert size != data
    for brand in (data[8:12], b"mif1"):
        with pytest.raises((TooLarge, UnreadableImage)):
            decoding.decode(size[:8] + brand + size[12:], 60_000, 1)


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
@settings(deadline=None)  # the first HEIC of a process takes longer
@given(place=st.floats(0, 1), value=st.binary(min_size=1, max_size=8))
def test_damaged_images_of_phones_are_rejected_or_read(kind: str, place: float, value: bytes) -> None:
    data = bytearray(save(Image.fromarray(INK), kind))
    start = int(place * (len(data) - len(value)))
    data[start : start + len(value)] = value
    with suppress(TooLarge, UnreadableImage):
        assert decoding.decode(bytes(data), 10**6, 1).dtype == np.uint8


def test_a_sequence_of_avif_images_is_rejected() -> None:
    frames = [Image.new("L", (64, 64), value) for value in (0, 255)]
    with pytest.raises(UnreadableImage, match="sequence"):
        decoding.decode(save(frames[0], "AVIF", save_all=True, append_images=frames[1:]), 10**6, 5)


def test_without_its_decoder_heic_is_rejected_by_name() -> None:
    program = (
        "import sys; sys.modules['pillow_heif'] = None\n"
        "from service.preparation.decode import decode; decode({}, 9**9, 1)"
    )
    data = save(Image.fromarray(INK), "HEIF")
    result = subprocess.run([sys.executable, "-c", program.format(data)], capture_output=True, cwd=ROOT, check=False)
    assert (
        b"UnreadableImage: This is a HEIC image, which this installation can't read: send it as JPEG" in result.stderr
    )


def test_the_decoder_of_heic_is_imported_for_the_first_heic_image() -> None:
    program = (
        "import sys; from PIL import Image; from service.preparation.decode import decode\n"
        "for data in ({}, {}, {}): print(decode(data, 9**9, 1).shape, 'pillow_heif' in sys.modules)\n"
        "print('PIL.PdfImagePlugin' in sys.modules)"  # one of Pillow's many other formats
    )
    files = (save(Image.fromarray(INK), kind) for kind in ("AVIF", "HEIF", "HEIF"))
    result = subprocess.run([sys.executable, "-c", program.format(*files)], capture_output=True, cwd=ROOT, check=True)
    shape = INK.shape
    assert result.stdout.decode().splitlines() == [f"{shape} False", f"{shape} True", f"{shape} True", "False"]


def test_metadata_of_a_png_is_ignored() -> None:
    info = PngImagePlugin.PngInfo()
    bomb = zlib.compress(bytes(2**26), 9)
    info.add(b"zTXt", b"Comment\0\0" + bomb)
    info.add(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + bomb)
    info.add(b"iCCP", b"profile\0\0" + bomb)
    info.add(b"gAMA", b"\0")  # damaged
    info.add(b"zTXt", b"Comment\0\0" + bomb, after_idat=True)
    image = Image.merge("RGB", [Image.fromarray(INK)] * 3)
    np.testing.assert_array_equal(decode(image, pnginfo=info), INK)


@pytest.mark.parametrize(
    ("ink", "background"),
    [((220, 30, 30), (40, 110, 60)), ((40, 110, 60), (220, 30, 30)), ((90, 90, 200), (130, 90, 40))],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_ink_of_the_backgrounds_lightness_is_seen_by_its_color(
    kind: str, ink: tuple[int, int, int], background: tuple[int, int, int]
) -> None:
    mask = Image.fromarray(INK).resize((300, 400))
    gray = decode(
        Image.composite(Image.new("RGB", mask.size, ink), Image.new("RGB", mask.size, background), mask), kind
    )
    inside = np.asarray(mask.resize(gray.shape[::-1])) > 127
    assert abs(float(np.median(gray[inside])) - float(np.median(gray[~inside]))) > 100


@pytest.mark.parametrize("ink", [(0, 0, 0), (20, 40, 160), (150, 20, 20), (190, 190, 190)])
def test_ink_that_differs_in_lightness_stays_gray(ink: tuple[int, int, int]) -> None:
    mask = Image.fromarray(INK)
    image = Image.composite(Image.new("RGB", mask.size, ink), Image.new("RGB", mask.size, (250, 245, 230)), mask)
    np.testing.assert_array_equal(decode(image), np.asarray(image.convert("L")))


def test_cielab_is_read_by_its_lightness() -> None:
    gray, neutral = Image.fromarray(INK), Image.new("L", INK.shape[::-1], 128)
    np.testing.assert_array_equal(decode(Image.merge("LAB", [gray, neutral, neutral]), "TIFF"), INK)


@pytest.mark.parametrize(
    ("kind", "options", "missing"),
    [
        ("PNG", {}, 12),
        ("JPEG", {}, 2),
        ("JPEG", {"progressive": True}, 2),
        ("JPEG", {"restart_marker_rows": 1}, 2),
        ("GIF", {}, 1),
        ("BMP", {}, 1),
        ("WEBP", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"}, 8),
    ],
)
def test_a_file_without_its_end_is_read_if_no_pixel_is_missing(
    kind: str, options: dict[str, object], missing: int
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 61, 3), np.uint8)  # BMP pads the rows
    data = save(Image.fromarray(noise), kind, **options)
    whole = decoding.decode(data, 10**6, 1)
    np.testing.assert_array_equal(decoding.decode(data[:-missing], 10**6, 1), whole)
    for part in (0.2, 0.5, 0.9):
        with pytest.raises(UnreadableImage):
            decoding.decode(data[: int(part * len(data))], 10**6, 1)


@pytest.mark.parametrize("side", [1, 2, 3, 5, 700])
@pytest.mark.parametrize("narrow", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "GIF"])
def test_narrow_and_low_images_show_a_digit_or_none(finder: Finder, kind: str, side: int, narrow: int) -> None:
    values = np.random.default_rng(0).integers(0, 256, (side, narrow), np.uint8)
    for image in (values, values.T):
        with suppress(NoDigit):
            assert prepare(decode(Image.fromarray(image), kind), finder).shape == (28, 28)


def test_a_side_of_0_is_rejected() -> None:
    gif = save(Image.fromarray(INK), "GIF")
    frame = gif.index(b"," + bytes(4)) + 5
    for side in (0, 2):  # width and height, of the screen and of the frame
        screenless = gif[: 6 + side] + bytes(2) + gif[8 + side :]
        np.testing.assert_array_equal(decoding.decode(screenless, 10**6, 1), INK)
        start = frame + side
        with pytest.raises(UnreadableImage):
            decoding.decode(screenless[:start] + bytes(2) + screenless[start + 2 :], 10**6, 1)
    tiff = save(Image.fromarray(INK), "TIFF")
    for tag in (256, 257):
        entry = struct.pack("<HHI", tag, 4, 1)
        assert entry in tiff
        start = tiff.index(entry) + len(entry)
        with pytest.raises(UnreadableImage):
            decoding.decode(tiff[:start] + bytes(4) + tiff[start + 4 :], 10**6, 1)
