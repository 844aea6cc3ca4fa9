"""PNG files without the chunks that decoding doesn't need.

https://www.w3.org/TR/png-3/
"""

from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"

# A chunk has a length, a name, its content and a checksum.
LENGTH_BYTES, HEAD_BYTES, CHECKSUM_BYTES = 4, 8, 4

# The pixels, transparency, orientation and frames. Text, XMP and color profiles aren't used, and may be compressed a
# thousandfold.
IMAGE_CHUNKS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf", b"acTL", b"fcTL", b"fdAT"))


def remove_metadata(data: bytes) -> bytes:
    """Return a PNG file without the chunks that its image doesn't need, and any other file unchanged."""
    return SIGNATURE + b"".join(_image_chunks(data)) if data.startswith(SIGNATURE) else data


def _image_chunks(data: bytes) -> Iterator[memoryview]:
    view, start = memoryview(data), len(SIGNATURE)
    while start < len(data):
        length = int.from_bytes(view[start : start + LENGTH_BYTES])
        end = start + HEAD_BYTES + length + CHECKSUM_BYTES
        if view[start + LENGTH_BYTES : start + HEAD_BYTES] in IMAGE_CHUNKS:
            yield view[start:end]
        start = end
