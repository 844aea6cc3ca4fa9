"""What a WSGI application answers, or an error, as the bytes of an HTTP response."""

import logging
import time
from collections.abc import Iterable, Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from types import TracebackType
from typing import Any
from wsgiref.types import WSGIApplication

import msgspec

from service.api.security_headers import SECURITY
from service.errors import ServiceError
from service.server.http_parser import Request

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

Headers = list[tuple[str, str]]
ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]

log = logging.getLogger(__name__)


def answer(application: WSGIApplication, request: Request) -> bytes:
    """Let the application answer a request. Whatever it does, there is an answer: 500 where it raises."""
    try:
        status, headers, body = _run(application, request.environ)
        return _response(status, headers, body, request, request.keep_alive)
    except Exception as error:
        log.exception("A request failed.", exc_info=error)
        return failure(ServiceError("Something went wrong here; it is in the log."), request, request.keep_alive)


def success(headers: Mapping[str, str], body: bytes, request: Request) -> bytes:
    """Answer with a body."""
    return _response("200 OK", [*headers.items()], body, request, request.keep_alive)


def failure(
    error: ServiceError, request: Request | None = None, keep_alive: bool = False, id_: str | None = None
) -> bytes:
    """Answer with an error, in the form of every error; there may be no whole request."""
    body = msgspec.json.encode({"error": str(error), "code": error.code})
    headers = [("Content-Type", "application/json"), *error.headers.items(), *SECURITY.items()]
    headers += [("X-Request-ID", id_)] if id_ else []
    return _response(f"{error.status} {HTTPStatus(error.status).phrase}", headers, body, request, keep_alive)


def _run(application: WSGIApplication, environ: dict[str, Any]) -> tuple[str, Headers, bytes]:
    started: list[tuple[str, Headers]] = []
    written: list[bytes] = []

    def start_response(status: str, headers: Headers, _: ExceptionInfo | None = None) -> Any:
        started.append((status, headers))
        return written.append

    parts = application(environ, start_response)
    try:
        written.extend(parts)
    finally:
        _close(parts)
    return *started[-1], b"".join(written)


def _close(parts: Iterable[bytes]) -> None:
    if hasattr(parts, "close"):
        parts.close()


def _response(status: str, headers: Headers, body: bytes, request: Request | None, keep_alive: bool) -> bytes:
    """Put a response together.

    Raises:
        ValueError: its status or a header has a line break, or a character that HTTP has not.

    """
    bodiless = status[:3] in ("204", "304") or (request is not None and request.is_head)
    if not bodiless:
        headers = [header for header in headers if header[0].lower() != "content-length"]
        headers.append(("Content-Length", str(len(body))))
    lines = [f"HTTP/1.1 {status}", *[f"{name}: {value}" for name, value in headers], f"Date: {_date(int(time.time()))}"]
    lines.append("Connection: keep-alive" if keep_alive else "Connection: close")
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
        raise ValueError("A header of the answer has a line break.")
    return head.encode("latin-1") + b"\r\n\r\n" + (b"" if bodiless else body)


@lru_cache(1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
