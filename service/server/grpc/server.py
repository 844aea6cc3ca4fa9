"""The gRPC server of a worker process: an event loop in a thread of its own."""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import flask
import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from service.api import auth
from service.api.components import components
from service.errors import ModelError, SettingsError, Unauthorized
from service.server.grpc.gateway import Gateway
from service.server.grpc.handlers import SERVICES, generic_handlers
from service.server.grpc.messages import POOL
from service.settings import bind_address

HEALTH_INTERVAL_SECONDS = 0.5  # between updates of the status that grpc.health.v1 tells
CANCEL_SECONDS = 1.0  # for calls that are cancelled after the grace
REFLECTION_PREFIX = "/grpc.reflection."

log = logging.getLogger("service.grpc")


class GrpcServer:
    """Serves an application over gRPC, from `start` to `stop`."""

    def __init__(self, app: flask.Flask) -> None:
        self._app = app
        self._components = components(app)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="grpc", daemon=True)

    def start(self) -> None:
        """Listen, next to the other workers of the service.

        Raises:
            SettingsError: the address can't be listened on.

        """
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()

    def stop(self, grace_seconds: float) -> None:
        """Begin to stop: reject new calls, and cancel calls that are not answered after the grace."""
        self._stopping = asyncio.run_coroutine_threadsafe(self._stop(grace_seconds), self._loop)

    def join(self, end: float) -> None:
        """Wait until all calls are answered, or until `end` on the monotonic clock."""
        with suppress(TimeoutError):
            self._stopping.result(max(0, end - time.monotonic()) + CANCEL_SECONDS)

    async def _start(self) -> None:
        settings, digests = self._components.settings, self._components.key_digests
        self._gateway = Gateway(self._app)
        self._server = grpc.aio.server(
            interceptors=[_KeyInterceptor(self._gateway, digests)] if digests else [],
            options=[("grpc.so_reuseport", 1), ("grpc.max_receive_message_length", settings.max_bytes)],
            maximum_concurrent_rpcs=settings.threads + settings.max_waiting,
        )
        self._server.add_generic_rpc_handlers(generic_handlers(self._gateway))
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(
            [*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME], self._server, pool=_reflection_pool()
        )
        address = bind_address(settings, settings.grpc_port)
        try:
            self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise SettingsError(f"MNIST_GRPC_PORT: {address} can't be listened on.") from error
        await self._set_health()
        await self._server.start()
        self._health_task = self._loop.create_task(self._update_health())
        log.info("Listening for gRPC at: %s", address)

    async def _stop(self, grace_seconds: float) -> None:
        self._health_task.cancel()
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_seconds)
        self._gateway.close()

    async def _update_health(self) -> None:
        while True:
            await asyncio.sleep(HEALTH_INTERVAL_SECONDS)
            await self._set_health()

    async def _set_health(self) -> None:
        status = "SERVING" if self._is_ready() else "NOT_SERVING"
        for name in ("", *SERVICES):
            await self._health.set(name, health_pb2.HealthCheckResponse.ServingStatus.Value(status))

    def _is_ready(self) -> bool:
        try:
            self._components.repository.default()
        except ModelError:
            return False
        return not self._components.draining.is_set()


class _KeyInterceptor(grpc.aio.ServerInterceptor):
    """Checks the API key of reflection. The application checks the keys of all other calls; health needs none."""

    def __init__(self, gateway: Gateway, digests: list[bytes]) -> None:
        self._gateway = gateway
        self._digests = digests

    async def intercept_service(self, continuation: Any, details: grpc.HandlerCallDetails) -> Any:
        if details.method.startswith(REFLECTION_PREFIX):
            try:
                auth.check_key(
                    self._gateway.environ("ServerReflectionInfo", details.invocation_metadata), self._digests
                )
            except Unauthorized as error:
                return grpc.stream_stream_rpc_method_handler(_abort(grpc.StatusCode.UNAUTHENTICATED, str(error)))
        return await continuation(details)


def _abort(
    code: grpc.StatusCode, sentence: str
) -> Callable[[object, grpc.aio.ServicerContext[Any, Any]], Awaitable[None]]:
    async def abort(_: object, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        await context.abort(code, sentence)

    return abort


def _reflection_pool() -> DescriptorPool:
    """Return the pool of all messages, including those of health and of reflection itself."""
    for module in (health_pb2, reflection_pb2):
        POOL.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    return POOL
