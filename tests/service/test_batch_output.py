"""`--output` and `--resume` of predict and read, with processes that are killed."""

import csv
import io
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from pyarrow import parquet

from tests.support.commands import command, read_jsonl, run, run_on_terminal
from tests.support.images import png
from tests.support.paths import ROOT, SEVEN
from tests.support.server import clean_environment
from tests.support.store import serving_store
from tests.support.wait import wait_until
from training.data import datasets

COUNT = 6000  # takes long enough to be killed in the middle


@pytest.fixture(scope="module")
def archive(mnist: datasets.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archives") / "digits.zip"
    with zipfile.ZipFile(path, "w") as file:
        for number, digit in enumerate(mnist.x_test[:COUNT]):
            file.writestr(f"{number}.png", png(digit))
    return path


@pytest.fixture(scope="module")
def rows(archive: Path) -> list[list[str]]:
    """The rows of the images on standard output, in a run that is not interrupted."""
    result = run("--workers", "2", "predict", archive)
    assert (result.returncode, result.stderr) == (0, b"")
    rows = list(csv.reader(result.stdout.decode().splitlines()))
    assert [row[0] for row in rows[1:]] == [f"{archive}/{number}.png" for number in range(COUNT)]
    return rows


def read_rows(output: Path) -> list[list[str]]:
    """Read the whole rows of a file, or of all parts in a folder, with one header."""
    files = sorted(output.glob("part-*")) if output.is_dir() else [output]
    parts = [list(csv.reader(io.StringIO(file.read_text().rpartition("\n")[0]))) for file in files]
    return [*parts[0][:1], *(row for part in parts for row in part[1:])] if parts else []


@contextmanager
def writing(archive: Path, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command that goes on with an output, in a process group of its own."""
    arguments = command("--workers", "2", "predict", archive, "--output", output, "--resume")
    with subprocess.Popen(
        arguments, cwd=ROOT, env=clean_environment(), stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def find_worker(group: int) -> int:
    listed = subprocess.run(["pgrep", "-g", str(group), "-f", "spawn_main"], capture_output=True, text=True, check=True)
    return int(listed.stdout.split()[0])


@pytest.mark.parametrize("name", ["answers.csv", "answers"])
def test_a_run_that_was_killed_goes_on_without_a_row_twice_or_missing(
    archive: Path, rows: list[list[str]], tmp_path: Path, name: str
) -> None:
    output = tmp_path / name
    for victim, sentence in {"worker": b"Error: A worker process died", "command": b""}.items():
        count = len(read_rows(output)) if output.exists() else 0
        with writing(archive, output) as process:
            assert process.stderr
            wait_until(lambda: output.exists() and len(read_rows(output)) > count + 100)  # noqa: B023
            os.kill(find_worker(process.pid) if victim == "worker" else process.pid, signal.SIGKILL)
            assert process.wait(30) == (1 if victim == "worker" else -signal.SIGKILL)
            assert sentence in process.stderr.read()
        assert count < len(read_rows(output)) < len(rows)
        assert read_rows(output) == rows[: len(read_rows(output))]
    earlier = len(read_rows(output)) - 1
    result = run("--workers", "2", "predict", archive, "--output", output, "--resume")
    assert (result.returncode, result.stdout) == (0, b"")
    assert result.stderr.decode() == (
        f"{COUNT - earlier:,} images answered, 0 of them by an error, {earlier:,} answered earlier.\n"
    )
    assert read_rows(output) == rows


def test_outputs_have_what_standard_output_has(tmp_path: Path) -> None:
    paths = ["tests/seven.png", "README.md", "tests/number.png"]
    for subcommand in ("predict", "read"):
        for name, row_format in {"a.csv": "csv", "a.jsonl": "jsonl", "parts": "csv"}.items():
            output = tmp_path / subcommand / name
            printed = run(subcommand, "--format", row_format, *paths)
            written = run(subcommand, *paths, "--output", output)
            errors = 2 if subcommand == "predict" else 1  # predict refuses several digits
            sentence = f"3 images answered, {errors} of them by an error.\n".encode()
            assert (written.returncode, written.stdout, written.stderr) == (1, b"", sentence)
            (file,) = output.iterdir() if output.is_dir() else [output]
            assert file.read_bytes() == printed.stdout
        run(subcommand, *paths, "--output", tmp_path / subcommand / "a.parquet")
        codes = [row.get("code") for row in read_jsonl(run(subcommand, "--format", "jsonl", *paths))]
        assert parquet.read_table(tmp_path / subcommand / "a.parquet").column("code").to_pylist() == codes


def test_an_output_that_exists_is_kept(tmp_path: Path) -> None:
    output = tmp_path / "a.csv"
    output.write_bytes(b"mine")
    result = run("predict", SEVEN, "--output", output)
    assert (result.returncode, result.stdout, output.read_bytes()) == (1, b"", b"mine")
    assert result.stderr == f"Error: {output} exists already: name another output, or go on with --resume.\n".encode()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--resume",), "--resume goes on with an output: name it with --output."),
        (("--format", "parquet"), "Parquet is written to files: name one with --output."),
        (("--format", "table", "--output", "new"), "A table is for people: --format csv, jsonl or parquet goes with"),
        (("--format", "jsonl", "--output", "new.csv"), "new.csv is not a name for the format jsonl."),
        (("--output", "s3://bucket/new.csv"), "s3://bucket/new.csv can't be written row by row in a store: name a fol"),
        (("--output", "README.md/new.csv"), "Nothing can be written to README.md/new.csv: not a directory."),
    ],
)
def test_an_output_that_cannot_be_is_an_error_in_one_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    result = run("predict", SEVEN, *arguments)
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr.startswith(f"Error: {sentence}".encode())
    assert result.stderr.count(b"\n") == 1


def test_a_terminal_shows_how_far_it_is(archive: Path, tmp_path: Path) -> None:
    shown, printed = run_on_terminal(2, "predict", archive, "--output", tmp_path / "a.csv")
    assert f"{COUNT}/{COUNT}" in shown
    assert f"{COUNT:,} images answered, 0 of them by an error." in shown
    assert printed == b""


def test_images_of_an_archive_are_drawn_into_folders(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.write(ROOT / "tests" / "number.png", "../../a/number.png")
        file.write(SEVEN, "b/7.png")
    result = run("read", tmp_path / "a.zip", "--draw", tmp_path / "drawn", "--output", tmp_path / "a.csv")
    assert (result.returncode, result.stdout) == (0, b"")
    drawn = [path.relative_to(tmp_path) for path in tmp_path.rglob("*.png")]
    assert sorted(map(str, drawn)) == ["drawn/a/number.png", f"drawn/{tmp_path.name}/a.zip/b/7.png"]


def test_answers_go_from_bucket_to_bucket(archive: Path, rows: list[list[str]]) -> None:
    with serving_store("bucket") as store:
        store.put_file(str(archive), "bucket/digits.zip")
        source, output = "s3://bucket/digits.zip", "s3://bucket/answers"
        assert run("--workers", "2", "predict", source, "--output", output).returncode == 0
        assert b"There are parts in s3://bucket/answers already" in run("predict", source, "--output", output).stderr
        names = sorted(store.ls("bucket/answers", detail=False))
        whole = [store.cat_file(name) for name in names]
        store.rm(names[2])
        result = run("--workers", "2", "predict", source, "--output", output, "--resume")
        assert result.stderr == b"1,024 images answered, 0 of them by an error, 4,976 answered earlier.\n"
        assert [store.cat_file(name) for name in names] == whole
    numbers = [row[1:] for content in whole for row in list(csv.reader(content.decode().splitlines()))[1:]]
    assert numbers == [row[1:] for row in rows[1:]]


@pytest.mark.parametrize(
    ("module", "source", "sentence"),
    [
        ("fsspec", "s3://bucket/7.png", "The address s3://bucket/7.png needs fsspec, which can't be imported"),
        ("pyarrow", "a.parquet", "Parquet needs pyarrow, which can't be imported"),
    ],
)
def test_without_the_extra_its_package_is_named_and_archives_are_read(
    archive: Path, rows: list[list[str]], module: str, source: str, sentence: str
) -> None:
    code = f"import sys; sys.modules[{module!r}] = None; from service.__main__ import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", code, "predict", source], cwd=ROOT, env=clean_environment(), capture_output=True
    )
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr == f"Error: {sentence}: pip install 'mnist-service[batch]'.\n".encode()
    result = subprocess.run(
        [sys.executable, "-c", code, "--workers", "1", "predict", archive],
        cwd=ROOT, env=clean_environment(), capture_output=True,
    )  # fmt: skip
    assert list(csv.reader(result.stdout.decode().splitlines())) == rows
