"""Answers in a folder of parts, and how a run goes on with them."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow import parquet

from service.batch.parts import PART_IMAGES, PartFolder, split_parts
from service.batch.processes import Processes
from service.batch.progress import Progress, Tally
from service.batch.references import File, Reference, Unreadable
from service.batch.tasks import PredictTask, ReadTask
from service.errors import OutputMismatch, UnwritableOutput
from service.inference.schemas import Prediction
from service.settings import Settings
from tests.support.paths import SEVEN

COUNT = 2 * PART_IMAGES + 40
IMAGES: list[Reference] = [File(str(SEVEN)), Unreadable("x", "No."), *[File(str(SEVEN))] * (COUNT - 2)]
TASK = PredictTask(Settings())


def make_folder(path: Path) -> PartFolder[Prediction]:
    return PartFolder(str(path / "out"), "csv", TASK)


def write(folder: PartFolder[Prediction], images: list[Reference], resume: bool = False) -> Progress:
    tally = Tally(lambda *_: None)
    folder.prepare(resume)
    folder.write(images, Processes(1), tally.report)
    return tally.sum


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a run that was not interrupted."""
    path = tmp_path_factory.mktemp("whole")
    assert write(make_folder(path), IMAGES) == Progress(COUNT, 1, 0)
    return read_files(path)


def read_files(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted((path / "out").iterdir())}


def put_files(path: Path, files: dict[str, bytes]) -> None:
    (path / "out").mkdir()
    for name, content in files.items():
        (path / "out" / name).write_bytes(content)


def test_parts_hold_all_images_in_their_order(whole: dict[str, bytes]) -> None:
    assert [name.rpartition("-")[0] for name in whole] == ["part-000000", "part-000001", "part-000002"]
    parts = [list(csv.DictReader(content.decode().splitlines())) for content in whole.values()]
    assert [len(part) for part in parts] == [PART_IMAGES, PART_IMAGES, 40]
    assert [row["file"] for part in parts for row in part] == [image.name for image in IMAGES]


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_parts_that_are_missing_are_written_and_others_stay(
    tmp_path: Path, whole: dict[str, bytes], missing: int
) -> None:
    there = {name: content for number, (name, content) in enumerate(whole.items()) if number != missing}
    marked = {name: content + b"as it was" for name, content in there.items()}
    put_files(tmp_path, marked | {f".{[*whole][missing]}-0123": b"of a run that was killed"})
    with pytest.raises(UnwritableOutput, match=r"There are parts in .* already: name another output"):
        make_folder(tmp_path).prepare(resume=False)
    done = 40 if missing == 2 else PART_IMAGES
    assert write(make_folder(tmp_path), IMAGES, resume=True) == Progress(done, missing == 0, COUNT - done)
    files = read_files(tmp_path)
    assert {name: content for name, content in files.items() if not name.startswith(".")} == whole | marked


def test_a_run_may_go_on_where_nothing_is_yet(tmp_path: Path, whole: dict[str, bytes]) -> None:
    write(make_folder(tmp_path), IMAGES, resume=True)
    assert read_files(tmp_path) == whole


def test_parts_of_other_images_or_another_command_are_not_gone_on_with(tmp_path: Path, whole: dict[str, bytes]) -> None:
    put_files(tmp_path, whole)
    folder = make_folder(tmp_path)
    mismatches = {
        "part-000001": (folder, [*IMAGES[:1500], File("new.png"), *IMAGES[1500:]]),
        "part-000002": (folder, IMAGES[: 2 * PART_IMAGES]),
        "part-000000": (PartFolder(folder.address, "csv", PredictTask(Settings(), "none")), IMAGES),
    }
    for name, (other, images) in mismatches.items():
        with pytest.raises(OutputMismatch, match=f"/out/{name}-.* holds other answers than this command would write"):
            write(other, images, resume=True)
    for part in split_parts(IMAGES):
        assert PartFolder(folder.address, "csv", ReadTask(Settings())).file_name(part) not in whole
    assert read_files(tmp_path) == whole


def test_parts_have_all_formats(tmp_path: Path) -> None:
    for file_format in ("jsonl", "parquet"):
        write(PartFolder(str(tmp_path / file_format), file_format, TASK), IMAGES[:3])
    (lines,), (table,) = (list((tmp_path / name).iterdir()) for name in ("jsonl", "parquet"))
    codes = [json.loads(line).get("code") for line in lines.read_bytes().splitlines()]
    assert codes == parquet.read_table(table).column("code").to_pylist() == [None, "unreadable_file", None]


def interrupted() -> Iterator[File]:
    yield from [File(str(SEVEN))] * (PART_IMAGES + 100)
    raise KeyboardInterrupt


def test_a_part_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        make_folder(tmp_path).write(interrupted(), Processes(1), print)
    assert [content.count(b"\n") for content in read_files(tmp_path).values()] == [PART_IMAGES + 1]
    with pytest.raises(UnwritableOutput, match=r"Nothing can be written to .*/seven\.png/out: not a directory"):
        write(make_folder(SEVEN), IMAGES)
