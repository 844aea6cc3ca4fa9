"""Triton's binary tensor data extension: raw tensors behind the JSON of a request or an answer.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import struct
from collections.abc import Iterable

from service.errors import InvalidTensor, MalformedRequest

HEADER = "Inference-Header-Content-Length"

_LENGTH = struct.Struct("<I")


def split(body: bytes, length: str | None) -> tuple[memoryview, memoryview]:
    """Split a body into its JSON and the bytes behind it, without copying them.

    Args:
        body: the body, unpacked.
        length: the value of the header `Inference-Header-Content-Length`; without one, all is JSON.

    Raises:
        MalformedRequest: the length is no number, or more than there is.

    """
    view = memoryview(body)
    if length is None:
        return view, view[len(body) :]
    if not (length.isascii() and length.isdecimal() and len(length) < 19 and int(length) <= len(body)):
        raise MalformedRequest(f"{HEADER} is {length!r}: it is a number from 0 to {len(body)}, the bytes of the body.")
    return view[: int(length)], view[int(length) :]


def read_elements(raw: memoryview, count: int, name: str) -> list[bytes]:
    """Read the elements of a BYTES tensor: each has its length before it, in four little-endian bytes.

    Raises:
        InvalidTensor: there are fewer or more than `count`, or one is cut short; the tensor's `name` is told.

    """
    elements, place = [], 0
    for number in range(count):
        start = place + _LENGTH.size
        if start > len(raw):
            raise InvalidTensor(f"{name} has {number} elements, where its shape says {count}.")
        place = start + _LENGTH.unpack_from(raw, place)[0]
        if place > len(raw):
            raise InvalidTensor(f"{name}[{number}] is cut short: {place - start} bytes are announced.")
        elements.append(bytes(raw[start:place]))
    if place != len(raw):
        raise InvalidTensor(f"{name} has {len(raw) - place} bytes more than the {count} elements of its shape.")
    return elements


def write_elements(elements: Iterable[bytes]) -> bytes:
    """Write the elements of a BYTES tensor as they are read."""
    return b"".join(_LENGTH.pack(len(element)) + element for element in elements)
