"""gunicorn's threaded worker, with the endings this service wants."""

from types import FrameType
from typing import Any

import msgspec
from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker


class Worker(ThreadWorker):  # type: ignore[misc]
    """Serves each request in a thread, and leaves no accepted connection without an answer."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """On SIGTERM, tell /readyz before the last requests are answered."""
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
