"""Bodies of requests are decompressed within the limit, bodies of responses compressed, and JSON is decoded."""

import gzip
import zlib
from collections.abc import Callable

import flask
import msgspec
import pytest

from service.api.bodies import MIN_COMPRESSED_BYTES, compress, decode_json, read_body, read_json
from service.app import create_app
from service.errors import InvalidJSON, MalformedRequest, ServiceError, TooLarge, UnsupportedMediaType
from service.settings import Settings

MAX_BYTES = 10_000
CONTENT = b"seven" * 1000


class Numbers(msgspec.Struct):
    """A struct to decode."""

    numbers: list[float] = []


@pytest.fixture(scope="module")
def app() -> flask.Flask:
    return create_app(Settings(max_bytes=MAX_BYTES))


def read(app: flask.Flask, body: bytes, encoding: str) -> bytes:
    with app.test_request_context("/predict", method="POST", data=body, headers={"Content-Encoding": encoding}):
        return read_body(flask.request)


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("", bytes),
        ("identity", bytes),
        ("gzip", gzip.compress),
        ("X-Gzip", gzip.compress),
        (" deflate ", zlib.compress),
        ("br", lambda _: b""),
    ],
)
def test_bodies_are_decompressed(app: flask.Flask, encoding: str, encode: Callable[[bytes], bytes]) -> None:
    body = encode(CONTENT)
    assert read(app, body, encoding) == (CONTENT if body else b"")


@pytest.mark.parametrize(
    ("body", "encoding", "error"),
    [
        (CONTENT, "br", UnsupportedMediaType),
        (CONTENT, "gzip", MalformedRequest),
        (zlib.compress(CONTENT), "gzip", MalformedRequest),
        (gzip.compress(CONTENT)[:-1], "gzip", MalformedRequest),
        (gzip.compress(CONTENT) + b"!", "gzip", MalformedRequest),
        (gzip.compress(bytes(MAX_BYTES + 1)), "gzip", TooLarge),
        (bytes(MAX_BYTES + 1), "identity", TooLarge),
    ],
    ids=["unknown", "plain", "deflate", "cut off", "followed by a byte", "too large", "too large and plain"],
)
def test_other_bodies_are_rejected(app: flask.Flask, body: bytes, encoding: str, error: type[ServiceError]) -> None:
    with pytest.raises(error):
        read(app, body, encoding)


@pytest.mark.parametrize(
    ("accept_encoding", "encoding", "decode"),
    [
        ("gzip", "gzip", gzip.decompress),
        ("deflate, gzip;q=0.5", "deflate", zlib.decompress),
        ("br", None, bytes),
        ("gzip;q=0", None, bytes),
        (None, None, bytes),
    ],
)
def test_long_responses_are_compressed_as_the_client_accepts(
    accept_encoding: str | None, encoding: str | None, decode: Callable[[bytes], bytes]
) -> None:
    headers, body = compress({"Content-Type": "text/plain"}, CONTENT, accept_encoding)
    assert (headers["Content-Type"], headers.get("Content-Encoding")) == ("text/plain", encoding)
    assert decode(body) == CONTENT


def test_short_responses_are_not_compressed() -> None:
    body = bytes(MIN_COMPRESSED_BYTES - 1)
    assert compress({}, body, "gzip") == ({}, body)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32-le"])
def test_json_may_be_in_each_encoding_of_unicode(encoding: str) -> None:
    assert decode_json('{"numbers": [1, 2.5], "\u4e03": 7}'.encode(encoding), Numbers).numbers == [1, 2.5]


def test_infinity_is_decoded_for_the_check_of_the_numbers() -> None:
    assert decode_json(b'{"numbers": [-Infinity, 1]}', Numbers).numbers == [float("-inf"), 1]


@pytest.mark.parametrize(
    "document",
    [b"", b"{", b"[]", b'{"numbers": 7}', b'{"numbers": [NaN, "7"]}', b"\xff\xfe\x00", b'{"a":' * 9000, rb'["\ud800"]'],
)
def test_other_documents_are_rejected(document: bytes) -> None:
    with pytest.raises(InvalidJSON, match=r"^The JSON is not as it should be: .*\.$"):
        decode_json(document, Numbers)


@pytest.mark.parametrize(("body", "numbers"), [(b"", []), (b"{}", []), (b'{"numbers": [7]}', [7])])
def test_a_body_may_be_left_out(app: flask.Flask, body: bytes, numbers: list[float]) -> None:
    with app.test_request_context("/", method="POST", data=body):
        assert read_json(flask.request, Numbers).numbers == numbers
