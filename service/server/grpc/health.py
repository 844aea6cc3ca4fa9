"""grpc.health.v1: whether this worker answers, for probes and for clients that choose between servers.

With the servicer of grpcio-health-checking 1.81, clients that watch would hold up the stop for the whole grace.
"""

import asyncio
from collections.abc import AsyncIterator, Collection

import grpc
from grpc_health.v1.health import SERVICE_NAME
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from service.api.components import Components
from service.errors import Draining, ModelError
from service.server.grpc.calls import Context

POLL_SECONDS = 0.2  # between checks of the status, for each client that watches


class Health:
    """Tells the status, which is the same for all services and for the server, whose name is empty."""

    def __init__(self, components: Components, services: Collection[str]) -> None:
        self._components = components
        self._names = {"", *services}

    def handler(self) -> grpc.GenericRpcHandler:
        """Return the handler of the service."""
        parse, write = HealthCheckRequest.FromString, HealthCheckResponse.SerializeToString
        methods: dict[str, grpc.RpcMethodHandler[HealthCheckRequest, HealthCheckResponse]] = {
            "Check": grpc.unary_unary_rpc_method_handler(self._check, parse, write),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watch, parse, write),
        }
        return grpc.method_handlers_generic_handler(SERVICE_NAME, methods)

    async def _check(self, request: HealthCheckRequest, context: Context) -> HealthCheckResponse:
        if request.service not in self._names:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"There is no service {request.service}.")
        return self._response(request.service)

    async def _watch(self, request: HealthCheckRequest, _: Context) -> AsyncIterator[HealthCheckResponse]:
        """Tell the status now and at each change. End once the service stops, which waits for all calls."""
        draining, last_response = self._components.draining, None
        while True:
            is_draining, response = draining.is_set(), self._response(request.service)
            if response != last_response:
                yield response
            if is_draining:
                break
            last_response = response
            await asyncio.sleep(POLL_SECONDS)

    def _response(self, name: str) -> HealthCheckResponse:
        if name not in self._names:
            return HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN)
        status = HealthCheckResponse.SERVING if self._is_serving() else HealthCheckResponse.NOT_SERVING
        return HealthCheckResponse(status=status)

    def _is_serving(self) -> bool:
        try:
            self._components.check_ready()
        except (Draining, ModelError):
            return False
        return True
