"""The size of the frames in an AV1 stream, read from its sequence headers.

https://aomediacodec.github.io/av1-spec/
"""

from collections.abc import Iterator

from service.errors import UnreadableImage

SEQUENCE_HEADER = 1
MAX_UNITS = 10_000
MAX_HEADER_BYTES = 64


def max_frame_pixels(stream: bytes) -> int:
    """Return how many pixels the frames of a stream may have, at most; 0 where it has no sequence header.

    Raises:
        UnreadableImage: the stream is damaged, or timed as a sequence.

    """
    headers = (content for unit_type, content in _units(stream) if unit_type == SEQUENCE_HEADER)
    return max(map(_parse_header, headers), default=0)


def _units(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the type and content of each unit of a stream (5.3)."""
    start = 0
    for _ in range(MAX_UNITS):
        if start >= len(stream):
            return
        head = stream[start]
        start += 2 if head & 4 else 1
        size, length = _parse_leb128(stream[start : start + 8]) if head & 2 else (len(stream) - start, 0)
        start += length + size
        yield head >> 3 & 15, stream[start - size : start]
    raise UnreadableImage("The AVIF file is damaged: it has too many parts.")


def _parse_leb128(data: bytes) -> tuple[int, int]:
    """Return a number that is stored in 7 bits of each byte, the low bits first, and how many bytes it has (4.10.5)."""
    length = next((index for index, byte in enumerate(data, 1) if byte < 128), len(data))
    return sum((byte & 127) << 7 * index for index, byte in enumerate(data[:length])), length


def _parse_header(header: bytes) -> int:
    """Return how many pixels a frame may have by a sequence header (5.5).

    In a still image this is the size of its frame. In a sequence each frame may have a size of its own, in as many bits
    as the header says.
    """
    bits = _Bits(header[:MAX_HEADER_BYTES])
    bits.read(4)
    is_still = bits.read(1)
    if is_still:
        bits.read(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    return (bits.read(width_bits) + 1) * (bits.read(height_bits) + 1) if is_still else 1 << width_bits + height_bits


def _skip_operating_points(bits: "_Bits") -> None:
    if bits.read(1):
        raise UnreadableImage("The AVIF file is timed as a sequence: send one image.")
    has_delay = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        bits.read(1 if bits.read(5) > 7 else 0)
        bits.read(4 if has_delay and bits.read(1) else 0)


class _Bits:
    """The bits of a header, continued with zeros to `MAX_HEADER_BYTES`."""

    def __init__(self, header: bytes) -> None:
        self._value = int.from_bytes(header.ljust(MAX_HEADER_BYTES, b"\0"))
        self._left = 8 * MAX_HEADER_BYTES

    def read(self, count: int) -> int:
        """Return the number in the next bits.

        Raises:
            UnreadableImage: the header has fewer bits.

        """
        self._left -= count
        if self._left < 0:
            raise UnreadableImage("The AVIF file is damaged.")
        return self._value >> self._left & (1 << count) - 1
