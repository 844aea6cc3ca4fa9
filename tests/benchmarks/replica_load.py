"""Measures the load that a replica with one core carries: python -m tests.benchmarks.replica_load

wrk, on another core, sends requests to a container of the image mnist-service. Needs a Docker engine and wrk.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import docker

from tests.benchmarks.comparison.jobs import IMAGE, PNG, Job, check, drive
from tests.benchmarks.picture_time import photo
from tests.support.ports import free_port
from training.data import datasets
from training.synthetic.rendering import encode_image

ROUNDS, SECONDS = 5, 4
CONTAINER_CORE, CLIENT_CORE = 0, 1


def jobs() -> list[Job]:
    digit = datasets.load().x_train[0]
    files = {
        "28x28, PNG": PNG,
        "280x280, PNG": encode_image(255 - digit.repeat(10, 0).repeat(10, 1)),
        "photo of 640x480, JPEG": photo(digit, (480, 640)),
        "photo of 12 megapixels, JPEG": photo(digit, (3000, 4000)),
    }
    return [Job(name, file, IMAGE, expected=b'"digit":') for name, file in files.items()]


@contextmanager
def container() -> Iterator[tuple[Any, int]]:
    """Run the container on a port of this machine, without the engine's proxy."""
    port = free_port()
    environment = {"MNIST_HOST": "127.0.0.1", "MNIST_PORT": str(port)}
    container = docker.from_env().containers.run(
        "mnist-service", detach=True, network_mode="host", cpuset_cpus=str(CONTAINER_CORE), environment=environment
    )
    try:
        next(line for line in container.logs(stream=True) if b"Booting worker" in line)
        yield container, port
    finally:
        container.remove(force=True)


def megabytes(container: Any) -> float:
    """Return the memory as docker stats shows it, without the file cache that the kernel can drop."""
    memory = container.stats(stream=False)["memory_stats"]
    dropped = memory["stats"].get("inactive_file", memory["stats"].get("total_inactive_file", 0))
    return float(memory["usage"] - dropped) / 1e6


def main() -> None:
    os.sched_setaffinity(0, {CLIENT_CORE})
    print("| picture | its size | a second | median | 99th percentile | memory after |\n| --- " + "| --: " * 5 + "|")
    for job in jobs():
        with container() as (server, port):
            check(job, port, "/predict")
            loads = [drive(job, port, "/predict", SECONDS) for _ in range(ROUNDS)]
            memory = megabytes(server)
        rate, middle, p99 = (median(getattr(load, name) for load in loads) for name in ("rate", "median", "p99"))
        assert not sum(load.failed for load in loads)
        size = f"{len(job.body) / 1000:,.1f} kB"
        print(f"| {job.name} | {size} | {rate:,.0f} | {middle:.1f} ms | {p99:.1f} ms | {memory:.0f} MB |")


if __name__ == "__main__":
    main()
