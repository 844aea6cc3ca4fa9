"""PNG and JPEG files without metadata: their pixels stay as they were sent, byte for byte.

https://www.w3.org/TR/png-3/ and ITU T.81
"""

import re
import zlib
from collections.abc import Iterator

from PIL import ExifTags, Image

from service.preparation import png_chunks
from service.preparation.decode import UPRIGHT

JPEG_START = b"\xff\xd8\xff"

_PIXEL_CHUNKS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))  # of a PNG's first frame
_EXIF_PREFIX = b"Exif\0\0"  # in a JPEG; a PNG has the same without it

# 0xFF before 0 is a byte of pixels, and restart markers are among the pixels. Bytes of 0xFF may precede a marker.
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
_SCAN, _END, _COMMENT, _EXIF = 0xDA, 0xD9, 0xFE, 0xE1
_BARE_MARKERS = (0x01, 0xD8)  # without content
_APPLICATION_MARKERS = range(0xE0, 0xF0)
# JFIF without a thumbnail, and Adobe's, which says what the colors are: with these lengths neither holds anything else.
_COLOR_MARKERS = {0xE0: (b"JFIF\0", 16), 0xEE: (b"Adobe", 14)}


def strip_png(data: bytes, orientation: int) -> bytes:
    """Return a PNG file with its pixels and its EXIF orientation, and nothing else."""
    header, *chunks = _pixel_chunks(data) or [b""]
    exif = _exif(orientation).removeprefix(_EXIF_PREFIX)
    return b"".join([png_chunks.SIGNATURE, header, _chunk(b"eXIf", exif) if exif else b"", *chunks])


def strip_jpeg(data: bytes, orientation: int) -> bytes:
    """Return a JPEG file with its pixels and its EXIF orientation, and nothing else, such as a second image."""
    exif = _exif(orientation)
    return b"".join([JPEG_START[:2], _segment(_EXIF, exif) if exif else b"", *_pixel_segments(data)])


def _exif(orientation: int) -> bytes:
    if orientation == UPRIGHT:
        return b""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif.tobytes()


def _chunk(name: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4) + name + content + zlib.crc32(name + content).to_bytes(4)


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (2 + len(content)).to_bytes(2) + content


def _pixel_chunks(data: bytes) -> list[bytes]:
    chunks, start = [], len(png_chunks.SIGNATURE)
    while start < len(data):
        end = start + png_chunks.HEAD_BYTES + int.from_bytes(data[start : start + 4]) + png_chunks.CHECKSUM_BYTES
        name = data[start + png_chunks.LENGTH_BYTES : start + png_chunks.HEAD_BYTES]
        if name in _PIXEL_CHUNKS:
            chunks.append(data[start:end])
        start = len(data) if name == b"IEND" else end
    return chunks


def _pixel_segments(data: bytes) -> Iterator[bytes]:
    """Yield the segments of a JPEG that its pixels need, each scan with its pixels, to the end of the first image."""
    match, has_end = _JPEG_MARKER.search(data, 2), False
    while match and match[1][0] != _END:
        marker, start = match[1][0], match.end() - 2
        size = 0 if marker in _BARE_MARKERS else int.from_bytes(data[start + 2 : start + 4])
        end = start + 2 + size
        match = _JPEG_MARKER.search(data, end)
        if marker == _SCAN:
            yield data[start : match.start() if match else len(data)]
            has_end = match is not None
        elif size and not _is_metadata(marker, data[start + 4 : end]):
            yield data[start:end]
    if has_end:  # any marker ends the pixels
        yield bytes((0xFF, _END))


def _is_metadata(marker: int, content: bytes) -> bool:
    if marker in _COLOR_MARKERS:
        name, size = _COLOR_MARKERS[marker]
        return not (content.startswith(name) and 2 + len(content) == size)
    return marker == _COMMENT or marker in _APPLICATION_MARKERS
