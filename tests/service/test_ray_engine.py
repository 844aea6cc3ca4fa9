"""`--engine ray`: on a cluster that the command starts, and on one with two workers, of which some are killed."""

import csv
import filecmp
import os
import signal
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.commands import command, run
from tests.support.images import png
from tests.support.paths import ROOT, SEVEN
from tests.support.ray_cluster import RayCluster, ray_cluster
from tests.support.server import clean_environment
from tests.support.wait import wait_until
from training.data.datasets import Dataset

pytestmark = pytest.mark.slow

PART_IMAGES = 1024
IMAGES = 12 * PART_IMAGES + 100
BAD = 3000  # the number of an image that is none


@pytest.fixture(scope="module")
def archive(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "digits.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number, digit in enumerate(mnist.x_train[:IMAGES]):
            archive.writestr(f"{number}.png", b"bad" if number == BAD else png(digit))
    return path


@pytest.fixture(scope="module")
def expected(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the plain engine writes."""
    folder = tmp_path_factory.mktemp("expected") / "parts"
    assert run("predict", archive, "--output", folder).returncode == 1
    return folder


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with ray_cluster() as cluster:
        yield cluster


def run_on(cluster: RayCluster, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    on_cluster = ("--engine", "ray", "--address", cluster.address)
    return run("predict", *arguments, *on_cluster, stdin=b"", **cluster.environment)


@contextmanager
def running(cluster: RayCluster, archive: Path, folder: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command on the cluster, and come back when its first part is there."""
    arguments = ("predict", archive, "--engine", "ray", "--address", cluster.address, "--output", folder, *options)
    with subprocess.Popen(
        command(*arguments), cwd=ROOT, env=clean_environment() | cluster.environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            wait_until(lambda: count_parts(folder) or process.poll() is not None)
            assert process.poll() is None
            yield process
        finally:
            process.kill()


def count_parts(folder: Path) -> int:
    return len(list(folder.glob("part-*")))


def check_parts(folder: Path, expected: Path) -> None:
    """Check that there is the answer to each image, once, and bit for bit that of the plain engine."""
    names = sorted(file.name for file in folder.iterdir())
    assert names == sorted(file.name for file in expected.iterdir())
    assert filecmp.cmpfiles(folder, expected, names, shallow=False) == (names, [], [])
    rows = Counter(row["file"] for name in names for row in csv.DictReader((folder / name).open()))
    assert len(rows) == rows.total() == IMAGES


def test_a_cluster_of_this_machine_writes_what_the_plain_engine_does(
    archive: Path, expected: Path, tmp_path: Path
) -> None:
    result = run("--workers", "2", "predict", archive, "--engine", "ray", "--output", tmp_path / "parts")
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr.decode().splitlines()[-1] == f"{IMAGES:,} images answered, 1 of them by an error."
    check_parts(tmp_path / "parts", expected)


def test_a_killed_worker_loses_and_doubles_nothing(
    cluster: RayCluster, archive: Path, expected: Path, tmp_path: Path
) -> None:
    with running(cluster, archive, tmp_path / "parts") as process:
        killed, _ = cluster.find_actors()
        os.kill(killed, signal.SIGKILL)
        assert count_parts(tmp_path / "parts") < count_parts(expected)
        _, errors = process.communicate(timeout=180)
        assert process.returncode == 1
    assert killed not in cluster.find_actors()
    assert errors.decode().splitlines()[-1] == f"{IMAGES:,} images answered, 1 of them by an error."
    check_parts(tmp_path / "parts", expected)


def test_a_lost_machine_loses_and_doubles_nothing(
    cluster: RayCluster, archive: Path, expected: Path, tmp_path: Path
) -> None:
    with running(cluster, archive, tmp_path / "parts") as process:
        cluster.lose_node()
        _, errors = process.communicate(timeout=180)
        assert process.returncode == 1
    assert errors.decode().endswith(" of them by an error.\n")
    check_parts(tmp_path / "parts", expected)


def test_a_killed_command_goes_on(cluster: RayCluster, archive: Path, expected: Path, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    with running(cluster, archive, folder) as process:
        process.kill()
        process.wait(180)
    wait_until(lambda: not cluster.find_actors())
    assert 0 < (parts := count_parts(folder)) < count_parts(expected)
    with running(cluster, archive, folder, "--resume") as process:
        _, errors = process.communicate(timeout=180)
    assert f", {parts * PART_IMAGES:,} answered earlier.\n" in errors.decode()
    check_parts(folder, expected)


def test_an_image_that_kills_its_workers_ends_the_run(tmp_path: Path) -> None:
    script = "import sys; from tests.support.deadly_images import main; main(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "parts"], cwd=ROOT, env=clean_environment(),
        capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"The images from {SEVEN} to {SEVEN} lost 4 workers: these may have too little memory, or one of the images "
        "kills them. What is written stays: go on with --resume.\n"
    )
    assert count_parts(tmp_path / "parts") == 1


def test_ctrl_c_while_ray_starts_leaves_no_process(tmp_path: Path) -> None:
    arguments = command("predict", SEVEN, "--engine", "ray", "--output", tmp_path / "parts")
    with subprocess.Popen(
        arguments, cwd=ROOT, env=clean_environment(), stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        wait_until(lambda: find_processes(process.pid, "ray::DashboardAgent"))  # of a node that is starting
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
        wait_until(lambda: not find_processes(process.pid), 10)  # Ray's own would stay for a minute
        assert process.stderr
        assert process.stderr.read() == b"\nAborted!\n"


def find_processes(session: int, name: str = "") -> list[str]:
    """Find the processes of a session that have not ended."""
    pgrep = ["pgrep", "-s", str(session), "-r", "D,R,S", "-f", name]
    return subprocess.run(pgrep, capture_output=True, text=True, check=False).stdout.split()


def test_what_ends_a_run_is_told_in_a_sentence(cluster: RayCluster, archive: Path, tmp_path: Path) -> None:
    done = run_on(cluster, SEVEN.relative_to(ROOT), "--output", tmp_path / "parts")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"1 image answered, 0 of them by an error.\n")
    for options, sentence in (
        (("--output", "/proc/parts"), "Nothing can be written to /proc/parts/"),
        (("--output", str(tmp_path / "parts"), "--resume"), " holds other answers than this command would write"),
    ):
        result = run_on(cluster, archive, *options)
        assert (result.returncode, result.stdout) == (1, b"")
        assert result.stderr.startswith(b"Error: ")
        assert sentence in result.stderr.decode()
        assert result.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((SEVEN, "--engine", "ray"), "Ray writes a file for each 1,024 images: name a folder with --output."),
        ((SEVEN, "--engine", "ray", "--output", "a.csv"), "Ray writes a file for each 1,024 images: name a folder"),
        (("-", "--engine", "ray", "--output", "a"), "Ray can't read standard input."),
        ((SEVEN, "--address", "auto"), "--address is that of a Ray cluster: give --engine ray, too."),
        (
            (SEVEN, "--engine", "ray", "--output", "a", "--address", "127.0.0.1:1"),
            "There is no Ray cluster at 127.0.0.1:1: ",
        ),
        ((SEVEN, "--engine", "ray", "--output", "a", "--address", "nowhere"), "There is no Ray cluster at nowhere: "),
    ],
)
def test_what_ray_cannot_do_is_told_in_a_sentence(arguments: tuple[object, ...], sentence: str) -> None:
    result = run("predict", *arguments)
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr.startswith(f"Error: {sentence}".encode())
    assert result.stderr.count(b"\n") == 1


def test_a_missing_package_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "ray.py").write_text("raise ImportError")
    result = run("predict", SEVEN, "--engine", "ray", "--output", "a", PYTHONPATH=str(tmp_path))
    assert result.returncode == 1
    assert result.stderr.decode() == (
        "Error: --engine ray needs ray, which can't be imported: pip install 'mnist-service[ray]'.\n"
    )
