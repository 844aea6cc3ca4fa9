"""gunicorn's threaded worker, with the endings this service wants."""

from contextlib import suppress
from types import FrameType
from typing import Any

import msgspec
from gunicorn import util
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import ThreadWorker

BAD_REQUEST = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
)


class Worker(ThreadWorker):  # type: ignore[misc]
    """Serves each request in a thread, and leaves no accepted connection without an answer."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """On SIGTERM, tell /readyz before the last requests are answered."""
        if hasattr(self, "wsgi"):  # not while it still starts
            self.wsgi.extensions["draining"].set()
        super().handle_exit(sig, frame)

    def set_accept_enabled(self, enabled: bool) -> None:
        """When stopping, first take the connections that the kernel has accepted for us already."""
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            for listener in self.sockets:
                self._accept_all(listener)
                listener.close()

    def _accept_all(self, listener: Any) -> None:
        waiting = -1
        while waiting != self.nr_conns:
            waiting = self.nr_conns
            self.accept(listener)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer what is not HTTP with an error of the same form as all others, where gunicorn has HTML."""
        if not isinstance(exc, ParseException):
            super().handle_error(req, client, addr, exc)
            return
        self.log.warning("Invalid request from %s: %s", addr[0] if addr else "a socket", exc)
        body = msgspec.json.encode({"error": "The request is not valid HTTP.", "code": "malformed_request"})
        with suppress(OSError):
            util.write(client, BAD_REQUEST % (len(body), body))
