"""Answers in one file, and how a run goes on with it."""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from service.batch import storage
from service.batch.outputs import Output
from service.batch.processes import Processes
from service.batch.progress import Progress, Tally
from service.batch.references import File
from service.batch.row_file import ParquetFile, RowFile
from service.batch.tasks import PredictTask, ReadTask
from service.errors import OutputMismatch, UnwritableOutput
from service.settings import Settings
from tests.support.images import png
from tests.support.models import copy_two_versions
from tests.support.paths import ROOT, SEVEN
from training.data import datasets

COUNT = 40  # a whole chunk, and a part of one
ENGINE = Processes(1)
READ = ReadTask(Settings())
FORMATS: list[Literal["csv", "jsonl"]] = ["csv", "jsonl"]
TASKS: list[Any] = [PredictTask(Settings()), READ]


@pytest.fixture(scope="module")
def images(mnist: datasets.Dataset, tmp_path_factory: pytest.TempPathFactory) -> list[File]:
    """Files with names that need quotes, and one that is no image. Some sheets have two lines, and so line breaks."""
    folder = tmp_path_factory.mktemp("digits")
    paths = [folder / f'{number},"\n.png' for number in range(COUNT)]
    for path, digit in zip(paths, mnist.x_test, strict=False):
        path.write_bytes(png(digit))
    paths[3].write_bytes((ROOT / "tests" / "number.png").read_bytes())
    paths[5].write_bytes(b"?")
    return [File(str(path)) for path in paths]


def write(file: Output, images: Sequence[File], resume: bool = False) -> Progress:
    tally = Tally(lambda *_: None)
    file.prepare(resume)
    file.write(images, ENGINE, tally.report)
    return tally.sum


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("task", TASKS, ids=["predict", "read"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_file_that_was_cut_anywhere_is_completed(
    images: list[File],
    tmp_path_factory: pytest.TempPathFactory,
    file_format: Literal["csv", "jsonl"],
    task: Any,
    data: st.DataObject,
) -> None:
    path = tmp_path_factory.getbasetemp() / f"{task.kind}.{file_format}"
    file = RowFile(str(path), file_format, task)
    whole = path.with_name(f"whole-{path.name}")
    if not whole.exists():
        write(RowFile(str(whole), file_format, task), images)
    size = data.draw(st.integers(0, whole.stat().st_size))
    path.write_bytes(whole.read_bytes()[:size])
    progress = write(file, images, resume=True)
    assert path.read_bytes() == whole.read_bytes()
    assert progress.images + progress.earlier == COUNT
    assert progress.images == 0 or size < whole.stat().st_size


def test_rows_are_those_of_standard_output_with_the_names_of_the_images(images: list[File], tmp_path: Path) -> None:
    assert write(RowFile(str(tmp_path / "a.csv"), "csv", READ), images) == Progress(COUNT, 1, 0)
    write(RowFile(str(tmp_path / "a.jsonl"), "jsonl", READ), images)
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_bytes().splitlines()]
    assert [row["file"] for row in rows] == [line["file"] for line in lines] == [image.name for image in images]
    assert [row["text"] for row in rows] == [line.get("text", "") for line in lines]
    assert rows[3]["text"] == "42\n17"
    assert [row["code"] for row in rows if row["code"]] == ["unreadable_image"]


def test_parquet_has_the_numbers_of_json(images: list[File], tmp_path: Path) -> None:
    task = PredictTask(Settings())
    write(RowFile(str(tmp_path / "a.jsonl"), "jsonl", task), images)
    assert write(ParquetFile(str(tmp_path / "a.parquet"), task), images) == Progress(COUNT, 2, 0)
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_bytes().splitlines()]
    table = parquet.read_table(tmp_path / "a.parquet")
    assert [str(kind) for kind in table.schema.types] == [
        "string",
        "int32",
        "float",
        "bool",
        *["float"] * 10,
        *["string"] * 2,
    ]
    for row, line in zip(table.to_pylist(), lines, strict=True):
        probabilities = [row[f"p{digit}"] for digit in range(10)]
        assert probabilities == line.get("probabilities", [None] * 10)
        for name in ("file", "digit", "confidence", "uncertain", "error", "code"):
            assert row[name] == line.get(name)


def test_what_exists_is_kept(tmp_path: Path) -> None:
    for file in (RowFile(str(tmp_path / "a.csv"), "csv", READ), ParquetFile(str(tmp_path / "a.parquet"), READ)):
        Path(file.path).write_bytes(b"mine")
        with pytest.raises(UnwritableOutput, match="exists already: name another output"):
            file.prepare(resume=False)
    with pytest.raises(UnwritableOutput, match="Nothing can be added to a Parquet file: for --resume, name a folder"):
        ParquetFile(str(tmp_path / "new.parquet"), READ).prepare(resume=True)
    with pytest.raises(OutputMismatch, match="has other columns"):
        write(RowFile(str(tmp_path / "a.csv"), "csv", READ), [File("a")], resume=True)
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"mine"}


@pytest.mark.parametrize("file_format", FORMATS)
def test_rows_of_other_images_are_not_gone_on_with(tmp_path: Path, file_format: Literal["csv", "jsonl"]) -> None:
    file = RowFile(str(tmp_path / "a"), file_format, READ)
    write(file, [File("a.png"), File("b.png")])
    content = Path(file.path).read_bytes()
    mismatches: dict[tuple[File, ...], str] = {
        (File("a.png"), File("c.png")): r"has a row of b\.png where c\.png is next: the images are others than before",
        (File("a.png"),): r"has a row of b\.png, which is no image of these",
    }
    for images, sentence in mismatches.items():
        with pytest.raises(OutputMismatch, match=sentence):
            write(file, images, resume=True)
    assert Path(file.path).read_bytes() == content
    Path(file.path).write_bytes(content + b"?\n")
    with pytest.raises(OutputMismatch):
        write(file, [File("a.png"), File("b.png")], resume=True)


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("rows", [32, 36])  # a chunk, and a part of the next
def test_answers_of_another_version_are_not_gone_on_with(
    images: list[File], tmp_path: Path, file_format: Literal["csv", "jsonl"], rows: int
) -> None:
    file = RowFile(str(tmp_path / "a"), file_format, PredictTask(Settings()))
    write(file, images[:rows])
    content = Path(file.path).read_bytes()
    older = RowFile(file.path, file_format, PredictTask(Settings(models=copy_two_versions(tmp_path / "models"))))
    with pytest.raises(OutputMismatch, match="than this command gives now: the version, the settings or the image"):
        write(older, images, resume=True)
    assert Path(file.path).read_bytes() == content
    assert write(file, images, resume=True) == Progress(COUNT - rows, 0, rows)


def test_a_file_that_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    for file in (RowFile(f"{SEVEN}/a.csv", "csv", READ), ParquetFile(f"{SEVEN}/a.parquet", READ)):
        with pytest.raises(UnwritableOutput, match=r"Nothing can be written to .*/seven\.png/a\.\w+: "):
            write(file, [File(str(SEVEN))])
    with pytest.raises(KeyboardInterrupt):
        ParquetFile(str(tmp_path / "a.parquet"), READ).write(interrupted(), ENGINE, print)
    assert not list(tmp_path.iterdir())


def test_a_file_that_another_command_writes_is_left_alone(tmp_path: Path) -> None:
    file = RowFile(str(tmp_path / "a.csv"), "csv", READ)
    with storage.open_to_append(file.path), pytest.raises(UnwritableOutput, match="Another command is writing"):
        write(file, [File(str(SEVEN))], resume=True)
    assert Path(file.path).read_bytes() == b""
    write(file, [File(str(SEVEN))], resume=True)
    assert len(Path(file.path).read_text().splitlines()) == 2


def interrupted() -> Iterator[File]:
    yield File(str(SEVEN))
    raise KeyboardInterrupt
