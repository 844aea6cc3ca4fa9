"""The threads that handle whole requests, and the bounded queue in front of them."""

import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue

from service.server.connection import RECEIVE_BYTES, Connection
from service.server.http_parser import Request


class ThreadPool:
    """Calls `handle` in a thread for each submitted request. `handle` takes the connection out of `dispatched`."""

    def __init__(
        self, threads: int, max_waiting: int, max_bytes: int, handle: Callable[[Connection, Request], None]
    ) -> None:
        self.dispatched: dict[Connection, Request] = {}  # waiting in the queue, or handled by a thread
        self._max_dispatched = threads + max_waiting
        self._max_bytes = max_bytes
        self._handle = handle
        self._queue: deque[tuple[Connection, Request] | None] = deque()
        self._wakeups: SimpleQueue[None] = SimpleQueue()  # one for each entry of the queue: a deque can't be waited for
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def has_room(self, request: Request) -> bool:
        """Return whether one more request may wait. `max_bytes` limits the bodies over `RECEIVE_BYTES` only."""
        if len(self.dispatched) >= self._max_dispatched:
            return False
        if request.size <= RECEIVE_BYTES:
            return True
        dispatched_bytes = sum(dispatched.size for dispatched in tuple(self.dispatched.values()))
        return dispatched_bytes + request.size <= self._max_bytes

    def submit(self, connection: Connection, request: Request, first: bool = False) -> None:
        """Queue a request as the last, or as the first. Until it is handled, only its thread uses the connection."""
        self.dispatched[connection] = request
        (self._queue.appendleft if first else self._queue.append)((connection, request))
        self._wakeups.put(None)

    def stop(self, end: float) -> None:
        """Stop the threads once the queue is empty, and wait for them until `end` on the monotonic clock."""
        for _ in self._threads:
            self._queue.append(None)
            self._wakeups.put(None)
        for thread in self._threads:
            thread.join(max(0, end - time.monotonic()))

    def _run(self) -> None:
        while True:
            self._wakeups.get()
            if not (entry := self._queue.popleft()):
                return
            self._handle(*entry)
