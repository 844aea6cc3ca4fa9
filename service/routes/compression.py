"""Bodies that come compressed."""

import zlib

from service.errors import MalformedRequest, TooLarge

_GZIP = 16 + zlib.MAX_WBITS  # zlib's way to say so


def gunzip(body: bytes, max_bytes: int) -> bytes:
    """Unpack a body in the gzip format, of a single member.

    Raises:
        MalformedRequest: it is damaged, cut short, or followed by something else.
        TooLarge: it unpacks to more than `max_bytes`.

    """
    stream = zlib.decompressobj(_GZIP)
    try:
        unpacked = stream.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise MalformedRequest("The request's body is not gzip, or damaged.") from error
    if len(unpacked) > max_bytes:
        raise TooLarge(f"The request is too large: at most {max_bytes} bytes are read, unpacked.")
    if not stream.eof or stream.unused_data:
        raise MalformedRequest("The request's body is cut short, or more than one gzip stream.")
    return unpacked
