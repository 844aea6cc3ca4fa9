"""`python -m service predict`: predicts files and folders, without a server."""

import csv
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.inference.predictor import Predictor
from service.models import loading
from service.preparation.finder import Finder
from service.settings import Settings
from tests.support.commands import command, read_jsonl, run, run_on_terminal
from tests.support.images import png
from tests.support.models import copy_version
from tests.support.paths import ROOT, SEVEN
from tests.support.server import clean_environment
from tests.support.wait import wait_until
from training.data import datasets

COUNT = 600  # several chunks for each worker, and more lines than a pipe holds


@pytest.fixture(scope="module")
def folder(mnist: datasets.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    for number, digit in enumerate(mnist.x_test[:COUNT]):
        (folder / f"{number}.png").write_bytes(png(digit))
    return folder


def read_csv(result: subprocess.CompletedProcess[bytes]) -> list[dict[str, str]]:
    return list(csv.DictReader(result.stdout.decode().splitlines()))


@contextmanager
def running(*arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run in a new process group. Nobody reads the output, so the command blocks as soon as the pipe is full."""
    with subprocess.Popen(
        command("--workers", "2", "predict", "--format", "jsonl", *arguments), cwd=ROOT, env=clean_environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def find_workers(group: int) -> list[int]:
    pgrep = subprocess.run(["pgrep", "-g", str(group), "-f", "spawn_main"], capture_output=True, text=True, check=False)
    return [int(pid) for pid in pgrep.stdout.split()]


def wait_for_workers(group: int, count: int) -> list[int]:
    wait_until(lambda: len(find_workers(group)) == count)
    return find_workers(group)


def test_csv_has_what_the_predictor_sees_in_the_order_of_numbers(
    folder: Path, mnist: datasets.Dataset, finder: Finder
) -> None:
    result = run("--workers", "2", "predict", folder)
    rows = read_csv(result)
    assert (result.returncode, result.stderr) == (0, b"")
    assert [row["file"] for row in rows] == [str(folder / f"{number}.png") for number in range(COUNT)]
    predictor = Predictor(loading.load_default(Settings()), finder, Settings())
    expected = predictor.predict([predictor.prepare(png(digit)) for digit in mnist.x_test[:COUNT]])
    assert [int(row["digit"]) for row in rows] == [prediction.digit for prediction in expected]
    probabilities = np.array([[row[f"p{digit}"] for digit in range(10)] for row in rows], np.float64)
    assert np.abs(probabilities - [prediction.probabilities for prediction in expected]).max() < 1e-6
    assert [float(row["confidence"]) for row in rows] == list(probabilities.max(axis=1))


def test_the_number_of_workers_changes_nothing(folder: Path) -> None:
    one, three = (run("--workers", count, "predict", folder).stdout for count in (1, 3))
    assert one == three
    assert one.count(b"\n") == COUNT + 1


def test_jsonl_has_the_items_of_a_batch_and_their_files() -> None:
    seven, readme = read_jsonl(run("predict", "--format", "jsonl", SEVEN, "README.md"))
    assert list(seven) == ["file", "digit", "confidence", "uncertain", "probabilities", "model"]
    assert (seven["file"], seven["digit"], len(seven["probabilities"])) == (str(SEVEN), 7, 10)
    assert seven["uncertain"] is False
    assert seven["model"] == {"name": "mnist", "version": "3"}
    assert list(readme) == ["file", "error", "code"]
    assert (readme["file"], readme["code"]) == ("README.md", "unreadable_image")


def test_named_files_keep_their_order_and_a_bad_one_has_its_error_in_its_place(folder: Path) -> None:
    paths = [str(folder / f"{number}.png") for number in reversed(range(COUNT))]
    paths[300:300] = ["README.md"]
    result = run("--workers", "2", "predict", "--format", "jsonl", *paths)
    rows = read_jsonl(result)
    assert (result.returncode, result.stderr) == (1, b"")
    assert [row["file"] for row in rows] == paths
    assert [number for number, row in enumerate(rows) if "error" in row] == [300]


def test_files_left_out_of_a_folder_are_named(tmp_path: Path) -> None:
    with Image.open(SEVEN) as seven:
        seven.resize((280, 280)).convert("RGB").save(tmp_path / "7.HEIC", "HEIF")
    (tmp_path / "b").mkdir()
    for name in ("clip.mov", "notes.txt", ".hidden", "b/x.pdf"):
        (tmp_path / name).touch()
    for subcommand in ("predict", "read"):
        result = run(subcommand, "--format", "jsonl", tmp_path)
        assert [row["file"] for row in read_jsonl(result)] == [str(tmp_path / "7.HEIC")]
        assert result.stderr.decode() == (
            f"Left out, not images by their suffix: {tmp_path}/b/x.pdf, {tmp_path}/clip.mov, {tmp_path}/notes.txt "
            "(3 in all).\n"
        )
        assert result.returncode == 0
    assert read_csv(run("predict", tmp_path / "7.HEIC"))[0]["digit"] == "7"


def test_a_file_that_cannot_be_read_is_an_error_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "nothing.png").touch()
    (tmp_path / "lost.png").symlink_to("nowhere")
    names = ["empty", "nothing.png", "lost.png", "missing", "/proc/self/mem"]
    result = run("--max-bytes", "300", "predict", *(tmp_path / name for name in names), SEVEN, "README.md")
    assert result.returncode == 1
    assert [(row["error"], row["code"]) for row in read_csv(result)] == [
        ("There is no image in this folder.", "unreadable_file"),
        ("The file is empty.", "empty_image"),
        ("This can't be read: no such file or directory.", "unreadable_file"),
        ("This can't be read: no such file or directory.", "unreadable_file"),
        ("This can't be read: input/output error.", "unreadable_file"),
        ("", ""),
        ("The file is too large: at most 300 bytes are read.", "too_large"),
    ]


def test_odd_names_are_written_safely(tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b'/\xff,"\n\x1b[1m7.png'
    with open(odd, "wb") as file:
        file.write(SEVEN.read_bytes())
    shown = f'{tmp_path}/\ufffd,"\n\x1b[1m7.png'
    text = run("predict", tmp_path, PYTHONIOENCODING="ascii").stdout.decode()
    assert [row["file"] for row in csv.DictReader(text.splitlines(keepends=True))] == [shown]
    assert read_jsonl(run("predict", "--format", "jsonl", tmp_path))[0]["file"] == shown
    line = run("predict", "--format", "table", tmp_path).stdout.decode().splitlines()[1]
    assert line.split() == [f'{tmp_path}/\ufffd,"\ufffd\ufffd[1m7.png', "7", "100.00%"]


def test_standard_input_is_one_image() -> None:
    rows = read_csv(run("predict", SEVEN, "-", stdin=SEVEN.read_bytes()))
    assert [(row["file"], row["digit"]) for row in rows] == [(str(SEVEN), "7"), ("-", "7")]
    assert read_csv(run("predict", "-"))[0]["code"] == "empty_image"


def test_without_preparation_an_image_must_have_the_size(tmp_path: Path, mnist: datasets.Dataset) -> None:
    enlarged = tmp_path / "enlarged.png"
    enlarged.write_bytes(png(np.kron(mnist.x_test[0], np.ones((2, 2), np.uint8))))
    assert read_csv(run("predict", enlarged))[0]["digit"] == "7"
    result = run("predict", "--prepare", "none", enlarged, SEVEN)
    assert [(row["code"], row["digit"]) for row in read_csv(result)] == [("wrong_image_size", ""), ("", "7")]
    assert result.returncode == 1


def test_settings_apply(tmp_path: Path) -> None:
    assert read_csv(run("predict", SEVEN, MNIST_MAX_BYTES="100"))[0]["code"] == "too_large"
    result = run("--runtime", "tensorflow", "predict", SEVEN)
    assert (read_csv(result)[0]["digit"], result.stderr) == ("7", b"")
    for arguments in (("--runtime", "onnx", "predict", SEVEN), ("--models", tmp_path / "no", "predict", SEVEN)):
        result = run(*arguments)
        assert (result.returncode, result.stdout) == (1, b"")
        assert result.stderr.startswith(b"Error: MNIST_")
        assert result.stderr.count(b"\n") == 1


def test_a_model_that_cannot_be_loaded_is_one_error(folder: Path, shipped: Path, tmp_path: Path) -> None:
    version = Path(shutil.copytree(shipped, tmp_path / "mnist" / "9"))
    shutil.rmtree(version / "assets.extra")
    (version / "saved_model.pb").write_bytes(b"damaged")
    result = run("--models", tmp_path, "--workers", "2", "predict", folder)
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr.startswith(b"Error: TensorFlow can't read ")
    assert b"Traceback" not in result.stderr


def test_a_wrong_threshold_is_one_error(shipped: Path, tmp_path: Path) -> None:
    copy_version(shipped, tmp_path, calibration={"threshold": 72})
    result = run("--models", tmp_path, "predict", SEVEN)
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr.startswith(b"Error: The model card ")
    assert result.stderr.endswith(b" is wrong: Expected `float` <= 1.0 - at `$.calibration.threshold`.\n")


@pytest.mark.parametrize("arguments", [(), ("--format", "xml", SEVEN), ("--prepare", "maybe", SEVEN)])
def test_wrong_use_is_an_error(arguments: tuple[object, ...]) -> None:
    result = run("predict", *arguments)
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.startswith(b"Usage: ")


def test_a_terminal_shows_a_table() -> None:
    shown, errors = run_on_terminal(1, "predict", "tests/seven.png", "README.md", "nope")
    assert shown.splitlines() == [
        "file             digit  confidence",
        "tests/seven.png      7     100.00%",
        "README.md        This is not an image in a supported format "
        "(PNG, JPEG, WEBP, GIF, BMP, TIFF, PPM, AVIF, HEIF).",
        "nope             This can't be read: no such file or directory.",
    ]
    assert errors == b""


def test_many_files_have_a_progress_bar_on_the_terminal_and_few_have_none(folder: Path) -> None:
    shown, rows = run_on_terminal(2, "predict", folder)
    assert f"{COUNT}/{COUNT}" in shown
    assert "INFO" not in shown
    assert rows == run("predict", folder).stdout
    assert run_on_terminal(2, "predict", SEVEN)[0] == ""


def test_several_processes_share_the_work_and_end_with_their_parent(folder: Path) -> None:
    with running(folder) as process:
        assert len(wait_for_workers(process.pid, 2)) == 2
        process.kill()
        process.wait(60)
        wait_for_workers(process.pid, 0)


@pytest.mark.parametrize("when", ["as workers start", "as rows come"])
def test_ctrl_c_ends_the_command_without_a_traceback(folder: Path, when: str) -> None:
    with running(folder) as process:
        assert process.stdout
        assert process.stderr
        wait_for_workers(process.pid, 2)
        if when == "as rows come":
            process.stdout.read(1)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) == 1
        assert process.stderr.read().strip() == b"Aborted!"
        wait_for_workers(process.pid, 0)


def test_a_closed_pipe_ends_the_command_quietly(folder: Path) -> None:
    with running(folder) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.read(1) == b"{"
        process.stdout.close()
        process.wait(30)
        assert process.stderr.read() == b""
        wait_for_workers(process.pid, 0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Only Linux has /dev/full.")
def test_a_full_disk_is_told_in_a_sentence() -> None:
    with open("/dev/full", "wb") as full:
        result = subprocess.run(
            command("predict", SEVEN), cwd=ROOT, env=clean_environment(), stdout=full, stderr=subprocess.PIPE
        )
    assert (result.returncode, result.stderr) == (1, b"Error: no space left on device.\n")


def test_a_worker_that_dies_is_an_error_in_one_sentence(folder: Path) -> None:
    with running(folder) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.read(1) == b"{"
        os.kill(wait_for_workers(process.pid, 2)[0], signal.SIGKILL)
        while process.stdout.read(2**16):
            pass
        assert process.wait(30) == 1
        assert process.stderr.read().startswith(b"Error: A worker process died")
