"""One client's connection: what came in of its requests, what must go out of its answers, and by when."""

import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from service.server.http_parser import RequestParser

RECEIVE = 64 * 2**10  # bytes taken from the system at a time


class Connection:
    """A connection that never blocks. The loop's thread uses it, or the one that handles its request, never both."""

    def __init__(self, client: socket.socket, environ: Mapping[str, Any], max_bytes: int, seconds: float) -> None:
        client.setblocking(False)
        self.socket = client
        self.parser = RequestParser(environ, max_bytes)
        self.unsent = memoryview(b"")
        self.stirred = False  # there may be bytes to receive
        self.ending = False  # the client has said that no more will follow those
        self.last_answer = False  # no more requests are taken
        self.lingering = False  # the client was told so, and may still be sending
        self.counted = 0  # bytes that the worker counts as buffered for it
        self.allow(seconds)

    def allow(self, seconds: float) -> None:
        """Begin something, such as to wait, that must end in so many seconds."""
        self.since = time.monotonic()
        self.deadline = self.since + seconds

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a request to begin."""
        return not (self.parser.has_more or self.unsent or self.lingering)

    @property
    def is_closed(self) -> bool:
        """Whether it is closed on this side."""
        return self.socket.fileno() < 0

    def receive(self) -> bytes | None:
        """Take what came in; b"" is the end, None says that nothing came.

        Raises:
            OSError: the connection is broken.

        """
        self.stirred = False
        try:
            data = self.socket.recv(RECEIVE)
        except BlockingIOError:
            return None
        self.stirred = len(data) == RECEIVE or self.ending  # epoll tells only once
        return data

    def send(self, data: bytes = b"") -> bool:
        """Send this after what is unsent, as far as the system takes it now, and tell whether nothing stays unsent.

        Raises:
            OSError: the connection is broken.

        """
        if data:
            self.unsent = memoryview(bytes(self.unsent) + data if self.unsent else data)
        with suppress(BlockingIOError):
            self.unsent = self.unsent[self.socket.send(self.unsent) :]
        return not self.unsent

    def linger(self, seconds: float) -> None:
        """Say that nothing more will come. To close at once could take the answer from the client's hands.

        Raises:
            OSError: the connection is broken.

        """
        self.parser.discard()
        self.lingering = True
        self.allow(seconds)
        self.socket.shutdown(socket.SHUT_WR)
