"""Calls of gRPC: ModelInfer of the Open Inference Protocol, by grpcio once, and by h2load over and over."""

import re
import subprocess
import tempfile
from statistics import median, quantiles
from typing import Any

import grpc
from numpy.typing import NDArray

from service.server.grpc.messages import message_type
from tests.benchmarks.comparison.load import Load

PATH = "/inference.GRPCInferenceService/ModelInfer"
TIMEOUT_SECONDS = 30
HEADERS = ("content-type: application/grpc", "te: trailers")

ModelInferRequest = message_type("inference.ModelInferRequest")


def infer_message(datatype: str, pixels: NDArray[Any]) -> bytes:
    """Return a request of one image as a raw tensor."""
    request = ModelInferRequest(model_name="mnist", raw_input_contents=[pixels.tobytes()])
    request.inputs.add(name="image", datatype=datatype, shape=pixels.shape)
    return bytes(request.SerializeToString())


def call(port: int, message: bytes) -> bytes:
    """Return the answer to a call, whose status is OK.

    Raises:
        ValueError: it has another status, or there is no connection.

    """
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            method: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PATH)
            return method(message, timeout=TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            raise ValueError(f"{PATH} answers {error}") from error


def drive(port: int, message: bytes, connections: int, seconds: int) -> Load:
    """Run h2load with a message, and return its result. Errors have no message, so bytes tell how many calls failed."""
    size = len(_frame(call(port, message)))
    with tempfile.NamedTemporaryFile() as body, tempfile.NamedTemporaryFile("r") as log:
        body.write(_frame(message))
        body.flush()
        headers = [text for header in HEADERS for text in ("-H", header)]
        options = [f"-D{seconds}", f"-c{connections}", "-m1", "-t1", f"-d{body.name}", f"--log-file={log.name}"]
        command = ["h2load", *options, *headers, f"http://127.0.0.1:{port}{PATH}"]
        report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        milliseconds = [int(line.split()[2]) / 1000 for line in log]
    answered = int(re.findall(r"\((\d+)\) data", report)[0]) // size
    sent = int(re.findall(r"requests: (\d+) total", report)[0])
    return Load(answered / seconds, median(milliseconds), quantiles(milliseconds, n=100)[-1], sent - answered)


def _frame(message: bytes) -> bytes:
    """Return a message as the body of a request or a response: uncompressed, after its length."""
    return b"\0" + len(message).to_bytes(4, "big") + message
