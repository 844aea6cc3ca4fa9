"""HEIC and AVIF files: which of them are read, and how many pixels the images coded in them have.

Their decoders allocate memory for the coded images, which may be larger than the image size in the file. libheif, the
decoder of HEIC, compares the two sizes. libavif, the decoder of AVIF, scales the coded image to the size afterwards.
https://www.iso.org/standard/83102.html (boxes)
"""

import io
import re
from collections.abc import Iterator
from importlib.util import find_spec
from typing import IO

from PIL import Image
from PIL.ImageFile import ImageFile

from service.errors import TooLarge, UnreadableImage
from service.preparation import av1

# pillow-heif has 27 MB and, for its encoder, GPL 2: installing it is optional.
FORMATS = ("HEIF",) if find_spec("pillow_heif") else ()

HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
AVIF_BRAND = b"avif"

# The size of an image in a property box of version 0: three bytes of flags, then width and height.
_SIZE = re.compile(rb"ispe\0.{3}(.{4})(.{4})", re.DOTALL)

# A file has the frames of an image and of its transparency, or of their tiles. Where a header has only the number of
# bits of width and height, each may be almost twice as large as the frame's.
CODED_TO_IMAGE_RATIO = 4


def is_heic(start: bytes) -> bool:
    """Return whether a file that starts with these bytes is a HEIC image."""
    return start[4:8] == b"ftyp" and start[8:12] in HEIC_BRANDS


def register() -> None:
    """Import pillow-heif, and register it with Pillow, which then reads and writes HEIC images."""
    import pillow_heif

    # No threads beside the one that decodes. Thumbnails and depth maps aren't used.
    pillow_heif.register_heif_opener(decode_threads=0, thumbnails=False, depth_images=False, aux_images=False)


def _open_first(file: IO[bytes], name: str | bytes) -> ImageFile:
    """Open the first HEIC image of a process. Pillow opens the next ones without this function."""
    register()
    return Image.OPEN["HEIF"][0](file, name)


if FORMATS:  # pillow-heif is imported for the first such image, in 50 ms: without it two workers have 4 MB less
    Image.register_open("HEIF", _open_first, is_heic)
    Image.register_extensions("HEIF", [".heic", ".heics", ".heif", ".heifs", ".hif"])  # as pillow-heif does


def check_readable(data: bytes) -> None:
    """Check that a file is not a HEIC image whose decoder isn't installed.

    Raises:
        UnreadableImage: the file is such an image.

    """
    if not FORMATS and is_heic(data):
        raise UnreadableImage("This is a HEIC image, which this installation can't read: send it as JPEG or AVIF.")


def check_coded_size(data: bytes, kind: str | None, max_pixels: int) -> None:
    """Check how large the images coded in a file are, without decoding them; `kind` is Pillow's HEIF or AVIF.

    Raises:
        TooLarge: an image has more than `max_pixels`.
        UnreadableImage: the file is a sequence of AVIF images, or its boxes are damaged.

    """
    sizes = (int.from_bytes(width) * int.from_bytes(height) for width, height in _SIZE.findall(data))
    if max(sizes, default=0) > max_pixels:
        raise TooLarge(f"An image in the file has more than {max_pixels} pixels.")
    if kind == "HEIF":
        return
    if data[8:12] != AVIF_BRAND and any(name == b"moov" for name, _ in _boxes(data)):
        raise UnreadableImage("The AVIF file is a sequence: send one image.")
    if sum(map(av1.max_frame_pixels, _items(data))) > CODED_TO_IMAGE_RATIO * max_pixels:
        raise TooLarge(f"The images coded in the file have more than {max_pixels} pixels.")


def _items(data: bytes) -> Iterator[bytes]:
    """Yield the coded data of each item of an AVIF file, as its iloc boxes locate them (ISO/IEC 14496-12, 8.11.3)."""
    for name, meta in _boxes(data):
        if name == b"meta":
            boxes = list(_boxes(meta[4:]))
            stored = b"".join(content for name, content in boxes if name == b"idat")
            for name, content in boxes:
                if name == b"iloc":
                    yield from _read_items(content, (data, stored))


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and content of each box."""
    start = 0
    while start + 8 <= len(data):
        size, head = int.from_bytes(data[start : start + 4]), 8
        if size == 1:
            size, head = int.from_bytes(data[start + 8 : start + 16]), 16
        end = start + size if size else len(data)
        if end < start + head:
            raise UnreadableImage("The AVIF file is damaged.")
        yield data[start + 4 : start + 8], data[start + head : end]
        start = end


def _read_items(iloc: bytes, sources: tuple[bytes, bytes]) -> Iterator[bytes]:
    """Yield the data of each item, joined from its extents in the file or in the box of stored data."""
    file = io.BytesIO(iloc)
    version = _read_number(file, 4) >> 24
    sizes = _read_number(file, 2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    count_size = 4 if version == 2 else 2
    if version and index_size:  # indexes are for items made of other items, which AVIF doesn't have
        raise UnreadableImage("The AVIF file is damaged.")
    budget = 2 * len(sources[0])
    for _ in range(_read_number(file, count_size)):
        _read_number(file, count_size)
        source = sources[_read_number(file, 2) & 1] if version else sources[0]
        _read_number(file, 2)
        base = _read_number(file, base_size)
        extents = []
        for _ in range(_read_number(file, 2)):
            start, length = base + _read_number(file, offset_size), _read_number(file, length_size)
            extents.append(source[start : start + length] if length else source[start:])
            budget -= len(extents[-1])
            if budget < 0:
                raise UnreadableImage("The AVIF file is damaged: its parts overlap.")
        yield b"".join(extents)


def _read_number(file: io.BytesIO, size: int) -> int:
    data = file.read(size)
    if len(data) < size:
        raise UnreadableImage("The AVIF file is damaged.")
    return int.from_bytes(data)
