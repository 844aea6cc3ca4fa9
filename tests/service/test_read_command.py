"""`python -m service read`: all digits in files and folders, without a server."""

import csv
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image

from service.app import create_app
from service.cli import batch_predict, drawings, output, targets
from service.errors import NoDigit, ServiceError, UnwritableDrawing
from service.inference.predictor import Predictor
from service.inference.schemas import Line, ModelName, ReadDigit, Reading
from service.models import loading
from service.preparation.finder import Finder
from service.settings import Settings
from tests.conftest import ROOT, SEVEN, png
from tests.service.test_batch_predict import read_jsonl, run, run_on_terminal
from training.data import datasets
from training.synthetic.rendering import BLACK, WHITE, lay, paper, save, trace

STEP_PX, MARGIN_PX, HEIGHT_PX = 120, 60, 80
SHEETS = 12  # several chunks for each worker
BOX = [10.0, 20.0, 30.0, 40.0]


def sheet(digits: NDArray[np.uint8], columns: int, kind: str = "PNG", **options: Any) -> bytes:
    """Write digits in lines, as a picture file."""
    rows = -(-len(digits) // columns)
    ink = np.zeros((rows * STEP_PX + MARGIN_PX, columns * STEP_PX + MARGIN_PX), np.float32)
    for number, digit in enumerate(digits):
        stroke = trace(digit, HEIGHT_PX)
        top, left = (MARGIN_PX + place * STEP_PX for place in divmod(number, columns))
        ink[top : top + stroke.shape[0], left : left + stroke.shape[1]] = stroke
    return save(lay(paper(ink.shape, WHITE), ink, BLACK), kind, **options)


@pytest.fixture(scope="module")
def folder(mnist: datasets.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sheets")
    for number in range(SHEETS):
        (folder / f"{number}.png").write_bytes(sheet(mnist.x_test[4 * number : 4 * number + 4], 2))
    return folder


def read_with(predictor: Predictor, folder: Path) -> list[Reading]:
    return [predictor.read((folder / f"{number}.png").read_bytes()) for number in range(SHEETS)]


@pytest.fixture(scope="module")
def predictor(finder: Finder) -> Predictor:
    return Predictor(loading.load_default(Settings()), finder, Settings())


def reading(*digits: tuple[int, float, list[float]], threshold: float = 0.5) -> Reading:
    """Make a reading of digits, their confidences and boxes, each in a line of its own."""
    lines = [
        Line(str(digit), [ReadDigit(digit, confidence, confidence < threshold, [0.1] * 10, box)])
        for digit, confidence, box in digits
    ]
    return Reading("\n".join(line.text for line in lines), lines, ModelName("mnist", "3"))


def is_color(drawing: NDArray[np.uint8], color: tuple[int, int, int]) -> NDArray[np.bool_]:
    colored: NDArray[np.bool_] = (drawing == color).all(axis=-1)
    return colored


def test_csv_has_what_the_predictor_reads_and_a_bar_shows_how_far_it_is(folder: Path, predictor: Predictor) -> None:
    shown, text = run_on_terminal(2, "--workers", "2", "read", folder)
    assert f"{SHEETS}/{SHEETS}" in shown
    rows_ = list(csv.DictReader(io.StringIO(text.decode(), newline="")))
    assert list(rows_[0]) == ["file", "text", "digits", "confidence", "uncertain", "error", "code"]
    assert [row["file"] for row in rows_] == [str(folder / f"{number}.png") for number in range(SHEETS)]
    expected = read_with(predictor, folder)
    assert expected[0].text == rows_[0]["text"] == "72\n10"
    for row, answer in zip(rows_, expected, strict=True):
        assert (row["text"], int(row["digits"])) == (answer.text, sum(len(line.digits) for line in answer.lines))
        assert float(row["confidence"]) == min(digit.confidence for digit in answer.digits)
        assert row["uncertain"] == ("true" if any(digit.uncertain for digit in answer.digits) else "false")
        assert (row["error"], row["code"]) == ("", "")


def test_the_number_of_workers_changes_nothing(folder: Path, tmp_path: Path) -> None:
    results = [
        run("--workers", count, "read", "--format", "jsonl", folder, "--draw", tmp_path / str(count))
        for count in (1, 2)
    ]
    assert [result.returncode for result in results] == [0, 0]
    assert results[0].stdout == results[1].stdout
    assert results[0].stdout.count(b"\n") == SHEETS
    for number in range(SHEETS):
        one, two = (tmp_path / count / f"{number}.png" for count in "12")
        assert one.read_bytes() == two.read_bytes()


def test_jsonl_has_the_answers_of_the_service_and_their_files(folder: Path) -> None:
    paths = [str(folder / "1.png"), "README.md", str(SEVEN), str(folder / "0.png")]
    result = run("read", "--format", "jsonl", *paths)
    assert result.returncode == 1
    rows_ = read_jsonl(result)
    client = create_app(Settings()).test_client()
    for path, row in zip(paths, rows_, strict=True):
        answer = client.post("/read", data=(ROOT / path).read_bytes(), content_type="image/png")
        assert row == {"file": path} | answer.get_json()
    assert list(rows_[1]) == ["file", "error", "code"]
    assert rows_[1]["code"] == "unreadable_image"


def test_a_terminal_shows_a_table() -> None:
    shown, errors = run_on_terminal(1, "read", "tests/seven.png", "README.md", "nope")
    assert shown.splitlines() == [
        "file             text",
        "tests/seven.png  7",
        "README.md        This is not a picture in a format that is read "
        "(PNG, JPEG, WEBP, GIF, BMP, TIFF, PPM, AVIF, HEIF).",
        "nope             This can't be read: no such file or directory.",
    ]
    assert errors == b""


def test_a_table_has_lines_in_one_cell_and_marks_what_is_uncertain(capsys: pytest.CaptureFixture[str]) -> None:
    answers: list[Reading | ServiceError] = [
        reading((7, 0.9, BOX), (2, 0.9, BOX)),
        reading((7, 0.9, BOX), (2, 0.4, BOX)),
        NoDigit("Nothing."),
    ]
    assert not output.write("table", output.READINGS, ["a", "b", "c"], answers)
    assert capsys.readouterr().out.splitlines() == ["file  text", "a     7 2", "b     7 2  uncertain", "c     Nothing."]


def test_without_files_the_use_is_told() -> None:
    result = run("read")
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.startswith(b"Usage: ")


def check_boxes(path: Path, digits: int, scale: int = 1) -> None:
    """Check that each of the digits in a line has the sides of a box beside its ink, and that nothing else has."""
    drawing = np.asarray(Image.open(path))
    assert drawing.shape == (scale * (STEP_PX + MARGIN_PX), scale * (digits * STEP_PX + MARGIN_PX), 3)
    line = drawing[scale * MARGIN_PX : scale * (MARGIN_PX + HEIGHT_PX - 5)]
    colored = is_color(line, drawings.SURE) | is_color(line, drawings.UNCERTAIN)
    for left in range(scale * MARGIN_PX, drawing.shape[1] - scale * MARGIN_PX, scale * STEP_PX):
        columns = slice(left - scale * 15, left + scale * (STEP_PX - 15))
        sides = np.flatnonzero(colored[scale * 5 :, columns].all(axis=0))
        ink = np.flatnonzero((line[:, columns].max(axis=-1) < 100).any(axis=0))
        assert len(sides) == 2 * drawings.LINE_PX
        assert 0 < ink[0] - sides[0] < scale * 6 + drawings.LINE_PX
        assert 0 < sides[-1] - ink[-1] < scale * 6 + drawings.LINE_PX


def test_drawings_are_upright_and_named_as_their_pictures(tmp_path: Path, mnist: datasets.Dataset) -> None:
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6  # it is to be turned clockwise
    (tmp_path / "in" / "below").mkdir(parents=True)
    (tmp_path / "in" / "7.png").write_bytes(sheet(mnist.x_test[:4], 4))
    (tmp_path / "in" / "7.jpg").write_bytes(
        sheet(mnist.x_test[:4], 4, "JPEG", turn=Image.Transpose.ROTATE_90, exif=turned)
    )
    (tmp_path / "in" / "below" / "7.png").write_bytes(SEVEN.read_bytes())
    (tmp_path / "in" / "blank.png").write_bytes(save(paper((300, 300), WHITE)))
    result = run("read", tmp_path / "in", "-", "--draw", tmp_path / "out" / "new", stdin=SEVEN.read_bytes())
    names = sorted(str(path.relative_to(tmp_path / "out" / "new")) for path in (tmp_path / "out").rglob("*.png"))
    assert names == ["7-2.png", "7.png", "below/7.png", "stdin.png"]
    assert (result.returncode, result.stderr) == (1, b"")  # there is nothing in the blank one
    for name in ("7.png", "7-2.png"):
        check_boxes(tmp_path / "out" / "new" / name, 4)


def test_boxes_are_where_digits_are_in_a_picture_that_was_reduced(tmp_path: Path, mnist: datasets.Dataset) -> None:
    small = np.asarray(Image.open(io.BytesIO(sheet(mnist.x_test[:4], 4))))
    (tmp_path / "large.png").write_bytes(png(np.kron(small, np.ones((6, 6, 1), np.uint8))))  # 3240x1080
    answer = next(batch_predict.read([str(tmp_path / "large.png")], Settings(), [str(tmp_path / "drawn.png")]))
    assert isinstance(answer, Reading)
    assert answer.text == "7210"
    left = 6 * np.flatnonzero((small < 128).any(axis=(0, 2)))[0]
    assert abs(answer.digits[0].box[0] - left) < 30
    check_boxes(tmp_path / "drawn.png", 4, 3)


@pytest.mark.parametrize(("confidence", "color"), [(0.9, drawings.SURE), (0.4, drawings.UNCERTAIN)])
def test_a_box_is_of_the_color_of_its_certainty(confidence: float, color: tuple[int, int, int]) -> None:
    drawing = np.asarray(
        drawings.draw(np.full((600, 400), 255, np.uint8), reading((7, confidence, [100, 200, 80, 120])))
    )
    colored = is_color(drawing, color)
    assert colored[198:200, 98:182].all()
    assert colored[320:322, 98:182].all()
    assert colored[198:322, 98:100].all()
    assert colored[198:322, 180:182].all()
    assert not colored[200:320, 100:180].any()
    label = colored[:198]
    assert 14 * 14 < label.sum() < 60 * 60
    assert (drawing[:198] == drawings.BLACK).all(axis=-1).any()  # the digit on it
    assert not colored[322:].any()


def test_boxes_and_labels_stay_in_the_picture() -> None:
    boxes: list[list[float]] = [[-3, -3, 50, 605], [370, -1, 40, 30], [350, 560, 60, 50], [0, 580, 30, 30]]
    drawing = np.asarray(drawings.draw(np.zeros((600, 400), np.uint8), reading(*((1, 0.9, box) for box in boxes))))
    colored = is_color(drawing, drawings.SURE)
    for edge in (colored[0, :40], colored[:, 0], colored[-1, :30], colored[:30, -1], colored[570:, -1]):
        assert edge.all()


@pytest.mark.parametrize(
    ("side", "shown"), [(28, 560), (100, 500), (600, 600), (2000, 2000), (3000, drawings.MAX_SIDE_PX)]
)
def test_small_pictures_are_enlarged_and_large_ones_reduced(side: int, shown: int) -> None:
    box = [side / 4, side / 4, side / 2, side / 2]
    drawing = drawings.draw(np.zeros((side // 2, side), np.uint8), reading((3, 0.9, box)))
    assert drawing.size == (shown, shown // 2)
    columns = np.flatnonzero(is_color(np.asarray(drawing), drawings.SURE).any(axis=0))
    assert (columns[0], columns[-1]) == (shown // 4 - drawings.LINE_PX, 3 * shown // 4 + drawings.LINE_PX - 1)


def test_targets_keep_folders_apart_and_number_what_has_one_name(tmp_path: Path) -> None:
    a, b = str(tmp_path / "a"), str(tmp_path / "b" / "c")
    paths = [f"{a}/1.png", f"{a}/1.jpg", f"{b}/1.png", f"{a}/1-2.png", f"{a}/../a/1.png", "-"]
    folder = str(tmp_path / "drawn")
    names = [os.path.relpath(target, folder) for target in targets.plan(paths, folder)]
    assert names == ["a/1.png", "a/1-2.png", "b/c/1.png", "a/1-2-2.png", "a/1-3.png", "stdin.png"]
    assert targets.plan(["-"], folder) == [f"{folder}/stdin.png"]
    assert targets.plan([f"{b}/x.y.tif"], folder) == [f"{folder}/x.y.png"]
    assert os.path.isdir(folder)


def test_a_drawing_replaces_no_picture(tmp_path: Path) -> None:
    (tmp_path / "7.png").write_bytes(SEVEN.read_bytes())
    with pytest.raises(UnwritableDrawing, match=r"7\.png would replace a picture: name another folder\.$"):
        targets.plan([str(tmp_path / "7.png")], str(tmp_path))
    assert (tmp_path / "7.png").read_bytes() == SEVEN.read_bytes()


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence() -> None:
    result = run("read", SEVEN, "--draw", "README.md/drawings")
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr == b"Error: Nothing can be drawn to README.md/drawings: not a directory.\n"


def test_a_drawing_that_cannot_be_written_ends_all_workers_with_a_sentence(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "5.png").mkdir()
    result = run("--workers", "2", "read", folder, "--draw", tmp_path)
    assert result.returncode == 1
    assert result.stderr == f"Error: Nothing can be drawn to {tmp_path}/5.png: is a directory.\n".encode()
