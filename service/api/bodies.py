"""The bodies of requests and responses: their compression, and the JSON in them."""

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
from service.observability.request_log import RPC_KEY

# The window sizes that select a format in zlib. "deflate" is a zlib stream (RFC 9110, 8.4.1.2).
_WINDOW_BITS = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
DISCARD_SECONDS = 2.0
MIN_COMPRESSED_BYTES = 1024  # to compress a shorter body takes longer than to send it
DISCARD_CHUNK_BYTES = 2**16

# What can be raised where JSON is decoded. UnicodeDecodeError and json.JSONDecodeError are ValueErrors.
JSON_ERRORS = (msgspec.MsgspecError, ValueError, RecursionError)

Kind = TypeVar("Kind")


def read_body(request: flask.Request) -> bytes:
    """Return the body of a request, decompressed.

    Raises:
        ServiceError: TooLarge if the body is, compressed or not; UnsupportedMediaType or MalformedRequest.

    """
    body, encoding = _receive(request), request.headers.get("Content-Encoding", "identity").strip().lower()
    if not body or encoding in ("identity", ""):
        return body
    if encoding not in _WINDOW_BITS:
        raise UnsupportedMediaType(f"The Content-Encoding is {encoding}: gzip and deflate are read.")
    return _inflate(body, encoding, settings().max_bytes)


def read_json(request: flask.Request, kind: type[Kind]) -> Kind:
    """Return the JSON in a request as a struct; without a body, the struct's defaults.

    Raises:
        ServiceError: InvalidJSON, or what `read_body` raises.

    """
    body = read_body(request)
    return decode_json(body, kind) if body else kind()


def _receive(request: flask.Request) -> bytes:
    if RPC_KEY in request.environ:  # gRPC has limited the message, which may be longer as JSON
        request.max_content_length = request.content_length
    try:
        return request.get_data(cache=False)
    except Exception as error:  # werkzeug has its own classes of errors, and each server has others
        if not (isinstance(error, HTTPException) and error.code == TooLarge.status):
            raise MalformedRequest("The request's body is broken or was cut short.") from error
        _discard_body(request)
        raise TooLarge(f"The request is too large: at most {request.max_content_length} bytes are read.") from error


def _discard_body(request: flask.Request) -> None:
    """Read the rest of a body, for `DISCARD_SECONDS`: a client that is still sending at the close sees no response."""
    deadline = time.monotonic() + DISCARD_SECONDS
    with suppress(Exception):
        while time.monotonic() < deadline and request.environ["wsgi.input"].read(DISCARD_CHUNK_BYTES):
            pass


def _inflate(body: bytes, encoding: str, limit: int) -> bytes:
    stream = zlib.decompressobj(_WINDOW_BITS[encoding])
    try:
        inflated = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise MalformedRequest(f"The body is not {encoding}, or damaged: {error}.") from error
    if len(inflated) > limit:
        raise TooLarge(f"The request is too large: at most {limit} bytes are read, also after unpacking.")
    if not stream.eof or stream.unused_data:
        raise MalformedRequest(f"The body is not one whole {encoding} stream.")
    return inflated


def compress(headers: dict[str, str], body: bytes, accept_encoding: str | None) -> tuple[dict[str, str], bytes]:
    """Compress the body of a response if the request's Accept-Encoding asks for it. Return the headers and the body."""
    if not accept_encoding or len(body) < MIN_COMPRESSED_BYTES:
        return headers, body
    encoding = parse_accept_header(accept_encoding).best_match(["identity", "gzip", "deflate"], "identity")
    if encoding == "identity":
        return headers, body
    compressed = gzip.compress(body, 1) if encoding == "gzip" else zlib.compress(body, 1)
    return headers | {"Content-Encoding": encoding}, compressed


def decode_json(document: bytes | memoryview, kind: type[Kind]) -> Kind:
    """Decode JSON to a type that msgspec supports.

    NaN and Infinity, which JSON does not have, become numbers: clients send them, and the check of the numbers can
    then name the one that is wrong.

    Raises:
        InvalidJSON: the document is not JSON, or not of that type.

    """
    try:
        return _decode(to_utf8(document), kind)
    except JSON_ERRORS as error:
        raise InvalidJSON(f"The JSON is not as it should be: {error}.") from error


def to_utf8(document: bytes | memoryview) -> bytes | memoryview:
    """Return JSON in UTF-8 without a byte order mark. The document may have one, or be in UTF-16 or UTF-32.

    Raises:
        UnicodeDecodeError: the document does not have the encoding that its first bytes indicate.

    """
    encoding = json.detect_encoding(bytes(document[:4]))
    return document if encoding == "utf-8" else str(document, encoding).encode()


def _decode(document: bytes | memoryview, kind: type[Kind]) -> Kind:
    try:
        return msgspec.json.decode(document, type=kind)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        if b"\\ud" in bytes(document).lower():  # perhaps half of a surrogate pair, which no response can contain
            raise
        return msgspec.convert(json.loads(str(document, "utf-8")), kind)
