"""Answers the HTTP requests that calls are translated to, by the fast path or by the application in a thread."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from time import perf_counter
from typing import Any

import flask
from werkzeug.test import run_wsgi_app

from service.api.components import components
from service.errors import InternalError
from service.models.loading import Model
from service.observability.request_log import ARRIVAL_KEY, RPC_KEY, Rpc
from service.server.connection import connection_environ
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
    """Answers requests with an application. Only the event loop's thread may use it."""

    def __init__(self, app: flask.Flask) -> None:
        self._app = app
        self._components = components(app)
        settings = self._components.settings
        self._environ = connection_environ((settings.host, settings.grpc_port), None)
        fast_path = create_fast_path(app)
        self._batcher = Batcher(fast_path) if fast_path else None
        self._threads = ThreadPoolExecutor(settings.threads, "grpc")

    def environ(self, method: str, metadata: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        """Return the WSGI environ of a call, without its request."""
        headers = {HEADERS[name]: value for name, value in metadata if name in HEADERS}
        return {**self._environ, **headers, RPC_KEY: Rpc(method), ARRIVAL_KEY: perf_counter()}

    async def answer(self, request: HttpRequest, environ: dict[str, Any]) -> HttpResponse:
        """Return the response to a request. The environ gets the request's variables."""
        body = BytesIO(request.body)
        environ |= {
            "REQUEST_METHOD": request.method,
            "PATH_INFO": request.path,
            "QUERY_STRING": "",
            "SERVER_PROTOCOL": "HTTP/2",
            "CONTENT_LENGTH": str(len(request.body)),
            "wsgi.input": body,
            **request.environ,
        }
        whole = Request(environ, body, keep_alive=True, size=len(request.body))
        if self._batcher and self._batcher.accepts(whole) and (response := await self._batcher.answer(whole)):
            return HttpResponse(200, *response, partial(self._find_model, environ[RPC_KEY]))
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run_app, environ)

    def close(self) -> None:
        """Stop the threads, once they have answered what they work on."""
        self._threads.shutdown(cancel_futures=True)

    def _run_app(self, environ: dict[str, Any]) -> HttpResponse:
        body, status, headers = run_wsgi_app(self._app, environ, buffered=True)
        find_model = partial(self._find_model, environ[RPC_KEY])
        return HttpResponse(int(status.split()[0]), dict(headers), b"".join(body), find_model)

    def _find_model(self, rpc: Rpc) -> Model:
        """Return the version of the model that answered a call.

        Raises:
            UnknownModel: the version has been removed since.
            InternalError: the response is not of a prediction.

        """
        if not rpc.entry or rpc.entry.version is None:
            raise InternalError
        return self._components.repository.model(rpc.entry.version)
