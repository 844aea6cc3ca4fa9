"""Measures `predict` on many images, with the plain engine and on Ray: python -m tests.benchmarks.batch_rate

All runs have two cores, and write parts to a folder of their own. Engines are measured by turns.
The numbers below a number of images are images a second of the whole command; "after the start" is what each image more
adds. Memory is PSS of the command and its descendants, without those of a cluster that runs.
"""

import os
import resource
import shutil
import subprocess
import tempfile
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pyarrow
import pyarrow.parquet

from tests.benchmarks.memory import pss
from tests.benchmarks.picture_time import photo
from tests.support.commands import command
from tests.support.images import png
from tests.support.paths import ROOT
from tests.support.ray_cluster import ray_cluster
from training.data import datasets

CORES = 2
IMAGES, REPEATS = 20_000, 10  # the long run has the short one's images so often
POLL_SECONDS = 2
PHOTOS = {(480, 640): 4000, (3000, 4000): 400}  # their shape and number
RAY = ("--engine", "ray")


def write_archive(path: Path, files: list[bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number, file in enumerate(files):
            archive.writestr(f"{number}.png", file)  # the suffix says that it is an image, the bytes which
    return path


def write_sources(folder: Path) -> dict[str, Path]:
    files = [png(digit) for digit in datasets.load().x_train[:IMAGES]]
    (folder / "files").mkdir()
    for number, file in enumerate(files):
        (folder / "files" / f"{number}.png").write_bytes(file)
    pyarrow.parquet.write_table(pyarrow.table({"image": files}), folder / "mnist.parquet", row_group_size=1000)
    return {
        "a zip archive": write_archive(folder / "mnist.zip", files),
        "a Parquet file": folder / "mnist.parquet",
        "files": folder / "files",
    }


def start(sources: list[Path], options: tuple[str, ...], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    arguments = ("--workers", CORES, "predict", *sources, *options)
    return subprocess.Popen(command(*arguments), cwd=ROOT, env=os.environ | environment, stderr=subprocess.DEVNULL)


class Run(NamedTuple):
    """The time of a command, that of the cores in it and its descendants, and their most memory."""

    seconds: float
    core_seconds: float
    peak_bytes: int


def measure(sources: list[Path], options: tuple[str, ...] = (), environment: dict[str, str] | None = None) -> Run:
    folder = tempfile.mkdtemp()
    begin, begin_cores, peak = time.monotonic(), core_seconds(), 0
    with start(sources, (*options, "--output", f"{folder}/parts"), environment or {}) as process:
        while process.poll() is None:
            peak = max(peak, pss(process.pid))
            with suppress(subprocess.TimeoutExpired):
                process.wait(POLL_SECONDS)
    run = Run(time.monotonic() - begin, core_seconds() - begin_cores, peak)
    assert process.returncode == 0
    shutil.rmtree(folder)
    return run


def core_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def compare_engines(sources: dict[str, Path]) -> None:
    total = REPEATS * IMAGES
    print(f"| images of 28x28 in | engine | {IMAGES:,} | {total:,} | after the start | memory | {total:,} |")
    print("| --- | --- | --: | --: | --: | --: | --: |")
    with ray_cluster() as cluster:
        engines: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
            "plain": ((), {}),
            "Ray, on a cluster": ((*RAY, "--address", cluster.address), cluster.environment),
            "Ray, its cluster started": (RAY, {}),
        }
        for name, source in sources.items():
            for engine, options in engines.items():
                short, long = measure([source], *options), measure([source] * REPEATS, *options)
                rates = IMAGES / short.seconds, total / long.seconds, (total - IMAGES) / (long.seconds - short.seconds)
                cells = [f"{rate:,.0f}" for rate in rates] + [
                    f"{run.peak_bytes / 1e6:,.0f} MB" for run in (short, long)
                ]
                print("|", " | ".join([name, engine, *cells]), "|")


def compare_kinds(archive: Path) -> None:
    """Print the images that a core answers in a second of its time, without what the command takes for one image."""
    digit = datasets.load().x_train[0]
    one = measure([write_archive(archive.with_name("one.zip"), [png(digit)])])
    print("\n| image | its size | a second and core |\n| --- | --: | --: |")
    kinds = {"28x28, PNG": (png(digit), [archive] * 3, 3 * IMAGES)}
    for (height, width), count in PHOTOS.items():
        file = photo(digit, (height, width))
        path = write_archive(archive.with_name(f"{height}.zip"), [file] * count)
        kinds[f"{width}x{height}, JPEG"] = (file, [path], count)
    for name, (file, paths, count) in kinds.items():
        rate = count / (measure(paths).core_seconds - one.core_seconds)
        print(f"| {name} | {len(file) / 1000:,.1f} kB | {rate:,.0f} |")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        sources = write_sources(Path(name))
        compare_engines(sources)
        compare_kinds(sources["a zip archive"])


if __name__ == "__main__":
    main()
