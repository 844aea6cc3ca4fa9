"""HEIC and AVIF files: which are read, and how large the pictures are that are coded in them.

Their decoders allocate what the coded data ask for. What a file says of its picture's size may be less. libheif, the
decoder of HEIC, compares the two; libavif, the one of AVIF, scales the coded picture to the size afterwards.
https://www.iso.org/standard/83102.html (boxes), https://aomediacodec.github.io/av1-spec/ (sequence headers)
"""

import io
import re
from collections.abc import Iterator

from service.errors import TooLarge, UnreadableImage

# pillow-heif has 27 MB and, for its encoder, GPL 2: it is left to those who want it.
try:
    import pillow_heif
except ImportError:
    FORMATS: tuple[str, ...] = ()
else:
    FORMATS = ("HEIF",)
    # 0 threads beside the one that decodes; thumbnails and maps of depth aren't used
    pillow_heif.register_heif_opener(decode_threads=0, thumbnails=False, depth_images=False, aux_images=False)

HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
AVIF_BRAND = b"avif"

# The size of a picture in a property box of version 0; three bytes of flags, then width and height.
_SIZE = re.compile(rb"ispe\0.{3}(.{4})(.{4})", re.DOTALL)

# A file has the frames of a picture and of its transparency, or of their parts. Where a header tells the bits of width
# and height alone, they are enough for less than twice as many of each.
CODED_TO_PICTURE_RATIO = 4

SEQUENCE_HEADER = 1
MAX_UNITS = 10_000


def check_readable(data: bytes) -> None:
    """Check that a file is not a HEIC picture whose decoder isn't installed.

    Raises:
        UnreadableImage: it is.

    """
    if not FORMATS and data[4:8] == b"ftyp" and data[8:12] in HEIC_BRANDS:
        raise UnreadableImage("This is a HEIC picture, which is not read here: send it as JPEG or AVIF.")


def check_coded_size(data: bytes, kind: str | None, max_pixels: int) -> None:
    """Check how large the pictures coded in a file are, of Pillow's kind HEIF or AVIF, without decoding them.

    Raises:
        TooLarge: one has more pixels than allowed.
        UnreadableImage: it is a sequence of AVIF pictures, or its boxes are damaged.

    """
    sizes = (int.from_bytes(width) * int.from_bytes(height) for width, height in _SIZE.findall(data))
    if max(sizes, default=0) > max_pixels:
        raise TooLarge(f"A picture in the file has more than {max_pixels} pixels.")
    if kind == "HEIF":
        return
    if data[8:12] != AVIF_BRAND and any(name == b"moov" for name, _ in _boxes(data)):
        raise UnreadableImage("The AVIF file is a sequence: send one picture.")
    if sum(map(_frame_pixels, _items(data))) > CODED_TO_PICTURE_RATIO * max_pixels:
        raise TooLarge(f"The pictures coded in the file have more than {max_pixels} pixels.")


def _items(data: bytes) -> Iterator[bytes]:
    """Yield the coded data of each item of an AVIF file, as its iloc boxes place them (ISO/IEC 14496-12, 8.11.3)."""
    for name, meta in _boxes(data):
        if name == b"meta":
            boxes = list(_boxes(meta[4:]))
            stored = b"".join(content for name, content in boxes if name == b"idat")
            for name, content in boxes:
                if name == b"iloc":
                    yield from _locate(content, (data, stored))


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
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


def _locate(iloc: bytes, sources: tuple[bytes, bytes]) -> Iterator[bytes]:
    """Yield the data of each item, joined of its extents in the file or in the box of stored data."""
    file = io.BytesIO(iloc)

    def number(size: int) -> int:
        digits = file.read(size)
        if len(digits) < size:
            raise UnreadableImage("The AVIF file is damaged.")
        return int.from_bytes(digits)

    version = number(4) >> 24
    sizes = number(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    long = 4 if version == 2 else 2
    if version and index_size:  # it is for items made of others, which AVIF has none of
        raise UnreadableImage("The AVIF file is damaged.")
    budget = 2 * len(sources[0])
    for _ in range(number(long)):
        number(long)
        source = sources[number(2) & 1] if version else sources[0]
        number(2)
        base = number(base_size)
        extents = []
        for _ in range(number(2)):
            start, length = base + number(offset_size), number(length_size)
            extents.append(source[start : start + length] if length else source[start:])
            budget -= len(extents[-1])
            if budget < 0:
                raise UnreadableImage("The AVIF file is damaged: its parts overlap.")
        yield b"".join(extents)


def _frame_pixels(item: bytes) -> int:
    """Return how many pixels the frames of an AV1 stream may have, at most; 0 where it has no sequence header."""
    return max((_header_pixels(content) for kind, content in _units(item) if kind == SEQUENCE_HEADER), default=0)


def _units(item: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the kind and content of each unit of an AV1 stream (AV1 specification, 5.3)."""
    start = 0
    for _ in range(MAX_UNITS):
        if start >= len(item):
            return
        head = item[start]
        start += 2 if head & 4 else 1
        size, length = _size(item[start : start + 8]) if head & 2 else (len(item) - start, 0)
        start += length + size
        yield head >> 3 & 15, item[start - size : start]
    raise UnreadableImage("The AVIF file is damaged: it has too many parts.")


def _size(digits: bytes) -> tuple[int, int]:
    """Return a number that is written in 7 bits of each byte, the low ones first, and how many bytes it has."""
    length = next((place for place, digit in enumerate(digits, 1) if digit < 128), len(digits))
    return sum((digit & 127) << 7 * place for place, digit in enumerate(digits[:length])), length


def _header_pixels(header: bytes) -> int:
    """Return how many pixels a frame may have by a sequence header (5.5): it may have its own size in a sequence."""
    bits, position = int.from_bytes(header[:64].ljust(64, b"\0")), 512

    def number(count: int) -> int:
        nonlocal position
        position -= count
        if position < 0:
            raise UnreadableImage("The AVIF file is damaged.")
        return bits >> position & (1 << count) - 1

    number(4)
    is_still = number(1)
    if is_still:
        number(5)
    else:
        if number(1):
            raise UnreadableImage("The AVIF file is timed as a sequence: send one picture.")
        has_delay = number(1)
        for _ in range(number(5) + 1):
            number(12)
            number(1 if number(5) > 7 else 0)
            number(4 if has_delay and number(1) else 0)
    width_bits, height_bits = number(4) + 1, number(4) + 1
    return (number(width_bits) + 1) * (number(height_bits) + 1) if is_still else 1 << width_bits + height_bits
