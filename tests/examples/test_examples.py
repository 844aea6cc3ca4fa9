"""The examples, each against the real service on MNIST's own images."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support.grpc_server import serving_grpc
from tests.support.images import png
from tests.support.paths import ROOT
from tests.support.server import Server, serving
from training.data import datasets

NODE = shutil.which("node")
COUNT = 8

FORM_CLIENTS = [
    pytest.param([sys.executable, "examples/requests_client.py"], id="requests"),
    pytest.param(
        [NODE, "examples/fetch_client.mjs"],
        id="fetch",
        marks=pytest.mark.skipif(NODE is None, reason="This example needs Node.js: apt-get install nodejs"),
    ),
]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("--workers", "1") as server:
        yield server


@pytest.fixture
def images(mnist: datasets.Dataset, tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.png" for number in range(COUNT)]
    for path, image in zip(paths, mnist.x_test[:COUNT], strict=True):
        path.write_bytes(png(image))
    return paths


def run(command: list[str], server: Server, *paths: Path) -> subprocess.CompletedProcess[str]:
    return run_at(f"http://127.0.0.1:{server.port}", command, *paths)


def run_at(address: str, command: list[str], *paths: Path) -> subprocess.CompletedProcess[str]:
    arguments = [*command, address, *map(str, paths)]
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("client", FORM_CLIENTS)
def test_form_clients_read_one_image_a_batch_and_numbers(
    client: list[str], server: Server, images: list[Path], mnist: datasets.Dataset
) -> None:
    result = run(client, server, *images, ROOT / "tests" / "number.png")
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("One digit: 7, 100.00%")
    for line, path, label in zip(lines[1:], images, mnist.y_test[:COUNT], strict=False):
        assert line.startswith(f"{path}: {label}, ")
    assert lines[COUNT + 1].endswith("(several_digits)")
    readings = [f"All digits of {path}: {label}" for path, label in zip(images, mnist.y_test[:COUNT], strict=True)]
    assert lines[COUNT + 2 :] == [*readings, f"All digits of {ROOT / 'tests' / 'number.png'}: 42 17"]


@pytest.mark.parametrize("client", FORM_CLIENTS)
def test_form_clients_handle_errors_by_their_code(client: list[str], server: Server, tmp_path: Path) -> None:
    blank = tmp_path / "blank.png"
    blank.write_bytes(png(np.full((40, 60), 255, np.uint8)))
    result = run(client, server, blank, ROOT / "README.md")
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[:2] == ["One digit: nothing is written there", f"{blank}: nothing is written there"]
    assert lines[2].endswith("(unreadable_image)")
    assert lines[3] == f"All digits of {blank}: nothing is written there"
    assert lines[4].endswith("(unreadable_image)")


@pytest.mark.parametrize("client", FORM_CLIENTS)
def test_form_clients_end_with_an_error_of_the_whole_request(client: list[str], tmp_path: Path) -> None:
    with serving("--workers", "1", "--max-bytes", "2000") as server:
        (tmp_path / "large.png").write_bytes(bytes(3000))
        result = run(client, server, tmp_path / "large.png")
    assert result.returncode == 1
    assert "(too_large)" in result.stderr


def test_triton_client_reads_a_batch(server: Server, images: list[Path], mnist: datasets.Dataset) -> None:
    result = run([sys.executable, "examples/triton_client.py"], server, *images)
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert len(lines) == 2 * COUNT
    for line, path, label in zip(lines, images, mnist.y_test[:COUNT], strict=False):
        assert line.startswith(f"{path}: {label}, ")
    for line, path, label in zip(lines[COUNT:], images, mnist.y_test[:COUNT], strict=True):
        assert line.startswith(f"{path}, version 1: ")
        assert line.split()[3].endswith(f":{label}:{label}")


def test_triton_client_ends_with_the_error_of_a_file(server: Server, images: list[Path]) -> None:
    result = run([sys.executable, "examples/triton_client.py"], server, images[0], ROOT / "README.md")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("Status 415: image[1]: ")


def test_triton_grpc_client_reads_a_batch_or_ends_with_the_error_of_a_file(
    images: list[Path], mnist: datasets.Dataset
) -> None:
    command = [sys.executable, "examples/triton_grpc_client.py"]
    with serving_grpc("--workers", "1") as server:
        result = run_at(server.address, command, *images)
        rejected = run_at(server.address, command, images[0], ROOT / "README.md")
    assert (result.returncode, result.stderr) == (0, "")
    for line, path, label in zip(result.stdout.splitlines(), images, mnist.y_test[:COUNT], strict=True):
        assert line.startswith(f"{path}: {label}, ")
    assert (rejected.returncode, rejected.stdout) == (1, "")
    assert rejected.stderr.startswith("StatusCode.INVALID_ARGUMENT: image[1]: ")
