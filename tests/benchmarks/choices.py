"""Measures the choice of threads, keep-alive, parser and JSON library: python -m tests.benchmarks.choices

wrk sends requests to the servers in turn, on the same two cores, as in comparison. This process times the rest.
"""

import io
import json
import timeit
from collections import defaultdict
from collections.abc import Callable
from statistics import median

import msgspec
import numpy as np
from gunicorn.config import Config
from gunicorn.http.parser import RequestParser as GunicornParser
from gunicorn.http.wsgi import create
from PIL import Image

from service.server.http_parser import RequestParser
from tests.benchmarks.comparison.candidates import ours
from tests.benchmarks.comparison.jobs import IMAGE, JOBS, PNG, Job, drive
from tests.benchmarks.comparison.load import Load
from tests.benchmarks.comparison.processes import running
from tests.support.paths import SEVEN

ROUNDS, SECONDS = 5, 2
THREADS = (1, 2, 4)
ENLARGED = 10  # times; 280x280, as a drawing of the page

HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n" % len(PNG)
ADDRESS = ("127.0.0.1", 80)


def enlarged(form: str) -> bytes:
    """Draw the seven dark on light, larger."""
    file = io.BytesIO()
    Image.fromarray(255 - np.asarray(Image.open(SEVEN)).repeat(ENLARGED, 0).repeat(ENLARGED, 1)).save(file, form)
    return file.getvalue()


DRAWN = Job("280x280, PNG", enlarged("PNG"), IMAGE)
SCANNED = Job("280x280, JPEG", enlarged("JPEG"), IMAGE)
CLOSED = Job("PNG, a connection each", PNG, IMAGE | {"Connection": "close"})
KEPT = Job("PNG, connections kept", PNG, IMAGE)


class Socket:
    """The part of a connection that gunicorn needs for an environ."""

    def getsockname(self) -> tuple[str, int]:
        return ADDRESS


def parse_by_gunicorn() -> object:
    request = next(GunicornParser(CONFIG, iter([HEAD + PNG]), ADDRESS))
    return create(request, Socket(), ADDRESS, ADDRESS, CONFIG)


def parse() -> object:
    PARSER.feed(HEAD + PNG)
    return PARSER.requests.popleft()


CONFIG, PARSER = Config(), RequestParser({}, 10**7)
NUMBERS = next(job.body for job in JOBS if job.name == "v1 JSON")
ANSWER = {"digit": 7, "confidence": 0.9, "probabilities": np.random.default_rng(0).random(10).tolist()}

CALLS: dict[str, Callable[[], object]] = {
    "a request, by httptools and http_parser.py": parse,
    "a request, by gunicorn": parse_by_gunicorn,
    "784 numbers read, by msgspec": lambda: msgspec.json.decode(NUMBERS),
    "784 numbers read, by json": lambda: json.loads(NUMBERS),
    "an answer written, by msgspec": lambda: msgspec.json.encode(ANSWER),
    "an answer written, by json": lambda: json.dumps(ANSWER).encode(),
}


def main() -> None:
    loads = defaultdict[tuple[str, int], list[Load]](list)
    for _ in range(ROUNDS):
        for threads in THREADS:
            with running(ours("mnist-service", ["PNG"], "--threads", str(threads))) as server:
                server.wait(KEPT, "/predict")
                for job in (DRAWN, SCANNED) if threads != 2 else (DRAWN, SCANNED, CLOSED, KEPT):
                    loads[job.name, threads].append(drive(job, server.port, "/predict", SECONDS))
    print("| request | threads | answers a second | 99th percentile |\n| --- | --: | --: | --: |")
    for (name, threads), measured in sorted(loads.items()):
        rate, p99 = median(load.rate for load in measured), median(load.p99 for load in measured)
        print(f"| {name} | {threads} | {rate:,.0f} | {p99:.1f} ms |")
    print("\n| | |\n| --- | --: |")
    for name, call in CALLS.items():
        print(f"| {name} | {min(timeit.repeat(call, number=2000, repeat=9)) / 2000 * 1e6:.1f} us |")


if __name__ == "__main__":
    main()
