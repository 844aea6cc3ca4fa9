"""The service with gRPC, and calls to it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np

from tests.support.images import png
from tests.support.ports import free_port
from tests.support.server import Server, serving
from training.data.datasets import Dataset

SERVICES = [
    "inference.GRPCInferenceService", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService",
]  # fmt: skip


@dataclass
class GrpcServer:
    """A running server, and where it listens for gRPC."""

    http: Server
    address: str

    def channel(self, *options: tuple[str, Any]) -> grpc.Channel:
        """Return a channel with a connection of its own."""
        return grpc.insecure_channel(self.address, [("grpc.use_local_subchannel_pool", 1), *options])

    def stop(self) -> int:
        return self.http.stop()


@contextmanager
def serving_grpc(*options: str, is_ready: bool = True, **environment: Any) -> Iterator[GrpcServer]:
    port = free_port()
    with serving(*options, "--grpc-port", str(port), is_ready=is_ready, **environment) as server:
        yield GrpcServer(server, f"127.0.0.1:{port}")


def failure(call: Callable[[], object]) -> tuple[str, str, str]:
    """Return the status of a call that fails, its sentence, and the code of the error."""
    try:
        answer = call()
    except grpc.RpcError as error:
        metadata: dict[str, Any] = {item.key: item.value for item in error.trailing_metadata() or ()}
        return error.code().name, error.details() or "", metadata.get("error-code", "")
    raise AssertionError(f"The call was answered: {answer}")


def status(call: Callable[[], object]) -> str:
    """Return the status of a call."""
    try:
        call()
    except grpc.RpcError as error:
        name: str = error.code().name
        return name
    return "OK"


def send(channel: grpc.Channel, method: str, data: bytes) -> bytes:
    """Send the bytes of a message, whatever they are, and return those of the answer."""
    call: Callable[[bytes], bytes] = channel.unary_unary(method)  # type: ignore[assignment]
    return call(data)


def slow_files(mnist: Dataset, count: int = 100) -> list[bytes]:
    """Return image files that take the service long: half a second for 100."""
    file = png(np.pad(255 - mnist.x_test[0], 300, constant_values=255))
    return [file] * count
