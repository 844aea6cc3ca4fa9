"""Image files to mutate: all formats and modes that Pillow writes, of sides down to one pixel."""

import io
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any, NamedTuple

from PIL import Image, ImageMode, PngImagePlugin

from tests.support.paths import SEVEN

SIZES_PX = ((28, 28), (1, 1), (1, 40), (40, 1), (2, 300), (57, 41))
LARGE_PX = (1100, 1030)  # is reduced when it is decoded
LARGE_MODES = ("L", "RGBA", "I;16")
SLOW_FORMATS = ("AVIF", "HEIF", "ICNS")  # to write: in few sizes and modes
SLOW_MODES = ("L", "RGB", "RGBA")
EXCLUDED_FORMATS = ("EPS", "IM", "PDF", "WMF")  # no images, or written by another program, or to be removed from Pillow
TIFF_COMPRESSIONS = ("tiff_lzw", "tiff_adobe_deflate", "packbits", "lzma", "zstd")
BILEVEL_COMPRESSIONS = ("group3", "group4", "tiff_ccitt")
JPEG_MODES = ("L", "RGB", "CMYK", "YCbCr")
PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}  # by color type
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

Options = dict[str, Any]


class File(NamedTuple):
    """An image file: its bytes, and its sides in pixels."""

    data: bytes
    width: int
    height: int


def make() -> dict[str, list[File]]:
    """Return files of each format, by its name."""
    with suppress(ImportError):
        import_module("pillow_heif").register_heif_opener()
    Image.init()
    files = defaultdict[str, list[File]](list)
    for kind in sorted(Image.SAVE.keys() - EXCLUDED_FORMATS):
        is_slow = kind in SLOW_FORMATS
        for size in SIZES_PX[:3] if is_slow else SIZES_PX:
            for image in _images(size, SLOW_MODES if is_slow else Image.MODES):
                files[kind] += _encode_all(image, kind)
    for kind in ("PNG", "JPEG", "GIF", "WEBP"):
        for image in _images(LARGE_PX, LARGE_MODES):
            files[kind] += _encode(image, kind, {})
    files["PNG"] += _raw_pngs()
    return {kind: written for kind, written in files.items() if written}


def _images(size: tuple[int, int], modes: Iterable[str]) -> Iterator[Image.Image]:
    """Draw a seven in each mode that an image may have."""
    with Image.open(SEVEN) as seven:
        gray = seven.convert("L").resize(size)
    for mode in modes:
        bands = ImageMode.getmode(mode).bands
        with suppress(ValueError):  # to some modes Pillow converts nothing
            yield Image.merge(mode, [gray] * len(bands)) if len(bands) > 1 else gray.convert(mode)


def _encode_all(image: Image.Image, kind: str) -> Iterator[File]:
    for options in _options(image, kind):
        yield from _encode(image, kind, options)


def _encode(image: Image.Image, kind: str, options: Options) -> Iterator[File]:
    """Yield the file, if the format has the image's mode and size."""
    file = io.BytesIO()
    with suppress(Exception):
        image.save(file, kind, **options)
        yield File(file.getvalue(), *image.size)


def _options(image: Image.Image, kind: str) -> Iterator[Options]:
    """Yield the ways to write an image in a format."""
    yield {}
    if kind == "TIFF":
        yield from (
            {"compression": name} for name in (BILEVEL_COMPRESSIONS if image.mode == "1" else TIFF_COMPRESSIONS)
        )
        yield {"compression": "jpeg"} if image.mode in JPEG_MODES else {"big_tiff": True}
    if kind in ("JPEG", "MPO", "TIFF", "WEBP", "PNG", "AVIF", "HEIF"):
        yield {"exif": _make_rotated_exif()}
    if kind == "JPEG":
        yield {"progressive": True}
        yield {"subsampling": 2, "restart_marker_blocks": 1}
    if kind == "PNG":
        yield {"pnginfo": _texts(), "icc_profile": b"profile"}
    if kind in ("PNG", "GIF"):
        yield {"transparency": 0}
    if kind == "WEBP":
        yield {"lossless": True}
    if kind in Image.SAVE_ALL and kind != "AVIF":  # those of several frames have the time in them
        yield {"save_all": True, "append_images": [image.transpose(Image.Transpose.ROTATE_180)]}


def _make_rotated_exif() -> Image.Exif:
    """Return the EXIF data of an image that lies on its side."""
    exif = Image.Exif()
    exif[274] = 6
    return exif


def _texts() -> PngImagePlugin.PngInfo:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", "seven " * 100, zip=True)
    texts.add_itxt("XML:com.adobe.xmp", "<x/>", zip=True)
    return texts


def _raw_pngs() -> Iterator[File]:
    """Yield PNG files of all color types, depths and interlacings. Pillow writes only some of them."""
    data = zlib.compress(bytes(20_000))
    for color, depths in PNG_DEPTHS.items():
        for depth in depths:
            for interlacing in (0, 1):
                header = struct.pack(">IIBBBBB", 31, 30, depth, color, 0, 0, interlacing)
                chunks = (b"IHDR", header), (b"PLTE", bytes(range(48))), (b"IDAT", data), (b"IEND", b"")
                yield File(PNG_SIGNATURE + b"".join(png_chunk(*chunk) for chunk in chunks), 31, 30)


def png_chunk(name: bytes, data: bytes) -> bytes:
    """Return a PNG chunk, with its length and its checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
