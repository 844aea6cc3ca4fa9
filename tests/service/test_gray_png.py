"""Plain gray PNG files are decoded as Pillow decodes them, and all other files are left to Pillow."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from service.errors import ServiceError, UnreadableImage
from service.preparation import decode, gray_png
from tests.support.images import png
from training.data.datasets import Dataset


def make_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def write(width: int, height: int, rows: bytes, pixel_format: bytes = b"\x08\0\0\0\0", *, more: bytes = b"") -> bytes:
    head = make_chunk(b"IHDR", struct.pack(">II", width, height) + pixel_format)
    return b"\x89PNG\r\n\x1a\n" + head + more + make_chunk(b"IDAT", zlib.compress(rows)) + make_chunk(b"IEND", b"")


def decode_by_pillow(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        assert image.mode == "L"
        return np.asarray(image)


@st.composite
def draw_files(draw: st.DrawFn) -> bytes:
    """Draw the file of an image, whose rows are filtered in any way."""
    width, height = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    row = st.tuples(st.integers(0, 4), st.binary(min_size=width, max_size=width)).map(
        lambda row: bytes([row[0]]) + row[1]
    )
    return write(width, height, b"".join(draw(st.lists(row, min_size=height, max_size=height))))


@settings(max_examples=300, deadline=None)
@given(draw_files())
def test_every_filter_is_undone(data: bytes) -> None:
    image = gray_png.decode(data, 81)
    assert image is not None
    assert (image.dtype, image.flags.c_contiguous) == (np.dtype(np.uint8), True)
    np.testing.assert_array_equal(image, decode_by_pillow(data))


@settings(max_examples=300, deadline=None)
@given(draw_files(), st.data())
def test_damaged_files_are_left_to_pillow(data: bytes, draw: st.DataObject) -> None:
    place = draw.draw(st.integers(0, len(data) - 1))
    changed = data[:place] + draw.draw(st.binary(max_size=3)) + data[place + 1 :]
    assert changed == data or gray_png.decode(changed, 10**6) is None


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 9), st.integers(0, 9), st.binary(max_size=99))
def test_rows_of_another_size_or_filter_are_left_to_pillow(width: int, height: int, rows: bytes) -> None:
    data = write(width, height, rows)
    image = gray_png.decode(data, 81)
    if image is None:
        assert not (width and height and len(rows) == height * (width + 1) and max(rows[:: width + 1]) < 5)
    else:
        np.testing.assert_array_equal(image, decode_by_pillow(data))


def test_mnists_images_are_decoded_here(mnist: Dataset) -> None:
    for image in mnist.x_test[:500]:
        np.testing.assert_array_equal(gray_png.decode(png(image), 784), image)


def test_other_kinds_are_left_to_pillow() -> None:
    rows = bytes(2 * 3)
    assert gray_png.decode(write(2, 2, rows), 4) is not None
    assert gray_png.decode(write(2, 2, rows), 3) is None
    for pixel_format in (b"\x04\0\0\0\0", b"\x08\2\0\0\0", b"\x08\0\0\0\1", b"\x10\0\0\0\0"):
        assert gray_png.decode(write(2, 2, rows, pixel_format), 4) is None
    for more in (make_chunk(b"tRNS", b"\0\0"), make_chunk(b"gAMA", bytes(4)), make_chunk(b"IDAT", b"")):
        assert gray_png.decode(write(2, 2, rows, more=more), 4) is None
    for data in (b"", b"\x89PNG\r\n\x1a\n", write(2, 2, rows) + b"!"):
        assert gray_png.decode(data, 4) is None


def test_many_pixels_in_few_bytes_are_rejected_in_little_memory() -> None:
    bomb = write(2, 2, bytes(10**8))
    assert gray_png.decode(bomb, 4) is None
    with pytest.raises(UnreadableImage):
        decode.decode(write(2, 2, b"\7" * 6), 4, 1)
    with pytest.raises(ServiceError):
        decode.decode(write(3, 3, bytes(12)), 8, 1)
