"""Collects the small requests of one turn of the event loop, which the fast path answers as one batch."""

import asyncio

from service.server.fast_path import MAX_BATCH_REQUESTS, FastPath
from service.server.http_parser import Request

FastResponse = tuple[dict[str, str], bytes] | None  # headers and body; None if the application must answer


class Batcher:
    """Answers requests by the fast path. Only the event loop's thread may use it."""

    def __init__(self, fast_path: FastPath) -> None:
        self._fast_path = fast_path
        self._batch: list[tuple[Request, asyncio.Future[FastResponse]]] = []

    def accepts(self, request: Request) -> bool:
        """Return whether the fast path tries to answer a request."""
        return self._fast_path.accepts(request)

    def answer(self, request: Request) -> "asyncio.Future[FastResponse]":
        """Return the fast path's response, once all calls of this turn are parsed."""
        loop = asyncio.get_running_loop()
        if not self._batch:
            loop.call_soon(self._answer_batch)
        future: asyncio.Future[FastResponse] = loop.create_future()
        self._batch.append((request, future))
        return future

    def _answer_batch(self) -> None:
        batch, self._batch = self._batch[:MAX_BATCH_REQUESTS], self._batch[MAX_BATCH_REQUESTS:]
        if self._batch:
            asyncio.get_running_loop().call_soon(self._answer_batch)
        responses = self._fast_path.handle([request for request, _ in batch])
        for (_, future), response in zip(batch, responses, strict=True):
            if not future.done():  # it is done if the call was cancelled
                future.set_result(response)
