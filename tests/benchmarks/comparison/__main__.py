"""Compares the service with other servers on the same two cores: python -m tests.benchmarks.comparison

Each server has its environment in build/bench, made at the first run. In each round each server is started, gets
requests from wrk and h2load, and is stopped. The tables show medians over the rounds.
"""

import os
import shutil
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from subprocess import CalledProcessError

import click

from tests.benchmarks.comparison import limits
from tests.benchmarks.comparison.candidates import CANDIDATES, Candidate
from tests.benchmarks.comparison.jobs import CONNECTIONS, JOBS, Job, drive
from tests.benchmarks.comparison.load import Load
from tests.benchmarks.comparison.processes import Unavailable, install, running

CORES, WARM_UP_SECONDS = 2, 1
SETTLE_SECONDS = 0.5  # for requests of the warm-up to finish
OURS = CANDIDATES[0].name
TOOLS = {"wrk": "wrk", "h2load": "nghttp2-client"}  # by their packages in Debian


@dataclass
class Results:
    """Measured values, one for each round, by the names of jobs, candidates and limits."""

    loads: dict[tuple[str, str], list[Load]] = field(default_factory=lambda: defaultdict(list))
    starts: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    memory: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    limits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    missing: dict[str, str] = field(default_factory=dict)


def measure(candidate: Candidate, seconds: int, results: Results) -> None:
    """Start a candidate, measure all its jobs, and stop it.

    Raises:
        Unavailable: the candidate can't be started.

    """
    jobs = [job for job in JOBS if job.name in candidate.paths]
    with running(candidate) as server:
        results.starts[candidate.name].append(server.wait(jobs[0], candidate.paths[jobs[0].name]))
        for job in jobs:
            path, port = candidate.paths[job.name], server.find_port(job)
            server.wait(job, path)
            drive(job, port, path, WARM_UP_SECONDS)
            time.sleep(SETTLE_SECONDS)
            results.loads[job.name, candidate.name].append(drive(job, port, path, seconds))
        results.memory[candidate.name].append(server.memory())


def print_tables(results: Results) -> None:
    """Print the tables, as Markdown."""
    print(f"| {CONNECTIONS} connections | server | answers a second | median | 99th percentile | failed | ours |")
    print("| --- | --- | --: | --: | --: | --: | --: |")
    for job in JOBS:
        if job.images == 1:
            print_loads(job, results)
    print("\n| server | memory | start-up |\n| --- | --: | --: |")
    for name, memory in results.memory.items():
        print(f"| {name} | {median(memory):.0f} MiB | {median(results.starts[name]):.2f} s |")
    for name, reason in results.missing.items():
        print(f"| {name} | {reason} | |")
    rates = {f"{name}, no server": median(rates) for name, rates in results.limits.items()}
    for job in JOBS:
        if job.images > 1:
            for loads in find_loads(job, results).values():
                rates[job.name] = median(load.rate for load in loads) * job.images
    print("\n| images a second | |\n| --- | --: |")
    for name, rate in rates.items():
        print(f"| {name} | {rate:,.0f} |")


def print_loads(job: Job, results: Results) -> None:
    """Print a row for each server that does a job. The last column is the service's rate, divided by the server's."""
    all_loads = find_loads(job, results)
    rates = {name: median(load.rate for load in loads) for name, loads in all_loads.items()}
    base = next((name for name in rates if name.startswith(OURS)), None)
    for name, loads in all_loads.items():
        times = f"{median(load.median for load in loads):.1f} ms | {median(load.p99 for load in loads):.1f} ms"
        ratio = f"{rates[base] / rates[name]:.2f}" if base else ""
        print(
            f"| {job.name} | {name} | {rates[name]:,.0f} | {times} | {sum(load.failed for load in loads)} | {ratio} |"
        )


def find_loads(job: Job, results: Results) -> dict[str, list[Load]]:
    return {name: loads for (job_name, name), loads in results.loads.items() if job_name == job.name}


@click.command()
@click.option("--rounds", default=5, show_default=True, help="How often each server is started and measured.")
@click.option("--seconds", default=2, show_default=True, help="How long each request is repeated, after a warm-up.")
@click.option("--only", multiple=True, help="Measure servers with this in their name. Repeatable.")
def main(rounds: int, seconds: int, only: tuple[str, ...]) -> None:
    """Compare the service with other servers. All figures are medians over the rounds."""
    for tool, package in TOOLS.items():
        if not shutil.which(tool):
            raise click.ClickException(f"{tool} is needed: apt-get install {package}.")
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    results = Results()
    words = [word.lower() for word in only] or [""]
    candidates = [candidate for candidate in CANDIDATES if any(word in candidate.name.lower() for word in words)]
    for candidate in candidates:
        attempt(install, candidate, results)
    for _ in range(rounds):
        for candidate in candidates:
            attempt(lambda candidate: measure(candidate, seconds, results), candidate, results)
        for name in () if only else limits.LIMITS:
            results.limits[name].append(limits.measure(name, seconds))
    print_tables(results)


def attempt(step: Callable[[Candidate], None], candidate: Candidate, results: Results) -> None:
    """Run a step of a candidate, unless one of its steps has failed. A failure does not affect other candidates."""
    if candidate.name in results.missing:
        return
    click.echo(candidate.name, err=True)
    try:
        step(candidate)
    except (Unavailable, CalledProcessError) as error:
        results.missing[candidate.name] = str(error).replace("|", "/")[:200]


if __name__ == "__main__":
    main()
