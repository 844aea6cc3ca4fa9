"""Mutated requests to a real server, and what comes of them: python -m tests.benchmarks.fuzz --count 1000000 --seed 0

Each request is made from the seed and its number: `--start 1234 --count 1` sends number 1234 again. Memory is that of
all of the server's processes, what they share counted once. The exit code is 1 where an answer was 500 or above, or
none came.
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
from tests.conftest import serving

CHUNK = 100_000  # requests between two looks at the memory


@click.command()
@click.option("--count", default=100_000, show_default=True, help="How many requests are sent.")
@click.option("--seed", default=0, show_default=True, help="What they are made from, with their numbers.")
@click.option("--start", default=0, show_default=True, help="The first one's number.")
@click.option("--connections", default=8, show_default=True, help="How many are kept at once.")
@click.option("--workers", default=2, show_default=True, help="Worker processes of the server that is started.")
@click.option("--url", help="A running server to send them to, instead.")
@click.option("--pid", type=int, help="Its main process, whose memory is measured.")
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), help="A folder for what fails, for replay.")
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
    """Send mutated requests, and print the answers by status, what failed, and memory."""
    requests, outcome = Requests(seed), Outcome()
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
    with _server(url, workers) as (address, process, log):
        process = pid or process
        _show_memory("before", process)
        for first in range(start, start + count, CHUNK):
            numbers, began = range(first, min(first + CHUNK, start + count)), time.monotonic()
            part = send_all(address, requests, numbers, connections)
            _show_memory(f"after {numbers.stop - start:,} ({time.monotonic() - began:.0f} s)", process)
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
    """Yield where a server listens, its process, if it was started here, and its log."""
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
