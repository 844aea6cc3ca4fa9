"""Time from the start to the first answer, and memory: python tests/benchmarks/start_time.py

Memory is the PSS of all processes, in which shared pages count once: after some thousand images, and after large ones.
"""

import io
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import numpy as np
from PIL import Image

from tests.benchmarks.memory import pss
from tests.support.paths import SEVEN
from tests.support.server import Server, serving

STARTS, REQUESTS, CONNECTIONS = 10, 5000, 16
DIGIT = SEVEN.read_bytes()


def measure_start() -> float:
    start = time.perf_counter()
    with serving("--workers", "2") as server:
        assert server.post(DIGIT)[0] == 200
        return time.perf_counter() - start


def post(connection: HTTPConnection, image: bytes, times: int) -> None:
    for _ in range(times):
        connection.request("POST", "/predict", image, {"Content-Type": "application/octet-stream"})
        assert connection.getresponse().read().startswith(b'{"digit":7')


def post_from_all(server: Server, image: bytes, times: int) -> None:
    """Post on many connections, so that all processes get requests."""
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(lambda _: post(server.connect(), image, times // CONNECTIONS), range(CONNECTIONS)))


def draw_photo() -> bytes:
    file = io.BytesIO()
    Image.fromarray(255 - np.asarray(Image.open(SEVEN)).repeat(124, 0).repeat(124, 1)).save(file, "JPEG")
    return file.getvalue()


def measure_memory(workers: int) -> tuple[float, float]:
    """Return the megabytes after small images, and after images of 12 megapixels in each process."""
    with serving("--workers", str(workers)) as server:
        post_from_all(server, DIGIT, REQUESTS)
        before = pss(server.process.pid)
        post_from_all(server, draw_photo(), 2 * CONNECTIONS)
        return before / 1e6, pss(server.process.pid) / 1e6


def main() -> None:
    times = [measure_start() for _ in range(STARTS)]
    print(f"start to first answer, 2 workers: median {np.median(times):.2f} s, slowest {max(times):.2f} s\n")
    print("| workers | memory | after pictures of 12 megapixels |\n| --- | --: | --: |")
    for workers in (1, 2, 3):
        before, after = measure_memory(workers)
        print(f"| {workers} | {before:.0f} MB | {after:.0f} MB |")


if __name__ == "__main__":
    main()
