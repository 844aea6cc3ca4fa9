"""Responses of applications, and errors, as bytes of HTTP."""

import io
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from service.server.http_parser import Request
from service.server.responses import from_application


def respond(
    status: str, headers: list[tuple[str, str]], body: Iterable[bytes], method: str = "GET"
) -> tuple[str, bytes]:
    def application(_: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response(status, headers)
        return body

    request = Request({"REQUEST_METHOD": method}, io.BytesIO(), keep_alive=True)
    head, _, rest = from_application(application, request).partition(b"\r\n\r\n")
    return head.decode(), rest


def test_the_length_is_that_of_the_body() -> None:
    head, body = respond("200 OK", [("content-length", "1"), ("X", "y")], [b"ab", b"c"])
    assert head.startswith("HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 3\r\nDate: ")
    assert head.endswith("Connection: keep-alive")
    assert body == b"abc"


def test_head_has_the_length_and_no_body() -> None:
    head, body = respond("200 OK", [("Content-Length", "3")], [b"abc"], "HEAD")
    assert "Content-Length: 3" in head
    assert body == b""


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_no_body_where_there_is_none(status: str) -> None:
    head, body = respond(status, [], [b""])
    assert "Content-Length" not in head
    assert body == b""


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        ("200 OK", [("X", "a\r\nSet-Cookie: b")]),
        ("200 OK", [("X", "a\nb")]),
        ("200 OK", [("X", "a\rb")]),
        ("200 OK\r\nX: y", []),
        ("200 OK", [("X", "\u20ac")]),
    ],
)
def test_no_header_makes_another(status: str, headers: list[tuple[str, str]]) -> None:
    head, body = respond(status, headers, [])
    assert head.startswith("HTTP/1.1 500 Internal Server Error\r\n")
    assert b'"code":"internal_error"' in body


def test_an_error_of_an_application_is_not_shown() -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        raise RuntimeError("secret")

    request = Request({"REQUEST_METHOD": "GET"}, io.BytesIO(), keep_alive=True)
    data = from_application(application, request)
    assert data.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in data
