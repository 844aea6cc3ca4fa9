"""Sends mutated requests to a real server: python -m tests.benchmarks.fuzz --count 1000000 --seed 0

Each request is made from the seed and its number: `--start 1234 --count 1` sends number 1234 again. Memory is the PSS
of all processes of the server, in which shared pages count once. The exit code is 1 if a response was 500 or above, or
missing.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import click

from tests.benchmarks.fuzz.client import LOST, Address, Failure, Outcome, send_all
from tests.benchmarks.fuzz.requests import Requests
from tests.benchmarks.memory import pss
from tests.support.server import serving

CHUNK = 100_000  # requests between two measurements of the memory


@click.command()
@click.option("--count", default=100_000, show_default=True, help="How many requests are sent.")
@click.option("--seed", default=0, show_default=True, help="The requests are made from it and their numbers.")
@click.option("--start", default=0, show_default=True, help="The number of the first request.")
@click.option("--connections", default=8, show_default=True, help="Connections at once.")
@click.option("--workers", default=2, show_default=True, help="Worker processes of the server that is started.")
@click.option("--url", help="Send the requests to this running server instead.")
@click.option("--pid", type=int, help="The main process of that server, to measure its memory.")
@click.option(
    "--keep", type=click.Path(file_okay=False, path_type=Path), help="Write failed requests to this folder, for replay."
)
def main(
    count: int,
    seed: int,
    start: int,
    connections: int,
    workers: int,
    url: str | None,
    pid: int | None,
    keep: Path | None,
) -> None:
    """Send mutated requests, and print the responses by status, the failures, and the memory."""
    requests, outcome = Requests(seed), Outcome()
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
    with _server(url, workers) as (address, process, log):
        process = pid or process
        _show_memory("before", process)
        for first in range(start, start + count, CHUNK):
            numbers, start_time = range(first, min(first + CHUNK, start + count)), time.monotonic()
            part = send_all(address, requests, numbers, connections)
            _show_memory(f"after {numbers.stop - start:,} ({time.monotonic() - start_time:.0f} s)", process)
            for failure in part.failures:
                _show_failure(failure, seed, keep)
            outcome.add(part)
            log[:] = [line for line in log if "[INFO]" not in line]
        if keep and log:
            (keep / "log").write_text("".join(log))
    _show(outcome)
    sys.exit(bool(outcome.failures))


@contextmanager
def _server(url: str | None, workers: int) -> Iterator[tuple[Address, int | None, list[str]]]:
    """Yield a server's address, its process if it was started here, and its log."""
    if url:
        parts = urlsplit(url)
        yield Address(parts.hostname or "127.0.0.1", parts.port or 80), None, []
    else:
        with serving("--workers", str(workers)) as server:
            yield Address("127.0.0.1", server.port), server.process.pid, server.log


def _show_memory(when: str, process: int | None) -> None:
    memory = f"{pss(process) / 1e6:.0f} MB" if process else "memory unknown"
    print(f"{when}: {memory}", flush=True)


def _show_failure(failure: Failure, seed: int, folder: Path | None) -> None:
    print(f"number {failure.number}, {failure.request.path}: {failure.status or 'lost'}: {failure.answer}", flush=True)
    if folder:
        (folder / f"{seed}-{failure.number}.http").write_bytes(failure.request.data)  # nc HOST PORT < FILE


def _show(outcome: Outcome) -> None:
    print("\n| path | status | answers |\n| --- | --- | --: |")
    for (path, status), answers in sorted(outcome.statuses.items()):
        print(f"| {path} | {'lost' if status == LOST else status} | {answers:,} |")
    seconds, number = outcome.slowest
    print(f"\nslowest: {seconds:.1f} s, number {number}")


if __name__ == "__main__":
    main()
