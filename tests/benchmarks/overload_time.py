"""Measures rejected and accepted requests under overload: python tests/benchmarks/overload_time.py

More clients post images of 12 megapixels than may wait. Another client checks whether the service is ready.
"""

import threading
import time
from collections import defaultdict

import numpy as np
from PIL import Image

from tests.support.images import png
from tests.support.paths import SEVEN
from tests.support.server import Server, serving

CLIENTS = 12
SECONDS = 20.0
LIMITS = ("--workers", "2", "--threads", "2", "--max-waiting", "2")


def send_requests(
    server: Server, method: str, path: str, body: bytes, times: dict[str, list[float]], end: float
) -> None:
    connection = server.connect()
    while time.monotonic() < end:
        start = time.perf_counter()
        connection.request(method, path, body, {"Content-Type": "image/png"})
        response = connection.getresponse()
        response.read()
        times[f"{method} {path} {response.status}"].append((time.perf_counter() - start) * 1000)
        time.sleep(0.01 if response.status != 200 or method == "GET" else 0)


def main() -> None:
    digit = 255 - np.asarray(Image.open(SEVEN)).repeat(124, 0).repeat(124, 1)
    photo, times = png(digit), defaultdict[str, list[float]](list)
    with serving(*LIMITS) as server:
        end = time.monotonic() + SECONDS
        requests = [("POST", "/predict", photo)] * CLIENTS + [("GET", "/readyz", b"")]
        threads = [threading.Thread(target=send_requests, args=(server, *request, times, end)) for request in requests]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print("| request | answers | median | 99th percentile |\n| --- | --: | --: | --: |")
    for name, values in sorted(times.items()):
        print(f"| {name} | {len(values)} | {np.median(values):.1f} ms | {np.percentile(values, 99):.1f} ms |")


if __name__ == "__main__":
    main()
