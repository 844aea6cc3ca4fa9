"""The requests to the servers: the first test image of MNIST, in all forms."""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.benchmarks.comparison import grpc_jobs
from tests.benchmarks.comparison.load import Load
from tests.support.images import multipart
from tests.support.paths import SEVEN

CONNECTIONS, MANY, FEW = 16, 256, 4
BATCH, FILES = 1000, 100
SCRIPT = Path(__file__).parent / "post.lua"

CONFIDENCE = b"0.99995"  # of the digit 7, by the version that ships

PNG = SEVEN.read_bytes()
PIXELS = np.asarray(Image.open(SEVEN)).reshape(1, 784)
SCALED = (PIXELS / 255).tolist()
JSON, IMAGE = {"Content-Type": "application/json"}, {"Content-Type": "image/png"}


@dataclass(frozen=True)
class Job:
    """A request that is posted from some connections, and bytes that its response contains.

    That of gRPC is a message, sent without headers.
    """

    name: str
    body: bytes
    headers: dict[str, str]
    images: int = 1
    connections: int = CONNECTIONS
    expected: bytes = CONFIDENCE
    is_grpc: bool = False


def infer(datatype: str, images: int = 1, **content: Any) -> dict[str, Any]:
    """Return a request of the Open Inference Protocol."""
    return {"inputs": [{"name": "image", "shape": [images, 784], "datatype": datatype, **content}]}


def call(datatype: str, pixels: NDArray[Any]) -> Job:
    """Return a job of gRPC, of one image as a raw tensor."""
    message = grpc_jobs.infer_message(datatype, pixels)
    return Job(f"gRPC, {datatype}", message, {}, expected=b"probabilities", is_grpc=True)


def batch(datatype: str, pixels: NDArray[Any]) -> Job:
    """Return a job of many images as a raw tensor, by Triton's extension of the protocol, with a raw response."""
    tensor = pixels.repeat(BATCH, 0).tobytes()
    request = infer(datatype, BATCH, parameters={"binary_data_size": len(tensor)})
    head = json.dumps(request | {"parameters": {"binary_data_output": True}}).encode()
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
    return Job(f"v2, {BATCH:,} of {datatype}", head + tensor, headers, BATCH, FEW, expected=b'"FP32"')


JOBS = [
    Job("PNG", PNG, IMAGE),
    Job("form", *multipart(("seven.png", PNG))),
    Job("v1 JSON", json.dumps({"instances": SCALED}).encode(), JSON),
    Job("v2 JSON", json.dumps(infer("FP32", data=SCALED[0])).encode(), JSON),
    call("UINT8", PIXELS),
    call("FP32", np.array(SCALED, np.float32)),
    Job("hello world", PNG, IMAGE, expected=b"Hello, world"),
    Job(f"PNG, {MANY} connections", PNG, IMAGE, connections=MANY),
    batch("UINT8", PIXELS),
    batch("FP32", np.array(SCALED, np.float32)),
    Job(f"form of {FILES} files", *multipart(*[(f"{place}.png", PNG) for place in range(FILES)]), FILES, FEW),
]


def check(job: Job, port: int, path: str) -> None:
    """Send a job's request once, and check the response.

    Raises:
        OSError: there is no connection, or no response.
        ValueError: the response is not as expected.

    """
    if job.is_grpc:
        if job.expected not in (answer := grpc_jobs.call(port, job.body)):
            raise ValueError(f"{path} answers {answer[:200]!r}")
        return
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, job.body, job.headers)
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    if response.status != 200 or job.expected not in content:
        raise ValueError(f"{path} answers {response.status}: {content[:200]!r}")


def drive(job: Job, port: int, path: str, seconds: int) -> Load:
    """Run wrk, or h2load for gRPC, with a job, and return its result."""
    if job.is_grpc:
        return grpc_jobs.drive(port, job.body, job.connections, seconds)
    with tempfile.NamedTemporaryFile() as body:
        body.write(job.body)
        body.flush()
        headers = [text for header in job.headers.items() for text in header]
        options = ["-t1", f"-c{job.connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT)]
        command = ["wrk", *options, f"http://127.0.0.1:{port}{path}", "--", body.name, *headers]
        result = subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return msgspec.json.decode(result.stderr, type=Load)
