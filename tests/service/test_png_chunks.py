"""PNG files lose the chunks that decoding doesn't need, and nothing else."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from service.preparation.png_chunks import IMAGE_CHUNKS, SIGNATURE, remove_metadata
from tests.support.images import png
from training.data.datasets import Dataset


def save(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def names(data: bytes) -> list[bytes]:
    """Return the names of the chunks of a PNG file."""
    chunks, start = [], len(SIGNATURE)
    while start < len(data):
        chunks.append(data[start + 4 : start + 8])
        start += 12 + int.from_bytes(data[start : start + 4])
    return chunks


def test_text_and_profiles_are_removed(mnist: Dataset) -> None:
    for digit in mnist.x_test[:20]:
        info = PngImagePlugin.PngInfo()
        info.add_text("Comment", "seven " * 1000, zip=True)
        info.add_itxt("XML:com.adobe.xmp", "<x/>")
        data = save(Image.fromarray(digit), pnginfo=info, icc_profile=b"profile", dpi=(72, 72))
        assert {b"zTXt", b"iTXt", b"iCCP", b"pHYs"} <= set(names(data))
        reduced = remove_metadata(data)
        assert reduced == png(digit)
        assert names(reduced) == [b"IHDR", b"IDAT", b"IEND"]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_what_the_image_needs_stays(mnist: Dataset, mode: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(mnist.x_test[0]).convert(mode)
    options: dict[str, Any] = {"transparency": 0} if mode in ("L", "P") else {}
    data = save(image, exif=exif, **options)
    reduced = remove_metadata(data)
    assert reduced == data
    assert set(names(reduced)) <= IMAGE_CHUNKS
    with Image.open(io.BytesIO(reduced)) as read:
        np.testing.assert_array_equal(np.asarray(read), np.asarray(image))
        assert read.getexif()[0x0112] == 6


def test_frames_stay(mnist: Dataset) -> None:
    frames = [Image.fromarray(digit) for digit in mnist.x_test[:3]]
    data = save(frames[0], save_all=True, append_images=frames[1:])
    assert remove_metadata(data) == data
    with Image.open(io.BytesIO(remove_metadata(data))) as read:
        assert getattr(read, "n_frames", 1) == 3


def test_other_files_are_unchanged_and_a_cut_chunk_stays_cut(mnist: Dataset) -> None:
    for data in (b"", b"text", SIGNATURE, save(Image.fromarray(mnist.x_test[0]), "GIF")):
        assert remove_metadata(data) == data
    data = png(mnist.x_test[0])
    for end in range(len(SIGNATURE) + 8, len(data)):
        assert data.startswith(remove_metadata(data[:end]))
