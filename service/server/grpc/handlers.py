"""The handlers of gRPC calls: each asks the application, and answers with its message or its error."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc
import msgspec
from google.protobuf.message import DecodeError

from service.errors import InternalError, MalformedRequest, ServiceError
from service.inference.schemas import ErrorResponse
from service.observability.request_log import log_rejection
from service.server.grpc import open_inference, tensorflow_serving
from service.server.grpc.calls import Context, Method
from service.server.grpc.gateway import Gateway
from service.server.grpc.messages import Message

OPEN_INFERENCE = "inference.GRPCInferenceService"
SERVICES: Mapping[str, Mapping[str, Method]] = {
    OPEN_INFERENCE: open_inference.METHODS,
    "tensorflow.serving.PredictionService": tensorflow_serving.PREDICTION_METHODS,
    "tensorflow.serving.ModelService": tensorflow_serving.MODEL_METHODS,
}

# By HTTP status. Any other is INTERNAL.
STATUS_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    413: grpc.StatusCode.INVALID_ARGUMENT,
    415: grpc.StatusCode.INVALID_ARGUMENT,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    503: grpc.StatusCode.UNAVAILABLE,
}

Handle = Callable[[bytes, Context], Awaitable[bytes]]

log = logging.getLogger("service.grpc")


def generic_handlers(gateway: Gateway) -> list[grpc.GenericRpcHandler]:
    """Return the handlers of all services."""
    handlers = [
        grpc.method_handlers_generic_handler(
            service,
            {
                name: grpc.unary_unary_rpc_method_handler(_unary_handler(gateway, name, method))
                for name, method in methods.items()
            },
        )
        for service, methods in SERVICES.items()
    ]
    sentence = "Streams are not served: call ModelInfer for each request."
    streams = {"ModelStreamInfer": reject_stream(grpc.StatusCode.UNIMPLEMENTED, sentence)}
    return [*handlers, grpc.method_handlers_generic_handler(OPEN_INFERENCE, streams)]


def reject_stream(code: grpc.StatusCode, sentence: str) -> "grpc.RpcMethodHandler[Any, Any]":
    """Return the handler of a method that answers every stream with an error."""

    async def abort(_: object, context: Context) -> None:
        await context.abort(code, sentence)

    return grpc.stream_stream_rpc_method_handler(abort)


def _unary_handler(gateway: Gateway, name: str, method: Method) -> Handle:
    async def handle(data: bytes, context: Context) -> bytes:
        environ = gateway.environ(name, context.invocation_metadata() or ())
        try:
            if method.needs_key:
                gateway.check_key(environ)
            message = _parse(method.request, data)
            response = await gateway.answer(method.to_http(message), environ)
            if response.status in method.answered:
                return bytes(method.from_http(message, response).SerializeToString())
            status, error = response.status, msgspec.json.decode(response.body, type=ErrorResponse)
        except ServiceError as rejection:
            log_rejection(rejection, environ)
            status, error = rejection.status, ErrorResponse.of(rejection)
        except Exception as failure:
            log.exception("A call of %s failed.", name, exc_info=failure)
            status, error = InternalError.status, ErrorResponse.of(InternalError())
        code = STATUS_CODES.get(status, grpc.StatusCode.INTERNAL)
        await context.abort(code, error.error, (("error-code", error.code),))

    return handle


def _parse(type_: Any, data: bytes) -> Message:
    try:
        return type_.FromString(data)
    except DecodeError as error:
        raise MalformedRequest(f"The message is not of the type {type_.DESCRIPTOR.full_name}.") from error
