"""The service beside what could be used instead, on the same two cores: python -m tests.benchmarks.comparison.

Each server has an environment of its own in build/bench, set up at the first run. In every round each is started, asked
by wrk, and stopped; the tables show medians over the rounds.
"""

import os
import shutil
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median

import click

from tests.benchmarks.comparison import limits
from tests.benchmarks.comparison.candidates import CANDIDATES, Candidate
from tests.benchmarks.comparison.jobs import CONNECTIONS, JOBS, Job, Load, drive
from tests.benchmarks.comparison.processes import Unavailable, install, running

CORES, WARM_UP = 2, 1


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
            results.loads[job.name, candidate.name].append(drive(job, server.port, path, seconds))
        results.memory[candidate.name].append(server.memory())


def show(results: Results) -> None:
    """Print the tables, as Markdown."""
    print(f"\n| {CONNECTIONS} connections | | answers a second | median | 99th percentile | failed | ours |")
    print("| --- | --- | --: | --: | --: | --: | --: |")
    for job in JOBS:
        if job.images == 1:
            show_loads(job, results)
    print("\n| | memory | start-up |\n| --- | --: | --: |")
    for name, starts in results.starts.items():
        print(f"| {name} | {median(results.memory[name]):.0f} MiB | {median(starts):.2f} s |")
    for name, reason in results.missing.items():
        print(f"| {name} | {reason} | |")
    print("\n| in two processes | images a second |\n| --- | --: |")
    for name, rates in results.limits.items():
        print(f"| {name} | {median(rates):,.0f} |")
    for job in JOBS:
        for (done, name), loads in results.loads.items():
            if done == job.name and job.images > 1:
                print(f"| {name}: {job.name} | {median(load.rate for load in loads) * job.images:,.0f} |")


def show_loads(job: Job, results: Results) -> None:
    ours = results.loads.get((job.name, CANDIDATES[0].name))
    for (done, name), loads in results.loads.items():
        if done != job.name:
            continue
        rate = median(load.rate for load in loads)
        middle, worst = median(load.median for load in loads), median(load.worst for load in loads)
        ratio = f"{median(load.rate for load in ours) / rate:.2f}" if ours else ""
        failed = sum(load.failed for load in loads)
        print(f"| {job.name} | {name} | {rate:,.0f} | {middle:.1f} ms | {worst:.1f} ms | {failed} | {ratio} |")


@click.command()
@click.option("--rounds", default=5, show_default=True, help="How often each server is started and asked.")
@click.option("--seconds", default=3, show_default=True, help="How long it is asked each thing, after a warm-up.")
@click.option("--only", multiple=True, help="Compare only what has this in its name; may be given more than once.")
def main(rounds: int, seconds: int, only: tuple[str, ...]) -> None:
    """Compare the service with what could be used instead."""
    if not shutil.which("wrk"):
        raise click.ClickException("wrk is needed: apt-get install wrk.")
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    results = Results()
    wanted = [each for each in CANDIDATES if not only or any(word.lower() in each.name.lower() for word in only)]
    for place in range(rounds):
        for candidate in wanted:
            if candidate.name in results.missing:
                continue
            click.echo(f"round {place + 1} of {rounds}: {candidate.name}", err=True)
            try:
                install(candidate)
                visit(candidate, seconds, results)
            except Unavailable as error:
                results.missing[candidate.name] = str(error)
        for name in () if only else limits.LIMITS:
            results.limits[name].append(limits.measure(name, seconds))
    show(results)


if __name__ == "__main__":
    main()
