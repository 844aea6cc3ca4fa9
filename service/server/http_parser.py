"""Parses received bytes into whole requests, each with a WSGI environ."""

from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

import httptools
import msgspec

from service.errors import HeadersTooLarge, MalformedRequest, ServiceError

MAX_HEAD_BYTES = 64 * 2**10  # also limits the bytes that frame a chunk of the body
MAX_HEADERS = 100
BLANK_LINE = b"\r\n\r\n"
NOT_HTTP = "The request is not valid HTTP."
UNPREFIXED = ("CONTENT_TYPE", "CONTENT_LENGTH")  # the headers whose variables have no HTTP_ before their name


class Request(msgspec.Struct):
    """A request: its WSGI environ, its body and whether its connection stays open."""

    environ: dict[str, Any]
    body: BytesIO
    keep_alive: bool
    size: int = 0  # bytes of the body

    @property
    def is_head(self) -> bool:
        """Whether the response must have no body."""
        return bool(self.environ["REQUEST_METHOD"] == "HEAD")


class RequestParser:
    """Parses the bytes of one connection.

    `requests` are whole, in the order in which they must be answered. httptools calls the methods `on_...`.
    """

    def __init__(self, environ: Mapping[str, Any], max_bytes: int) -> None:
        self.requests: deque[Request] = deque()
        self.unfinished = False  # a request has begun and is not whole
        self.awaits_continue = False  # the client sends the body after a response 100
        self.error: ServiceError | None = None  # why the bytes after `requests` can't be parsed
        self._connection_environ = environ
        self._max_bytes = max_bytes
        self._unparsed = b""  # bytes that wait until the requests before them are answered
        self._request: Request | None = None  # the request whose body is received
        self._framing_bytes = 0  # bytes since the head began, or since the last byte of the body
        self._http = httptools.HttpRequestParser(self)

    @property
    def buffered_bytes(self) -> int:
        """The bytes of a request that is not whole."""
        return self._framing_bytes + (self._request.size if self._request else 0) if self.unfinished else 0

    @property
    def has_pending(self) -> bool:
        """Whether there is a request to answer, or are bytes to parse."""
        return bool(self._unparsed or self.unfinished or self.requests or self.error)

    def feed(self, data: bytes) -> None:
        """Parse bytes up to the end of a request. The next call parses the bytes after it."""
        data = self._unparsed + data
        while data and not (self.requests or self.error):
            end = self._find_end(data)
            try:
                self._parse(data[:end])
            except ServiceError as error:
                self.error = error
            data = data[end:]
        self._unparsed = data

    def _find_end(self, data: bytes) -> int:
        """Return how many bytes to parse at once: up to the end of the body, or up to the next blank line.

        Thus at most two requests of a packet are parsed before the first is answered.
        """
        if self._request and "HTTP_TRANSFER_ENCODING" not in self._request.environ:
            return int(self._request.environ["CONTENT_LENGTH"]) - self._request.size
        end = data.find(BLANK_LINE)
        return len(data) if end < 0 else end + len(BLANK_LINE)

    def feed_eof(self) -> None:
        """Note that the client sends no more bytes: an unfinished request is an error."""
        if self.unfinished:
            self.error = MalformedRequest("The request was cut short.")

    def discard(self) -> None:
        """Drop all requests and bytes."""
        self.requests.clear()
        self.unfinished = self.awaits_continue = False
        self.error = self._request = None
        self._unparsed = b""

    def _parse(self, data: bytes) -> None:
        """Parse bytes with httptools.

        Raises:
            MalformedRequest: the bytes are not valid HTTP.
            HeadersTooLarge: the head has over `MAX_HEAD_BYTES` bytes or `MAX_HEADERS` headers.

        """
        if not self.unfinished:
            self._framing_bytes = 0
        self._framing_bytes += len(data)
        try:
            self._http.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._parse_without_upgrade(data[upgrade.args[0] :])  # where the body begins: read in httptools 0.9.0
        except httptools.HttpParserError as error:
            raise _to_service_error(error) from error
        self._check_head_size()

    def _check_head_size(self) -> None:
        if self._framing_bytes > MAX_HEAD_BYTES:
            raise HeadersTooLarge(f"The request's head is over {MAX_HEAD_BYTES} bytes.")

    def _parse_without_upgrade(self, body: bytes) -> None:
        """Parse the request again without its Upgrade header, with which httptools would skip the body."""
        headers = [(name, value) for name, value in self._headers if name.lower() not in (b"upgrade", b"connection")]
        lines = [b"%b: %b\r\n" % header for header in [*headers, (b"Connection", b"close")]]
        version = self._http.get_http_version().encode()
        head = b"%b %b HTTP/%b\r\n%b\r\n" % (self._http.get_method(), self._target, version, b"".join(lines))
        self._http, self._framing_bytes = httptools.HttpRequestParser(self), 0
        self._parse(head)
        if body:
            self._parse(body)

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.unfinished = True
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []

    def on_url(self, target: bytes) -> None:
        """Append a part of the target."""
        self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        """Append a header, unless it is in the trailer of a chunked body."""
        if self._request:
            return
        self._headers.append((name, value))
        if len(self._headers) > MAX_HEADERS:
            raise HeadersTooLarge(f"The request has over {MAX_HEADERS} headers.")

    def on_headers_complete(self) -> None:
        """Make a request of the head.

        Raises:
            MalformedRequest: `_check_head` refuses the head, or the method is CONNECT.
            HeadersTooLarge: the head has over `MAX_HEAD_BYTES` bytes.

        """
        self._check_head_size()
        method, version = self._http.get_method(), self._http.get_http_version()
        if method == b"CONNECT":
            raise MalformedRequest(NOT_HTTP)
        if self._http.should_upgrade():
            return
        environ = {**self._connection_environ, **_parse_target(self._target), **_parse_headers(self._headers)}
        environ["REQUEST_METHOD"] = method.decode()
        environ["SERVER_PROTOCOL"] = f"HTTP/{version}"
        _check_head(version, environ)
        body = environ["wsgi.input"] = BytesIO()
        self._request = Request(environ, body, self._http.should_keep_alive())
        self.awaits_continue = version == "1.1" and environ.get("HTTP_EXPECT", "").lower() == "100-continue"
        if int(environ.get("CONTENT_LENGTH", 0)) > self._max_bytes:
            self._drop_body(self._request)

    def on_body(self, data: bytes) -> None:
        """Append a part of the body."""
        if not (request := self._request):
            return
        self._framing_bytes = 0
        self.awaits_continue = False
        request.size += len(data)
        request.body.write(data)
        if request.size > self._max_bytes:
            request.environ["CONTENT_LENGTH"] = str(request.size)
            self._drop_body(request)

    def on_message_complete(self) -> None:
        """Append the request to `requests`: it is whole."""
        if not (request := self._request):
            return
        if request.environ.pop("HTTP_TRANSFER_ENCODING", None):
            request.environ["CONTENT_LENGTH"] = str(request.size)
        request.body.seek(0)
        self._complete(request)

    def _drop_body(self, request: Request) -> None:
        """Complete a request whose body is too long: the application sees the length alone, and answers 413."""
        request.environ.pop("HTTP_TRANSFER_ENCODING", None)
        request.environ["wsgi.input"] = BytesIO()
        request.keep_alive, request.size = False, 0
        self._complete(request)

    def _complete(self, request: Request) -> None:
        self.requests.append(request)
        self.unfinished = self.awaits_continue = False
        self._request = None


def _to_service_error(error: httptools.HttpParserError) -> ServiceError:
    if isinstance(error.__context__, ServiceError):  # raised by a method `on_...`: read in httptools 0.9.0
        return error.__context__
    return MalformedRequest(NOT_HTTP)


def _parse_target(target: bytes) -> dict[str, str]:
    """Return the WSGI variables of a request's target, which may be a whole URL."""
    if target[:1] != b"/" and target != b"*":
        url = httptools.parse_url(target)
        target = (url.path or b"/") + (b"?" + url.query if url.query else b"")
    path, _, query = target.partition(b"?")
    return {
        "RAW_URI": target.decode("latin-1"),
        "PATH_INFO": (unquote_to_bytes(path) if b"%" in path else path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
    }


def _parse_headers(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the WSGI variables of a request's headers. The values of a repeated header are joined with commas."""
    variables: dict[str, str] = {}
    for name, value in headers:
        if variable := _name_variable(name):
            text = value.decode("latin-1")
            variables[variable] = f"{variables[variable]},{text}" if variable in variables else text
    return variables


@lru_cache(256)
def _name_variable(name: bytes) -> str | None:
    """Return the name of a header's variable; None for a header with "_", whose variable could be another header's."""
    if b"_" in name:
        return None
    variable = name.decode("latin-1").upper().replace("-", "_")
    return variable if variable in UNPREFIXED else f"HTTP_{variable}"


def _check_head(version: str, environ: Mapping[str, str]) -> None:
    """Check a head for what httptools accepts and another server on the way could parse differently.

    Raises:
        MalformedRequest: the version or the transfer coding is not supported, or there is not one host.

    """
    host, coding = environ.get("HTTP_HOST"), environ.get("HTTP_TRANSFER_ENCODING")
    is_host_valid = version == "1.0" if host is None else "," not in host  # a comma: the header was repeated
    is_coding_valid = coding is None or (version == "1.1" and coding.lower() == "chunked")
    if version not in ("1.0", "1.1") or not is_host_valid or not is_coding_valid:
        raise MalformedRequest(NOT_HTTP)
