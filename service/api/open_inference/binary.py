"""Triton's binary tensor data extension: raw tensors after the JSON of a request or a response.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import struct
from collections.abc import Iterable

from service.errors import InvalidTensor, MalformedRequest

HEADER = "Inference-Header-Content-Length"
HEADER_VARIABLE = "HTTP_" + HEADER.upper().replace("-", "_")  # in a WSGI environ

_LENGTH = struct.Struct("<I")


def split(body: bytes, length: str | None) -> tuple[memoryview, memoryview]:
    """Split a body into its JSON and the raw bytes after it, without copying them.

    Args:
        body: the body, decompressed.
        length: the value of the header `Inference-Header-Content-Length`; None if the whole body is JSON.

    Raises:
        MalformedRequest: the length is not a number, or exceeds the body.

    """
    view = memoryview(body)
    if length is None:
        return view, view[len(body) :]
    if not (length.isascii() and length.isdecimal() and len(length) < 19 and int(length) <= len(body)):
        raise MalformedRequest(f"{HEADER} is {length!r}: it is a number from 0 to {len(body)}, the bytes of the body.")
    return view[: int(length)], view[int(length) :]


def read_elements(raw: memoryview, count: int, name: str) -> list[bytes]:
    """Return the elements of a BYTES tensor. Before each stands its length, in four little-endian bytes.

    Raises:
        InvalidTensor: there are not `count` elements, or one is cut short. The message has the tensor's `name`.

    """
    elements, end = [], 0
    for number in range(count):
        start = end + _LENGTH.size
        if start > len(raw):
            raise InvalidTensor(f"{name} has {number} elements, where its shape says {count}.")
        end = start + _LENGTH.unpack_from(raw, end)[0]
        if end > len(raw):
            raise InvalidTensor(f"{name}[{number}] is cut short: {end - start} bytes are announced.")
        elements.append(bytes(raw[start:end]))
    if end != len(raw):
        raise InvalidTensor(f"{name} has {len(raw) - end} bytes more than the {count} elements of its shape.")
    return elements


def write_elements(elements: Iterable[bytes]) -> bytes:
    """Return the bytes of a BYTES tensor, in the form that `read_elements` reads."""
    return b"".join(_LENGTH.pack(len(element)) + element for element in elements)
