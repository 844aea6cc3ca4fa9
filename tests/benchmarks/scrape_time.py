"""Time of a scrape of /metrics with 4 workers, all labels filled: python tests/benchmarks/scrape_time.py.

All workers get requests to all routes, for both versions, some of which succeed and some of which fail.
"""

import itertools
import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import numpy as np

from service.app import create_app
from service.models import store
from service.models.store import VersionPolicy
from service.settings import DEFAULT_MODELS, Settings
from tests.support.images import multipart, png
from tests.support.server import Server, serving
from training.data import datasets

WORKERS, CONNECTIONS, SCRAPES = 4, 16, 500
MAX_BYTES = 100_000

# Values of the variables in routes.
PRESENT = {"filename": "page.js", "name": "mnist", "version": "1", "label": "stable"}
ABSENT = {"filename": "nope", "name": "nope", "version": "99", "label": "nope"}

Request = tuple[str, str, bytes, dict[str, str]]


def list_requests(images: list[bytes]) -> Iterator[Request]:
    """Yield requests of each method to each route: with images, tensors, an empty and a too large body."""
    kind = {"Content-Type": "image/png"}
    batch = multipart(*((f"{place}.png", image) for place, image in enumerate(images)))
    bodies = [(b"", {}), (images[0], kind), (b"no picture", kind), (bytes(MAX_BYTES + 1), kind), batch, *tensors()]
    rules = [rule.rule for rule in create_app(Settings()).url_map.iter_rules()]
    for rule, values in itertools.product([*rules, "/nope"], (PRESENT, ABSENT)):
        path = fill_route(rule, values)
        yield from (("GET", path, b"", {}), ("DELETE", path, b"", {}))
        yield from (("POST", path, *body) for body in bodies)


def fill_route(rule: str, values: dict[str, str]) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda match: values[match[1]], rule)


def tensors() -> Iterator[tuple[bytes, dict[str, str]]]:
    """Yield a blank image as TensorFlow Serving's clients send it, and as clients of the Open Inference Protocol do."""
    blank = [0.0] * 784
    tensor = {"name": "image", "shape": [1, 784], "datatype": "FP32", "data": blank}
    yield json.dumps({"instances": [blank]}).encode(), {}
    yield json.dumps({"inputs": [tensor]}).encode(), {"Content-Type": "application/json"}


def send(connection: HTTPConnection, requests: list[Request]) -> None:
    for method, path, body, headers in requests:
        connection.request(method, path, body, headers)
        connection.getresponse().read()
        connection.close()  # the next worker may take the next request


def fill(server: Server, requests: list[Request]) -> None:
    """Send requests on many connections at once, so that each worker gets some of each."""
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(lambda connection: send(connection, requests), [server.connect() for _ in range(CONNECTIONS)]))


def scrape(connection: HTTPConnection) -> tuple[float, bytes]:
    """Return the milliseconds that a scrape takes, and its text."""
    start = time.perf_counter()
    connection.request("GET", "/metrics")
    text = connection.getresponse().read()
    return (time.perf_counter() - start) * 1000, text


def main() -> None:
    """Fill all labels, and print the times."""
    mnist = datasets.load()
    requests = list(list_requests([png(mnist.x_test[mnist.y_test == digit][0]) for digit in range(10)]))
    with tempfile.TemporaryDirectory() as folder:
        models = Path(shutil.copytree(DEFAULT_MODELS, Path(folder) / "models"))
        options = ("--workers", str(WORKERS), "--models", str(models), "--max-bytes", str(MAX_BYTES))
        with serving(*options) as server:
            fill(server, requests)
            store.write_policy(models / store.NAME, VersionPolicy(labels={"stable": 1}, withdrawn=(2,)))
            time.sleep(3)  # until all workers have seen it
            fill(server, requests)
            connection = server.connect()
            times = [scrape(connection)[0] for _ in range(SCRAPES)]
            samples = sum(not line.startswith(b"#") for line in scrape(connection)[1].splitlines())
    print(f"{samples} samples: median {np.median(times):.1f} ms, 99th percentile {np.percentile(times, 99):.1f} ms")


if __name__ == "__main__":
    main()
