"""One client's connection: received requests, unsent bytes, and a deadline."""

import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from service.server.http_parser import RequestParser

RECEIVE_BYTES = 64 * 2**10  # received at once


class Connection:
    """A connection that never blocks. Only the loop or the thread that handles its request uses it, never both."""

    def __init__(self, client: socket.socket, environ: Mapping[str, Any], max_bytes: int, seconds: float) -> None:
        client.setblocking(False)
        self.socket = client
        self.parser = RequestParser(environ, max_bytes)
        self.unsent = memoryview(b"")
        self.readable = False  # there may be bytes to receive
        self.peer_closed = False  # the client sends no more bytes after those in the socket
        self.is_last_response = False  # the newest response says "Connection: close"
        self.lingering = False  # the last response is sent, and the client may still be sending
        self.buffered_bytes = 0  # the worker's total includes these
        self.set_deadline(seconds)

    def set_deadline(self, seconds: float) -> None:
        """Begin a state that may last this long."""
        self.active_since = time.monotonic()
        self.deadline = self.active_since + seconds

    @property
    def is_idle(self) -> bool:
        """Whether no request has begun, and no response is unsent."""
        return not (self.parser.has_pending or self.unsent or self.lingering)

    @property
    def is_closed(self) -> bool:
        """Whether the socket is closed on this side."""
        return self.socket.fileno() < 0

    def receive(self) -> bytes | None:
        """Return received bytes: b"" at the end of the stream, None if no bytes have arrived.

        Raises:
            OSError: the connection is broken.

        """
        self.readable = False
        try:
            data = self.socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return None
        # An edge-triggered epoll does not report the bytes left in the socket again.
        self.readable = len(data) == RECEIVE_BYTES or self.peer_closed
        return data

    def send(self, data: bytes = b"") -> bool:
        """Send as many bytes as the system accepts, first `unsent`, then `data`. Return whether all are sent.

        Raises:
            OSError: the connection is broken.

        """
        if data:
            self.unsent = memoryview(bytes(self.unsent) + data if self.unsent else data)
        with suppress(BlockingIOError):
            self.unsent = self.unsent[self.socket.send(self.unsent) :]
        return not self.unsent

    def linger(self, seconds: float) -> None:
        """Send the end of the stream and drop received requests. Closing at once could lose the response.

        Raises:
            OSError: the connection is broken.

        """
        self.parser.discard()
        self.lingering = True
        self.set_deadline(seconds)
        self.socket.shutdown(socket.SHUT_WR)


def connection_environ(server: Any, client: Any) -> dict[str, Any]:
    """Return the WSGI variables that all requests of a connection have. Unix sockets have no addresses."""
    host, port = server[:2] if isinstance(server, tuple) else (server, "")
    remote_host, remote_port = client[:2] if isinstance(client, tuple) else ("", "")
    return {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "SCRIPT_NAME": "",
        "SERVER_NAME": str(host),
        "SERVER_PORT": str(port),
        "REMOTE_ADDR": remote_host,
        "REMOTE_PORT": str(remote_port),
    }
