"""The service beside what could be used instead, on the same two cores: python -m tests.benchmarks.comparison

Each server has an environment of its own in build/bench, set up at the first run. In every round each is started, asked
by wrk, and stopped; the tables show medians over the rounds.
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
from tests.benchmarks.comparison.jobs import CONNECTIONS, JOBS, Job, Load, drive
from tests.benchmarks.comparison.processes import Unavailable, install, running

CORES, WARM_UP = 2, 1
SETTLE = 0.5  # seconds, in which what the last clients left behind is finished
OURS = CANDIDATES[0].name


@dataclass
class Results:
    """What was measured, each once a round, by the names of jobs, candidates and limits."""

    loads: dict[tuple[str, str], list[Load]] = field(default_factory=lambda: defaultdict(list))
    starts: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    memory: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    limits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    missing: dict[str, str] = field(default_factory=dict)


def visit(candidate: Candidate, seconds: int, results: Results) -> None:
    """Start a candidate, let it do all its jobs, and stop it.

    Raises:
        Unavailable: it can't be started.

    """
    jobs = [job for job in JOBS if job.name in candidate.paths]
    with running(candidate) as server:
        results.starts[candidate.name].append(server.wait(jobs[0], candidate.paths[jobs[0].name]))
        for job in jobs:
            path = candidate.paths[job.name]
            server.wait(job, path)
            drive(job, server.port, path, WARM_UP)
            time.sleep(SETTLE)
            results.loads[job.name, candidate.name].append(drive(job, server.port, path, seconds))
        results.memory[candidate.name].append(server.memory())


def show(results: Results) -> None:
    """Print the tables, as Markdown."""
    print(f"| {CONNECTIONS} connections | server | answers a second | median | 99th percentile | failed | ours |")
    print("| --- | --- | --: | --: | --: | --: | --: |")
    for job in JOBS:
        if job.images == 1:
            show_loads(job, results)
    print("\n| server | memory | start-up |\n| --- | --: | --: |")
    for name, memory in results.memory.items():
        print(f"| {name} | {median(memory):.0f} MiB | {median(results.starts[name]):.2f} s |")
    for name, reason in results.missing.items():
        print(f"| {name} | {reason} | |")
    rates = {f"{name}, no server": median(rates) for name, rates in results.limits.items()}
    for job in JOBS:
        if job.images > 1:
            for loads in answers(job, results).values():
                rates[job.name] = median(load.rate for load in loads) * job.images
    print("\n| images a second | |\n| --- | --: |")
    for name, rate in rates.items():
        print(f"| {name} | {rate:,.0f} |")


def show_loads(job: Job, results: Results) -> None:
    """Print a row for each server that does a job; the last column is how many times as many answers ours gives."""
    loads = answers(job, results)
    rates = {name: median(load.rate for load in each) for name, each in loads.items()}
    for name, each in loads.items():
        times = f"{median(load.median for load in each):.1f} ms | {median(load.p99 for load in each):.1f} ms"
        ratio = f"{rates[OURS] / rates[name]:.2f}" if OURS in rates else ""
        print(f"| {job.name} | {name} | {rates[name]:,.0f} | {times} | {sum(load.failed for load in each)} | {ratio} |")


def answers(job: Job, results: Results) -> dict[str, list[Load]]:
    return {name: loads for (done, name), loads in results.loads.items() if done == job.name}


@click.command()
@click.option("--rounds", default=5, show_default=True, help="How often each server is started and asked.")
@click.option("--seconds", default=2, show_default=True, help="How long it is asked each thing, after a warm-up.")
@click.option("--only", multiple=True, help="Measure what has this in its name; may be given more than once.")
def main(rounds: int, seconds: int, only: tuple[str, ...]) -> None:
    """Compare the service with what could be used instead; all figures are medians over the rounds."""
    if not shutil.which("wrk"):
        raise click.ClickException("wrk is needed: apt-get install wrk.")
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    results = Results()
    chosen = [each for each in CANDIDATES if not only or any(word.lower() in each.name.lower() for word in only)]
    for candidate in chosen:
        attempt(install, candidate, results)
    for _ in range(rounds):
        for candidate in chosen:
            attempt(lambda candidate: visit(candidate, seconds, results), candidate, results)
        for name in () if only else limits.LIMITS:
            results.limits[name].append(limits.measure(name, seconds))
    show(results)


def attempt(step: Callable[[Candidate], None], candidate: Candidate, results: Results) -> None:
    """Take a step with a candidate, unless one has failed; whatever fails, the others go on."""
    if candidate.name in results.missing:
        return
    click.echo(candidate.name, err=True)
    try:
        step(candidate)
    except (Unavailable, CalledProcessError) as error:
        results.missing[candidate.name] = str(error).replace("|", "/")[:200]


if __name__ == "__main__":
    main()
