"""The bodies of requests and answers, where they may be compressed, and the JSON in them."""

import gzip
import json
import time
import zlib
from contextlib import suppress
from typing import TypeVar

import flask
import msgspec
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_accept_header

from service.api.routes import settings
from service.errors import InvalidJSON, MalformedRequest, TooLarge, UnsupportedMediaType

# How zlib is told what it reads; "deflate" is a zlib stream (RFC 9110, 8.4.1.2).
_WINDOWS = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
DISCARD_SECONDS = 2.0
SMALL = 1024  # bytes; fewer are not compressed: that takes longer than sending them

Kind = TypeVar("Kind")


def read_body(request: flask.Request) -> bytes:
    """Take the body of a request, and undo its compression.

    Raises:
        ServiceError: TooLarge, also of what is unpacked; UnsupportedMediaType or MalformedRequest.

    """
    body, encoding = _receive(request), request.headers.get("Content-Encoding", "identity").strip().lower()
    if not body or encoding in ("identity", ""):
        return body
    if encoding not in _WINDOWS:
        raise UnsupportedMediaType(f"The Content-Encoding is {encoding}: gzip and deflate are read.")
    return _inflate(body, encoding, settings().max_bytes)


def _receive(request: flask.Request) -> bytes:
    try:
        return request.get_data(cache=False)
    except Exception as error:  # besides werkzeug's own, those of a broken body are of each server's own class
        if not (isinstance(error, HTTPException) and error.code == TooLarge.status):
            raise MalformedRequest("The request's body is broken or was cut short.") from error
        _discard_body(request)
        raise TooLarge(f"The request is too large: at most {request.max_content_length} bytes are read.") from error


def _discard_body(request: flask.Request) -> None:
    """Read on for a while: a client still sending when the connection is closed never sees the answer."""
    deadline = time.monotonic() + DISCARD_SECONDS
    with suppress(Exception):
        while time.monotonic() < deadline and request.environ["wsgi.input"].read(2**16):
            pass


def _inflate(body: bytes, encoding: str, limit: int) -> bytes:
    stream = zlib.decompressobj(_WINDOWS[encoding])
    try:
        inflated = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise MalformedRequest(f"The body is not {encoding}, or damaged: {error}.") from error
    if len(inflated) > limit:
        raise TooLarge(f"The request is too large: at most {limit} bytes are read, also after unpacking.")
    if not stream.eof or stream.unused_data:
        raise MalformedRequest(f"The body is not one whole {encoding} stream.")
    return inflated


def compress(headers: dict[str, str], body: bytes, accepted: str | None) -> tuple[dict[str, str], bytes]:
    """Compress the body of an answer that isn't small, if the request's Accept-Encoding asks for it."""
    if not accepted or len(body) < SMALL:
        return headers, body
    encoding = parse_accept_header(accepted).best_match(["identity", "gzip", "deflate"], "identity")
    if encoding == "identity":
        return headers, body
    compressed = gzip.compress(body, 1) if encoding == "gzip" else zlib.compress(body, 1)
    return headers | {"Content-Encoding": encoding}, compressed


def decode_json(document: bytes | memoryview, kind: type[Kind]) -> Kind:
    """Read JSON into a type of msgspec's.

    NaN and Infinity, which are no JSON, are read all the same, as numbers: clients send them, and what checks the
    numbers can then name them.

    Raises:
        InvalidJSON: it is no JSON, or not of that type.

    """
    try:
        return _decode(to_utf8(document), kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvalidJSON(f"The JSON is not as it should be: {error}.") from error


def to_utf8(document: bytes | memoryview) -> bytes | memoryview:
    """Return JSON in UTF-8, without a byte order mark, of JSON that may have one or be in UTF-16 or UTF-32.

    Raises:
        UnicodeDecodeError: it is not of the encoding that its first bytes tell.

    """
    encoding = json.detect_encoding(bytes(document[:4]))
    return document if encoding == "utf-8" else str(document, encoding).encode()


def _decode(document: bytes | memoryview, kind: type[Kind]) -> Kind:
    try:
        return msgspec.json.decode(document, type=kind)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        if b"\\ud" in bytes(document).lower():  # perhaps half a character, which no answer could repeat
            raise
        return msgspec.convert(json.loads(str(document, "utf-8")), kind)
