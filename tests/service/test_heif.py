"""HEIC and AVIF files are checked for the size of the images coded in them, before they are decoded."""

import io
import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from service.errors import TooLarge, UnreadableImage
from service.preparation import av1, heif
from tests.support.canvases import Drawn, draw
from training.data.datasets import Dataset

SHAPE = (90, 130)
PIXELS = SHAPE[0] * SHAPE[1]


def save(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def seven(mnist: Dataset) -> Image.Image:
    return Image.fromarray(draw(SHAPE, Drawn(mnist.x_test[0], 40, 20, 50)))


def find_stream(data: bytes) -> bytes:
    """Return the AV1 stream in an AVIF file of one image."""
    return data[data.index(b"mdat") + 4 :]


def replace_size(data: bytes, width: int, height: int) -> bytes:
    """Return a file that says another size of its image than is coded in it."""
    size = b"ispe" + struct.pack(">III", 0, *SHAPE[::-1])
    assert size in data
    return data.replace(size, b"ispe" + struct.pack(">III", 0, width, height))


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_the_size_in_the_file_is_limited(seven: Image.Image, kind: str, mode: str) -> None:
    data = save(seven.convert(mode), kind)
    heif.check_coded_size(data, kind, PIXELS)
    with pytest.raises(TooLarge, match=f"An image in the file has more than {PIXELS - 1} pixels"):
        heif.check_coded_size(data, kind, PIXELS - 1)


def test_the_size_coded_in_avif_is_limited_whatever_the_file_says(seven: Image.Image) -> None:
    data = replace_size(save(seven, "AVIF"), 13, 9)
    heif.check_coded_size(data, "AVIF", PIXELS // heif.CODED_TO_IMAGE_RATIO)
    with pytest.raises(TooLarge, match="The images coded in the file have more than"):
        heif.check_coded_size(data, "AVIF", PIXELS // heif.CODED_TO_IMAGE_RATIO - 1)


def test_a_sequence_is_rejected(seven: Image.Image) -> None:
    data = save(seven, "AVIF", save_all=True, append_images=[seven.rotate(180)])
    with pytest.raises(UnreadableImage, match="sequence: send one image"):
        heif.check_coded_size(data, "AVIF", PIXELS)


def test_a_cut_box_is_damage(seven: Image.Image) -> None:
    data = save(seven, "AVIF")
    start = data.index(b"meta") - 4
    with pytest.raises(UnreadableImage, match="damaged"):
        heif.check_coded_size(data[:start] + struct.pack(">I", 4) + data[start + 4 :], "AVIF", PIXELS)


@settings(max_examples=300, deadline=None)
@given(place=st.floats(0, 1), value=st.binary(min_size=1, max_size=8))
def test_damaged_files_pass_or_are_rejected(place: float, value: bytes) -> None:
    data = bytearray(save(Image.new("L", (40, 30), 200), "AVIF"))
    start = int(place * (len(data) - len(value)))
    data[start : start + len(value)] = value
    with suppress(TooLarge, UnreadableImage):
        heif.check_coded_size(bytes(data), "AVIF", 1200)


@pytest.mark.parametrize("shape", [(28, 28), (64, 64), (90, 130), (480, 640), (1001, 3)])
def test_a_sequence_header_has_the_size_of_the_frame(mnist: Dataset, shape: tuple[int, int]) -> None:
    image = Image.fromarray(mnist.x_test[0]).resize(shape[::-1])
    assert av1.max_frame_pixels(find_stream(save(image, "AVIF"))) == shape[0] * shape[1]


def test_a_stream_without_a_header_has_no_frames(seven: Image.Image) -> None:
    assert av1.max_frame_pixels(b"") == 0
    assert av1.max_frame_pixels(b"\x12\0") == 0  # a temporal delimiter
    with pytest.raises(UnreadableImage, match="too many parts"):
        av1.max_frame_pixels(b"\x12\0" * av1.MAX_UNITS * 2)
    with pytest.raises(UnreadableImage, match="timed as a sequence"):
        av1.max_frame_pixels(b"\x0a\x02\x04\0")


def test_files_are_readable_where_their_decoder_is_installed(seven: Image.Image) -> None:
    for data in (b"", save(seven, "PNG"), save(seven, "AVIF"), save(seven, "HEIF")):
        heif.check_readable(data)
