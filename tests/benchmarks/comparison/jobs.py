"""What is asked of the servers, over and over: the first test image of MNIST, in every form it is sent in."""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from tests.conftest import SEVEN, multipart

CONNECTIONS, MANY, FEW = 16, 256, 8
BATCH, FILES = 1000, 100
SCRIPT = Path(__file__).parent / "post.lua"

CONFIDENCE = b"0.99998"  # that it is a seven, by the version that ships

PNG = SEVEN.read_bytes()
PIXELS = np.asarray(Image.open(SEVEN)).reshape(1, 784)
SCALED = (PIXELS / 255).tolist()
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Job:
    """A request that is posted from some connections, and what its answer has in it."""

    name: str
    body: bytes
    headers: dict[str, str]
    images: int = 1
    connections: int = CONNECTIONS
    expected: bytes = CONFIDENCE


class Load(msgspec.Struct, frozen=True):
    """What came of a job: answers a second, median and 99th percentile of milliseconds, requests that failed."""

    rate: float
    median: float
    worst: float
    failed: int


def tensor(kind: str, pixels: bytes, images: int) -> tuple[bytes, dict[str, str]]:
    """Make a request of the Open Inference Protocol with raw tensors, both ways."""
    input_ = {
        "name": "image",
        "shape": [images, 784],
        "datatype": kind,
        "parameters": {"binary_data_size": len(pixels)},
    }
    head = json.dumps({"inputs": [input_], "parameters": {"binary_data_output": True}}).encode()
    kind = "application/octet-stream"
    return head + pixels, {"Content-Type": kind, "Inference-Header-Content-Length": str(len(head))}


def v2() -> bytes:
    return json.dumps(
        {"inputs": [{"name": "image", "shape": [1, 784], "datatype": "FP32", "data": SCALED[0]}]}
    ).encode()


def batch(kind: str, dtype: type[np.generic], scale: int) -> Job:
    pixels = (PIXELS / scale).astype(dtype).repeat(BATCH, 0).tobytes()
    return Job(f"v2, {BATCH:,} of {kind}", *tensor(kind, pixels, BATCH), BATCH, FEW, expected=b'"FP32"')


JOBS = [
    Job("PNG", PNG, {"Content-Type": "image/png"}),
    Job("form", *multipart(("seven.png", PNG))),
    Job("v1 JSON", json.dumps({"instances": SCALED}).encode(), JSON),
    Job("v2 JSON", v2(), JSON),
    Job("hello world", PNG, {"Content-Type": "image/png"}, expected=b"Hello, world"),
    Job(f"PNG, {MANY} connections", PNG, {"Content-Type": "image/png"}, connections=MANY),
    batch("UINT8", np.uint8, 1),
    batch("FP32", np.float32, 255),
    Job(f"form of {FILES} files", *multipart(*[(f"{place}.png", PNG) for place in range(FILES)]), FILES, FEW),
]


def check(job: Job, port: int, path: str) -> None:
    """Ask once.

    Raises:
        OSError: there is no connection, or no answer.
        ValueError: the answer is not that it is a seven.

    """
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, job.body, job.headers)
        response = connection.getresponse()
        answer = response.read()
    finally:
        connection.close()
    if response.status != 200 or job.expected not in answer:
        raise ValueError(f"{path} answers {response.status}: {answer[:200]!r}")


def drive(job: Job, port: int, path: str, seconds: int) -> Load:
    """Let wrk do a job for a while."""
    with tempfile.NamedTemporaryFile() as body:
        body.write(job.body)
        body.flush()
        headers = [text for header in job.headers.items() for text in header]
        options = ["-t1", f"-c{job.connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT)]
        command = ["wrk", *options, f"http://127.0.0.1:{port}{path}", "--", body.name, *headers]
        done = subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return msgspec.json.decode(done.stderr, type=Load)
