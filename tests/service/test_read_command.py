"""`python -m service read`: reads all digits in files and folders, without a server."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image

from service.app import create_app
from service.batch import drawings
from service.batch.references import Drawn, File
from service.batch.tasks import ReadTask
from service.inference.predictor import Predictor
from service.inference.schemas import Reading
from service.models import loading
from service.preparation.finder import Finder
from service.settings import Settings
from tests.support.commands import read_jsonl, run, run_on_terminal
from tests.support.images import is_color, png
from tests.support.paths import ROOT, SEVEN
from training.data import datasets
from training.synthetic.rendering import BLACK, WHITE, encode_image, fill_page, lay_ink, trace_digit

STEP_PX, MARGIN_PX, HEIGHT_PX = 120, 60, 80
SHEETS = 12  # several chunks for each worker


def draw_sheet(digits: NDArray[np.uint8], columns: int, kind: str = "PNG", **options: Any) -> bytes:
    """Draw digits in lines, and return the image file."""
    rows = -(-len(digits) // columns)
    ink = np.zeros((rows * STEP_PX + MARGIN_PX, columns * STEP_PX + MARGIN_PX), np.float32)
    for number, digit in enumerate(digits):
        stroke = trace_digit(digit, HEIGHT_PX)
        top, left = (MARGIN_PX + place * STEP_PX for place in divmod(number, columns))
        ink[top : top + stroke.shape[0], left : left + stroke.shape[1]] = stroke
    return encode_image(lay_ink(fill_page(ink.shape, WHITE), ink, BLACK), kind, **options)


@pytest.fixture(scope="module")
def folder(mnist: datasets.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sheets")
    for number in range(SHEETS):
        (folder / f"{number}.png").write_bytes(draw_sheet(mnist.x_test[4 * number : 4 * number + 4], 2))
    return folder


def read_with(predictor: Predictor, folder: Path) -> list[Reading]:
    return [predictor.read((folder / f"{number}.png").read_bytes()) for number in range(SHEETS)]


@pytest.fixture(scope="module")
def predictor(finder: Finder) -> Predictor:
    return Predictor(loading.load_default(Settings()), finder, Settings())


def test_csv_has_what_the_predictor_reads_and_a_bar_shows_how_far_it_is(folder: Path, predictor: Predictor) -> None:
    shown, text = run_on_terminal(2, "--workers", "2", "read", folder)
    assert f"{SHEETS}/{SHEETS}" in shown
    rows = list(csv.DictReader(io.StringIO(text.decode(), newline="")))
    assert list(rows[0]) == ["file", "text", "digits", "confidence", "uncertain", "error", "code"]
    assert [row["file"] for row in rows] == [str(folder / f"{number}.png") for number in range(SHEETS)]
    expected = read_with(predictor, folder)
    assert expected[0].text == rows[0]["text"] == "72\n10"
    for row, answer in zip(rows, expected, strict=True):
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
    rows = read_jsonl(result)
    client = create_app(Settings()).test_client()
    for path, row in zip(paths, rows, strict=True):
        answer = client.post("/read", data=(ROOT / path).read_bytes(), content_type="image/png")
        assert row == {"file": path} | answer.get_json()
    assert list(rows[1]) == ["file", "error", "code"]
    assert rows[1]["code"] == "unreadable_image"


def test_a_terminal_shows_a_table() -> None:
    shown, errors = run_on_terminal(1, "read", "tests/seven.png", "README.md", "nope")
    assert shown.splitlines() == [
        "file             text",
        "tests/seven.png  7",
        "README.md        This is not an image in a supported format "
        "(PNG, JPEG, WEBP, GIF, BMP, TIFF, PPM, AVIF, HEIF).",
        "nope             This can't be read: no such file or directory.",
    ]
    assert errors == b""


def test_without_files_the_use_is_told() -> None:
    result = run("read")
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.startswith(b"Usage: ")


def check_boxes(path: Path, digits: int, scale: int = 1) -> None:
    """Check that a box stands close to the ink of each digit in a line, and nowhere else."""
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


def test_drawings_are_upright_and_named_as_their_images(tmp_path: Path, mnist: datasets.Dataset) -> None:
    rotation = Image.Exif()
    rotation[ExifTags.Base.Orientation] = 6  # shown after a clockwise turn
    (tmp_path / "in" / "below").mkdir(parents=True)
    (tmp_path / "in" / "7.png").write_bytes(draw_sheet(mnist.x_test[:4], 4))
    (tmp_path / "in" / "7.jpg").write_bytes(
        draw_sheet(mnist.x_test[:4], 4, "JPEG", turn=Image.Transpose.ROTATE_90, exif=rotation)
    )
    (tmp_path / "in" / "below" / "7.png").write_bytes(SEVEN.read_bytes())
    (tmp_path / "in" / "blank.png").write_bytes(encode_image(fill_page((300, 300), WHITE)))
    result = run("read", tmp_path / "in", "-", "--draw", tmp_path / "out" / "new", stdin=SEVEN.read_bytes())
    names = sorted(str(path.relative_to(tmp_path / "out" / "new")) for path in (tmp_path / "out").rglob("*.png"))
    assert names == ["7-2.png", "7.png", "below/7.png", "stdin.png"]
    assert (result.returncode, result.stderr) == (1, b"")  # the blank image has no digit
    for name in ("7.png", "7-2.png"):
        check_boxes(tmp_path / "out" / "new" / name, 4)


def test_boxes_are_where_digits_are_in_an_image_that_was_reduced(tmp_path: Path, mnist: datasets.Dataset) -> None:
    small = np.asarray(Image.open(io.BytesIO(draw_sheet(mnist.x_test[:4], 4))))
    (tmp_path / "large.png").write_bytes(png(np.kron(small, np.ones((6, 6, 1), np.uint8))))  # 3240x1080
    (answer,) = ReadTask(Settings()).answer([Drawn(File(str(tmp_path / "large.png")), str(tmp_path / "drawn.png"))])
    assert isinstance(answer, Reading)
    assert answer.text == "7210"
    left = 6 * np.flatnonzero((small < 128).any(axis=(0, 2)))[0]
    assert abs(answer.digits[0].box[0] - left) < 30
    check_boxes(tmp_path / "drawn.png", 4, 3)


def test_a_folder_that_cannot_be_written_is_an_error_in_one_sentence() -> None:
    result = run("read", SEVEN, "--draw", "README.md/drawings")
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr == b"Error: Nothing can be drawn to README.md/drawings: not a directory.\n"


def test_a_drawing_that_cannot_be_written_ends_all_workers_with_a_sentence(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "5.png").mkdir()
    result = run("--workers", "2", "read", folder, "--draw", tmp_path)
    assert result.returncode == 1
    assert result.stderr == f"Error: Nothing can be drawn to {tmp_path}/5.png: is a directory.\n".encode()
