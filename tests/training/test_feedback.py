"""The command that lists corrections, finds likely slips, draws a sheet and removes what is named."""

from pathlib import Path

import numpy as np
import pytest

from service.preparation.finder import Finder
from tests.support.corrections import write_correction
from tests.support.images import png
from tests.support.training import run_in_process, run_training
from tests.support.writer import write_digits
from training.data.datasets import Dataset
from training.errors import DataError
from training.feedback import corrections, sheet, slips


@pytest.fixture
def folder(mnist: Dataset, tmp_path: Path) -> Path:
    """Two slips, one of a digit and one of none, among a writer's digits that were read as 8."""
    folder = tmp_path / "corrections"
    for image, digit in write_digits(30, seed=1):
        write_correction(folder, image, digit, 8, 0.98)
    write_correction(folder, png(mnist.x_test[0]), 5, 7, 0.99, version="10")
    write_correction(folder, png(mnist.x_test[1]), None, 2, 0.99, version="4")
    return folder


def names(found: list[corrections.StoredCorrection]) -> list[str]:
    return [correction.digit for correction in found]


def test_corrections_are_counted_by_digit_and_version(folder: Path) -> None:
    header, *rows, total = corrections.count(corrections.load(folder))
    assert header == ["digit", "version 3", "version 4", "version 10", "all"]
    assert [row[0] for row in rows] == ["0", "3", "5", "9", "none"]
    assert rows[2][1:] == ["0", "0", "1", "1"]
    assert rows[4][1:] == ["0", "1", "0", "1"]
    assert total == ["all", "30", "1", "1", "32"]


def test_slips_are_found_and_a_hand_with_its_own_kind_is_none(folder: Path, finder: Finder, mnist: Dataset) -> None:
    assert names(slips.find(folder, corrections.load(folder), finder, mnist.train)) == ["5", "none"]


def test_without_the_answer_or_when_it_was_unsure_nothing_is_a_slip(
    mnist: Dataset, finder: Finder, tmp_path: Path
) -> None:
    write_correction(tmp_path, png(mnist.x_test[0]), 5, 7, 0.6)
    write_correction(tmp_path, png(mnist.x_test[1]), 5, None, None)
    (tmp_path / write_correction(tmp_path, png(mnist.x_test[2]), 5, 1, 0.99)).with_suffix(".json").unlink()
    assert slips.find(tmp_path, corrections.load(tmp_path), finder, mnist.train) == []


def test_a_record_without_an_image_counts_for_nothing_and_an_image_without_a_record_counts(tmp_path: Path) -> None:
    for name in ("4/a.json", "4/b.png", "4/.part", "none/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"{")
    (tmp_path / "none" / "c.json").write_bytes(b'{"digit": ')
    rows = list(corrections.count(corrections.load(tmp_path)))
    assert rows == [["digit", "version -", "all"], ["4", "1", "1"], ["none", "1", "1"], ["all", "2", "2"]]


def test_removing_takes_the_image_and_its_record_and_nothing_else(folder: Path) -> None:
    before = {path for path in folder.rglob("*") if path.is_file()}
    stored = corrections.load(folder)
    chosen = corrections.choose([stored[0].path.as_posix()], stored)
    corrections.remove(folder, chosen)
    removed = before - set(folder.rglob("*"))
    assert removed == {folder / stored[0].path, (folder / stored[0].path).with_suffix(".json")}


@pytest.mark.parametrize("name", ["5/nothing.png", "../secret.png", "/etc/passwd"])
def test_only_corrections_are_removed(name: str, folder: Path) -> None:
    (folder.parent / "secret.png").write_bytes(b"")
    with pytest.raises(DataError, match="There is no correction"):
        corrections.choose([name], corrections.load(folder))


def test_the_sheet_shows_each_image_with_answer_and_correction_and_slips_first(folder: Path, tmp_path: Path) -> None:
    (folder / "7").mkdir()
    (folder / "7" / "damaged.png").write_bytes(b"no image")
    stored = corrections.load(folder)
    likely = [correction for correction in stored if correction.digit == "none"]
    sheet.write(tmp_path / "sheet.html", folder, stored, likely)
    page = (tmp_path / "sheet.html").read_text()
    assert page.count("<figure") == page.count("<bdi>") == 33
    assert page.count("data:image/png;base64,") == 32
    assert page.index("a slip?") < page.index("<strong>2 → no digit</strong>") + 200
    assert page.index("<strong>2 → no digit</strong>") < page.index("<strong>8 → ")
    assert all(correction.path.as_posix() in page for correction in stored)


def test_the_command_lists_shows_and_removes(folder: Path, tmp_path: Path) -> None:
    named = min((folder / "9").glob("*.png")).relative_to(folder).as_posix()
    output = run_in_process(
        "feedback", folder, "--sheet", tmp_path / "sheet.html", "--remove", "slips", "--remove", named
    ).output
    assert "  all         30          1           1   32" in output
    assert output.count("A slip? ") == 2
    assert "version 10 answered 7, 99.0% sure, corrected to 5" in output
    assert output.endswith("3 corrections are removed.\n")
    assert (tmp_path / "sheet.html").exists()
    assert sorted({path.parent.name for path in folder.rglob("*.*")} - {folder.name}) == ["0", "3", "9"]
    assert not (folder / named).exists()


def test_a_folder_without_corrections_is_told(tmp_path: Path) -> None:
    result = run_training("feedback", tmp_path)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1] == f"Error: There are no corrections in {tmp_path}."


def test_more_suspects_than_are_compared_at_once(mnist: Dataset, finder: Finder, tmp_path: Path) -> None:
    suspects = slips.CHUNK + 20
    shifts = np.random.default_rng(0).integers(1, 10, suspects)
    for image, label, shift in zip(mnist.x_test, mnist.y_test.tolist(), shifts.tolist(), strict=False):
        write_correction(tmp_path, png(image), (label + shift) % 10, label, 0.99)
    found = slips.find(tmp_path, corrections.load(tmp_path), finder, mnist.train)
    assert suspects / 2 < len(found) <= suspects
    assert set(names(found)) == set("0123456789")
