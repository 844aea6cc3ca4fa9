"""Requests are parsed in the same way however their bytes arrive. Ambiguous requests are errors."""

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.server.http_parser import MAX_HEAD_BYTES, MAX_HEADERS, Request, RequestParser

MAX_BYTES = 1000
HEAD = b"POST /predict?prepare=none HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
TWO = (
    HEAD
    + b"Content-Length: 6\r\n\r\na\r\n\r\nb"
    + CHUNKED
    + b"3;x=y\r\nabc\r\n4\r\n\r\n\r\n\r\n0\r\nTrailer: x\r\n\r\n"
    b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
)


def parse(*pieces: bytes) -> tuple[list[Request], RequestParser]:
    """Parse pieces as the loop does: a request is answered before the bytes after it are parsed."""
    parser, requests = RequestParser({"REMOTE_ADDR": "::1"}, MAX_BYTES), []
    for piece in pieces:
        parser.feed(piece)
        while parser.requests:
            requests.append(parser.requests.popleft())
            parser.feed(b"")
    return requests, parser


def summary(requests: list[Request]) -> list[Any]:
    return [({**request.environ, "wsgi.input": request.body.getvalue()}, request.keep_alive) for request in requests]


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


def test_a_request_is_parsed() -> None:
    [request], parser = parse(HEAD + b"X-A: 1\r\nX-A: 2\r\nX_A: 3\r\nContent_Length: 9\r\nContent-Length: 2\r\n\r\nab")
    environ = request.environ
    assert (environ["REQUEST_METHOD"], environ["SERVER_PROTOCOL"]) == ("POST", "HTTP/1.1")
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == ("/predict", "prepare=none")
    assert environ["wsgi.input"].read() == b"ab"
    assert (environ["CONTENT_LENGTH"], environ["REMOTE_ADDR"]) == ("2", "::1")
    assert environ["HTTP_X_A"] == "1,2"
    assert "HTTP_CONTENT_LENGTH" not in environ
    assert request.keep_alive
    assert not parser.has_pending


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/a%20%C3%A9?b%20", "/a \xc3\xa9", "b%20"),
        (b"http://x:80/a?b", "/a", "b"),
        (b"http://x", "/", ""),
        (b"*", "*", ""),
    ],
)
def test_targets(target: bytes, path: str, query: str) -> None:
    [request], _ = parse(b"OPTIONS %b HTTP/1.1\r\nHost: x\r\n\r\n" % target)
    assert (request.environ["PATH_INFO"], request.environ["QUERY_STRING"]) == (path, query)


@given(st.lists(st.integers(0, 2**16), max_size=8))
def test_the_pieces_make_no_difference(cuts: list[int]) -> None:
    requests, parser = parse(*split(TWO, cuts))
    assert summary(requests) == summary(parse(TWO)[0])
    assert [request.body.getvalue() for request in requests] == [b"a\r\n\r\nb", b"abc\r\n\r\n", b""]
    assert not parser.has_pending


def test_each_place_to_be_cut_at() -> None:
    assert summary(parse(*split(TWO, list(range(len(TWO)))))[0]) == summary(parse(TWO)[0])
    for cut in range(len(TWO)):
        assert summary(parse(TWO[:cut], TWO[cut:])[0]) == summary(parse(TWO)[0])


@given(st.binary(), st.lists(st.integers(0, 2**16), max_size=3))
def test_any_bytes_are_parsed_or_an_error_of_the_client(data: bytes, cuts: list[int]) -> None:
    for prefix in (b"", HEAD, CHUNKED):
        _, parser = parse(*split(prefix + data, cuts))
        assert parser.error is None or 400 <= parser.error.status < 500


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        HEAD + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
        HEAD + b"Content-Length: 1, 1\r\n\r\na",
        HEAD + b"Content-Length: +1\r\n\r\na",
        HEAD + b"Content-Length: 0x1\r\n\r\na",
        HEAD + b"Content-Length : 1\r\n\r\na",
        HEAD + b"Content-Length: 99999999999999999999999999\r\n\r\n",
        HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: identity\r\n\r\n",
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        CHUNKED + b"0x1\r\na\r\n0\r\n\r\n",
        CHUNKED + b"-1\r\na\r\n0\r\n\r\n",
        CHUNKED + b"1\r\nab\r\n0\r\n\r\n",
        CHUNKED + b"1\na\n0\n\n",
        CHUNKED + b"fffffffffffffffff\r\n",
        HEAD + b"Host: y\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x, y\r\n\r\n",
        HEAD + b"X: a\r\n folded\r\n\r\n",
        HEAD + b"X: a\nContent-Length: 1\r\n\r\n",
        HEAD + b"X: a\rb\r\n\r\n",
        HEAD + b"X: a\0b\r\n\r\n",
        HEAD + b"X y: a\r\n\r\n",
        HEAD + b": a\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        b"GET /\r\n\r\n",
        b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_requests_that_two_servers_could_parse_differently_are_malformed(data: bytes) -> None:
    for pieces in ([data], split(data, list(range(len(data))))):
        requests, parser = parse(*pieces)
        assert not requests
        assert parser.error
        assert parser.error.code == "malformed_request"


def test_a_request_before_a_malformed_one_is_whole() -> None:
    requests, parser = parse(HEAD + b"Content-Length: 1\r\n\r\naNO HTTP\r\n\r\n")
    assert len(requests) == 1
    assert parser.error


@pytest.mark.parametrize(
    "data",
    [
        b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * MAX_HEAD_BYTES),
        HEAD + b"X: %b\r\n\r\n" % (b"a" * MAX_HEAD_BYTES),
        HEAD + b"X: 1\r\n" * MAX_HEADERS + b"\r\n",
        CHUNKED + b"1;%b" % (b"a" * MAX_HEAD_BYTES),
        CHUNKED + b"0\r\nX: %b" % (b"a" * MAX_HEAD_BYTES),
    ],
)
def test_long_heads_are_errors(data: bytes) -> None:
    for size in (len(data), 1000):
        requests, parser = parse(*re.findall(b"(?s).{1,%d}" % size, data))
        assert not requests
        assert parser.error
        assert parser.error.code == "headers_too_large"


@pytest.mark.parametrize("data", [HEAD + b"Content-Length: 1001\r\n\r\n", CHUNKED + b"3E9\r\n" + bytes(1001)])
def test_a_body_over_the_limit_is_dropped(data: bytes) -> None:
    [request], _ = parse(data)
    assert request.environ["CONTENT_LENGTH"] == "1001"
    assert "HTTP_TRANSFER_ENCODING" not in request.environ
    assert request.environ["wsgi.input"].read() == b""
    assert not request.keep_alive


@pytest.mark.parametrize("connection", [b"Upgrade, HTTP2-Settings", b"upgrade"])
def test_an_upgrade_is_not_made_and_the_body_is_read(connection: bytes) -> None:
    data = HEAD + b"Connection: %b\r\nUpgrade: h2c\r\nContent-Length: 8\r\n\r\nab\r\n\r\ncd" % connection
    for cut in range(len(data)):
        [request], _ = parse(data[:cut], data[cut:])
        assert request.environ["wsgi.input"].read() == b"ab\r\n\r\ncd"
        assert not request.keep_alive


@pytest.mark.parametrize(
    ("version", "header", "keep_alive"),
    [
        ("1.1", "X: y", True),
        ("1.1", "Connection: close", False),
        ("1.0", "X: y", False),
        ("1.0", "Connection: keep-alive", True),
    ],
)
def test_keep_alive(version: str, header: str, keep_alive: bool) -> None:
    [request], _ = parse(f"GET / HTTP/{version}\r\nHost: x\r\n{header}\r\n\r\n".encode())
    assert request.keep_alive == keep_alive
