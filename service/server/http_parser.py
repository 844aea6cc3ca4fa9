"""Bytes as they come in, parsed into whole requests that a WSGI application can answer."""

from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

import httptools
import msgspec

from service.errors import HeadersTooLarge, MalformedRequest, ServiceError

MAX_HEAD = 64 * 2**10  # bytes of a request's head, and of what frames a chunk of its body
MAX_HEADERS = 100
BLANK_LINE = b"\r\n\r\n"
INVALID = "The request is not valid HTTP."
UNPREFIXED = ("CONTENT_TYPE", "CONTENT_LENGTH")


class Request(msgspec.Struct):
    """A request, whole once its parser lists it: its WSGI environ, and what its answer depends on."""

    environ: dict[str, Any]
    body: BytesIO
    keep_alive: bool
    size: int = 0  # bytes of the body

    @property
    def is_head(self) -> bool:
        """Whether it asks for an answer without its body."""
        return bool(self.environ["REQUEST_METHOD"] == "HEAD")


class RequestParser:
    """Parses what one connection sends. Its `requests` are whole; their order is that of the answers."""

    def __init__(self, environ: Mapping[str, Any], max_bytes: int) -> None:
        self.requests: deque[Request] = deque()
        self.unfinished = False  # a request has begun that is not whole
        self.awaits_continue = False  # the client sends the body once it is told to go on
        self.error: ServiceError | None = None  # what is wrong with all that comes after the requests
        self._connection_environ = environ
        self._max_bytes = max_bytes
        self._held = b""  # unparsed, until the requests before it are answered
        self._request: Request | None = None
        self._unframed = 0  # bytes since the head began, or since the last of the body
        self._http = httptools.HttpRequestParser(self)

    @property
    def size(self) -> int:
        """The bytes held of a request that is not whole."""
        return self._unframed + (self._request.size if self._request else 0) if self.unfinished else 0

    @property
    def has_more(self) -> bool:
        """Whether there is anything to answer or to parse yet."""
        return bool(self._held or self.unfinished or self.requests or self.error)

    def feed(self, data: bytes) -> None:
        """Take in bytes, up to a whole request; what follows it is held back until the next call."""
        data = self._held + data
        while data and not (self.requests or self.error):
            end = self._end(data)
            self._feed(data[:end])
            data = data[end:]
        self._held = data

    def _end(self, data: bytes) -> int:
        """Find to where data is parsed at a time: the end of the body, or the next blank line.

        So no more than two requests of a packet are parsed ahead.
        """
        if self._request and "HTTP_TRANSFER_ENCODING" not in self._request.environ:
            return int(self._request.environ["CONTENT_LENGTH"]) - self._request.size
        end = data.find(BLANK_LINE)
        return len(data) if end < 0 else end + len(BLANK_LINE)

    def _feed(self, data: bytes) -> None:
        try:
            self._parse(data)
        except ServiceError as error:
            self.error = error

    def end(self) -> None:
        """Take in that no more bytes come."""
        if self.unfinished:
            self.error = MalformedRequest("The request was cut short.")

    def discard(self) -> None:
        """Forget all that came in, and take in no more."""
        self.requests.clear()
        self.unfinished = self.awaits_continue = False
        self.error = self._request = None
        self._held = b""

    def _parse(self, data: bytes) -> None:
        """Parse bytes that are not held back.

        Raises:
            MalformedRequest: they are not HTTP.
            HeadersTooLarge: over `MAX_HEAD` bytes or `MAX_HEADERS` headers.

        """
        if not self.unfinished:
            self._unframed = 0
        self._unframed += len(data)
        try:
            self._http.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._parse_without_upgrade(data[upgrade.args[0] :])  # where the body begins: read in httptools 0.9.0
        except httptools.HttpParserError as error:
            raise _refusal(error) from error
        self._limit_head()

    def _limit_head(self) -> None:
        if self._unframed > MAX_HEAD:
            raise HeadersTooLarge(f"The request's head is over {MAX_HEAD} bytes.")

    def _parse_without_upgrade(self, body: bytes) -> None:
        """Begin the request again as one that asks for no other protocol: httptools would skip its body."""
        kept = [(name, value) for name, value in self._headers if name.lower() not in (b"upgrade", b"connection")]
        lines = [b"%b: %b\r\n" % header for header in [*kept, (b"Connection", b"close")]]
        version = self._http.get_http_version().encode()
        head = b"%b %b HTTP/%b\r\n%b\r\n" % (self._http.get_method(), self._target, version, b"".join(lines))
        self._http, self._unframed = httptools.HttpRequestParser(self), 0
        self._parse(head)
        if body:
            self._parse(body)

    def on_message_begin(self) -> None:
        """Begin a request; httptools calls this, and what follows."""
        self.unfinished = True
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []

    def on_url(self, target: bytes) -> None:
        """Take in a part of the target."""
        self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header."""
        if self._request:  # this is in a chunked body's trailer
            return
        self._headers.append((name, value))
        if len(self._headers) > MAX_HEADERS:
            raise HeadersTooLarge(f"The request has over {MAX_HEADERS} headers.")

    def on_headers_complete(self) -> None:
        """Make a request of the head."""
        self._limit_head()
        method, version = self._http.get_method(), self._http.get_http_version()
        if method == b"CONNECT":
            raise MalformedRequest(INVALID)
        if self._http.should_upgrade():
            return
        environ = {**self._connection_environ, **_describe(self._target), **_variables(self._headers)}
        environ["REQUEST_METHOD"] = method.decode()
        environ["SERVER_PROTOCOL"] = f"HTTP/{version}"
        _validate(version, environ)
        body = environ["wsgi.input"] = BytesIO()
        self._request = Request(environ, body, self._http.should_keep_alive())
        self.awaits_continue = version == "1.1" and environ.get("HTTP_EXPECT", "").lower() == "100-continue"
        if int(environ.get("CONTENT_LENGTH", 0)) > self._max_bytes:
            self._refuse_body(self._request)

    def on_body(self, data: bytes) -> None:
        """Take in a part of the body."""
        if not (request := self._request):
            return
        self._unframed = 0
        self.awaits_continue = False
        request.size += len(data)
        request.body.write(data)
        if request.size > self._max_bytes:
            request.environ["CONTENT_LENGTH"] = str(request.size)
            self._refuse_body(request)

    def on_message_complete(self) -> None:
        """List the request: it is whole."""
        if not (request := self._request):
            return
        if request.environ.pop("HTTP_TRANSFER_ENCODING", None):
            request.environ["CONTENT_LENGTH"] = str(request.size)
        request.body.seek(0)
        self._finish(request)

    def _refuse_body(self, request: Request) -> None:
        """Let the application answer a body that is too long: it sees its length, and nothing of it."""
        request.environ.pop("HTTP_TRANSFER_ENCODING", None)
        request.environ["wsgi.input"] = BytesIO()
        request.keep_alive, request.size = False, 0
        self._finish(request)

    def _finish(self, request: Request) -> None:
        self.requests.append(request)
        self.unfinished = self.awaits_continue = False
        self._request = None


def _refusal(error: httptools.HttpParserError) -> ServiceError:
    if isinstance(error.__context__, ServiceError):  # raised in one of the calls above: read in httptools 0.9.0
        return error.__context__
    return MalformedRequest(INVALID)


def _describe(target: bytes) -> dict[str, str]:
    """Give the variables of a request's target, which may be a whole URL."""
    if target[:1] != b"/" and target != b"*":
        url = httptools.parse_url(target)
        target = (url.path or b"/") + (b"?" + url.query if url.query else b"")
    path, _, query = target.partition(b"?")
    return {
        "RAW_URI": target.decode("latin-1"),
        "PATH_INFO": (unquote_to_bytes(path) if b"%" in path else path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
    }


def _variables(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Give the variables of a request's headers; one that comes again is joined with a comma."""
    variables: dict[str, str] = {}
    for name, value in headers:
        if variable := _variable(name):
            text = value.decode("latin-1")
            variables[variable] = f"{variables[variable]},{text}" if variable in variables else text
    return variables


@lru_cache(256)
def _variable(name: bytes) -> str | None:
    """Name the variable of a header; there is none for a name that could be taken for another's."""
    if b"_" in name:
        return None
    variable = name.decode("latin-1").upper().replace("-", "_")
    return variable if variable in UNPREFIXED else f"HTTP_{variable}"


def _validate(version: str, environ: Mapping[str, str]) -> None:
    """Refuse what httptools takes and another server on the way might read otherwise.

    Raises:
        MalformedRequest: another version, another coding, no host or several, or no path.

    """
    hosts = environ.get("HTTP_HOST", "" if version == "1.0" else ",")
    coding = environ.get("HTTP_TRANSFER_ENCODING", "chunked").lower()
    chunked_1_0 = version == "1.0" and "HTTP_TRANSFER_ENCODING" in environ
    if version not in ("1.0", "1.1") or "," in hosts or coding != "chunked" or chunked_1_0:
        raise MalformedRequest(INVALID)
