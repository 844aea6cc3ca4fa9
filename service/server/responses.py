"""Writes responses of a WSGI application, and errors, as bytes of HTTP."""

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

from service.api.security_headers import SECURITY_HEADERS
from service.errors import InternalError, ServiceError
from service.inference.schemas import ErrorResponse
from service.server.http_parser import Request

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

Headers = list[tuple[str, str]]
ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]

log = logging.getLogger(__name__)


def from_application(application: WSGIApplication, request: Request) -> bytes:
    """Return an application's response to a request. If the application raises, the response is 500."""
    try:
        status, headers, body = _run(application, request.environ)
        return _encode(status, headers, body, request)
    except Exception as error:
        log.exception("A request failed.", exc_info=error)
        return from_error(InternalError(), request)


def ok(headers: Mapping[str, str], body: bytes, request: Request) -> bytes:
    """Return a response 200."""
    return _encode("200 OK", [*headers.items()], body, request)


def from_error(error: ServiceError, request: Request | None, id_: str | None = None) -> bytes:
    """Return an error's response. `request` is None if the request was never whole; `id_` is its X-Request-ID."""
    body = msgspec.json.encode(ErrorResponse.of(error))
    headers = [("Content-Type", "application/json"), *error.headers.items(), *SECURITY_HEADERS.items()]
    headers += [("X-Request-ID", id_)] if id_ else []
    return _encode(f"{error.status} {HTTPStatus(error.status).phrase}", headers, body, request)


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


def _encode(status: str, headers: Headers, body: bytes, request: Request | None) -> bytes:
    """Return the bytes of a response.

    Raises:
        ValueError: the status or a header has a line break, or a character outside of Latin-1.

    """
    has_no_body = status[:3] in ("204", "304") or (request is not None and request.is_head)
    if not has_no_body:
        headers = [header for header in headers if header[0].lower() != "content-length"]
        headers.append(("Content-Length", str(len(body))))
    lines = [f"HTTP/1.1 {status}", *[f"{name}: {value}" for name, value in headers], f"Date: {_date(int(time.time()))}"]
    lines.append("Connection: keep-alive" if request and request.keep_alive else "Connection: close")
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
        raise ValueError("A header of the response has a line break.")
    return head.encode("latin-1") + b"\r\n\r\n" + (b"" if has_no_body else body)


@lru_cache(1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
