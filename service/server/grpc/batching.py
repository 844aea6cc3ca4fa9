"""Collects the small requests that come together, which the fast path answers as one batch."""

import time
from concurrent.futures import Future
from threading import Lock

from service.server.fast_path import MAX_BATCH_REQUESTS, FastPath
from service.server.http_parser import Request

GATHER_SECONDS = 0.0005  # for more requests to come, after a batch of several

FastResponse = tuple[dict[str, str], bytes] | None  # headers and body; None if the application must answer


class Batcher:
    """Answers requests by the fast path, in the threads that call it."""

    def __init__(self, fast_path: FastPath) -> None:
        self._fast_path = fast_path
        self._lock = Lock()  # of `_batch`
        self._turn = Lock()  # of the fast path
        self._batch: list[tuple[Request, Future[FastResponse]]] = []
        self._last_size = 1

    def accepts(self, request: Request) -> bool:
        """Return whether the fast path tries to answer a request."""
        return self._fast_path.accepts(request)

    def answer(self, request: Request) -> FastResponse:
        """Return the fast path's response. The first request of a batch is the one whose thread answers them all."""
        future: Future[FastResponse] = Future()
        with self._lock:
            is_first = not self._batch
            self._batch.append((request, future))
        if is_first:
            with self._turn:
                self._answer_batch()
        return future.result()

    def _answer_batch(self) -> None:
        if self._last_size > 1:
            time.sleep(GATHER_SECONDS)
        with self._lock:
            batch, self._batch = self._batch, []
        self._last_size = len(batch)
        for start in range(0, len(batch), MAX_BATCH_REQUESTS):
            part = batch[start : start + MAX_BATCH_REQUESTS]
            responses = self._fast_path.handle([request for request, _ in part])
            for (_, future), response in zip(part, responses, strict=True):
                future.set_result(response)
