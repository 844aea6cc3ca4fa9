"""Answers the HTTP requests that calls are translated to, by the fast path or by the application."""

from asyncio import get_running_loop
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from time import perf_counter
from typing import Any

import flask
from werkzeug.test import run_wsgi_app

from service.api import auth
from service.api.components import components
from service.errors import Overloaded
from service.observability.request_log import ARRIVAL_KEY, RPC_KEY, Rpc
from service.server.connection import RECEIVE_BYTES, connection_environ
from service.server.fast_path import create_fast_path
from service.server.grpc.batching import Batcher
from service.server.grpc.calls import HttpRequest, HttpResponse
from service.server.http_parser import Request

# The metadata of a call, as the WSGI variables of headers.
HEADERS = {
    "authorization": "HTTP_AUTHORIZATION",
    "x-api-key": "HTTP_X_API_KEY",
    "x-request-id": "HTTP_X_REQUEST_ID",
    "traceparent": "HTTP_TRACEPARENT",
}


class Gateway:
    """Answers requests with an application: small ones in the event loop, all others in threads."""

    def __init__(self, app: flask.Flask) -> None:
        self._app = app
        self._components = components(app)
        settings = self._components.settings
        self._environ = connection_environ((settings.host, settings.grpc_port), None)
        fast_path = create_fast_path(app)
        self._batcher = Batcher(fast_path) if fast_path else None
        self._threads = ThreadPoolExecutor(settings.threads, "grpc")  # as many as for HTTP
        self._max_dispatched, self._max_bytes = settings.threads + settings.max_waiting, settings.max_buffered
        self._last_call = float("-inf")  # on the clock of perf_counter
        self._dispatched: list[int] = []  # the sizes of the requests that wait for a thread, or have one

    def environ(self, method: str, metadata: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        """Return the WSGI environ of a call, without its request."""
        headers = {HEADERS[name]: value for name, value in metadata if name in HEADERS}
        self._last_call = perf_counter()
        return {**self._environ, **headers, RPC_KEY: Rpc(method), ARRIVAL_KEY: self._last_call}

    def seconds_since_last_call(self) -> float:
        """Return for how long no call has come; health checks are not counted."""
        return perf_counter() - self._last_call

    def check_key(self, environ: dict[str, Any]) -> None:
        """Check that a call has an API key, if any keys are set.

        Raises:
            Unauthorized: it has none.

        """
        auth.check_key(environ, self._components.key_digests)

    async def answer(self, request: HttpRequest, environ: dict[str, Any]) -> HttpResponse:
        """Return the response to a request. The environ gets the request's variables.

        Raises:
            Overloaded: too many requests wait for a thread.

        """
        body = BytesIO(request.body)
        environ |= {
            "REQUEST_METHOD": request.method,
            "PATH_INFO": request.path.encode().decode("latin-1"),  # as WSGI has it
            "QUERY_STRING": "",
            "SERVER_PROTOCOL": "HTTP/2",
            "CONTENT_LENGTH": str(len(request.body)),
            "wsgi.input": body,
            **request.environ,
        }
        whole = Request(environ, body, keep_alive=True, size=len(request.body))
        if self._batcher and (response := await self._batcher.answer(whole)):
            return HttpResponse(200, *response, environ[RPC_KEY])
        with self._admitted(whole.size):
            return await get_running_loop().run_in_executor(self._threads, self._run_app, environ)

    @contextmanager
    def _admitted(self, size: int) -> Iterator[None]:
        """Count a request for the application. As over HTTP, small requests are limited by their number alone."""
        waiting_bytes = sum(self._dispatched) if size > RECEIVE_BYTES else 0
        if len(self._dispatched) >= self._max_dispatched or waiting_bytes > self._max_bytes:
            raise Overloaded("Too many requests wait already: try again in a moment.")
        self._dispatched.append(size)
        try:
            yield
        finally:
            self._dispatched.remove(size)

    def _run_app(self, environ: dict[str, Any]) -> HttpResponse:
        body, status, headers = run_wsgi_app(self._app, environ, buffered=True)
        return HttpResponse(int(status.split()[0]), dict(headers), b"".join(body), environ[RPC_KEY])
