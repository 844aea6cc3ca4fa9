"""The labels of image files, by folders, by names and by tables."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from service.cli.labels import Labels, load_labels
from service.errors import ServiceError
from tests.support.files import touch, write_table
from tests.support.paths import SEVEN


def labels_of(labels: Labels) -> dict[str, int]:
    return {image.name: image.label for image in labels.images}


def test_folders_are_labels_at_any_depth(tmp_path: Path) -> None:
    touch(tmp_path, "7/a.png", "7/3.png", "7/old/4_b.JPG", "pens/thin/0/c.webp", "seven/d.png", "2/3/e.png", "77/f.png")
    labels = load_labels(str(tmp_path))
    assert labels_of(labels) == {"7/3.png": 7, "7/a.png": 7, "7/old/4_b.JPG": 7, "pens/thin/0/c.webp": 0}
    assert labels.left_out == {"ambiguous": ["2/3/e.png"], "unlabelled": ["77/f.png", "seven/d.png"]}
    assert labels_of(load_labels(str(tmp_path / "7" / "old"))) == {"4_b.JPG": 4}
    assert labels_of(load_labels(str(tmp_path / "7"))) == {"3.png": 7, "a.png": 7, "old/4_b.JPG": 7}


def test_names_of_files_are_labels(tmp_path: Path) -> None:
    labels_by_name = {"7.png": 7, "7_x.png": 7, "3-1.jpg": 3, "0 (2).png": 0, "deep/er/5.tif": 5, "pen/1_7.png": 1}
    touch(tmp_path, *labels_by_name, "77.png", "7a.png", "seven.png", "x_7.png", "7é.png")
    labels = load_labels(str(tmp_path))
    assert labels_of(labels) == labels_by_name
    assert labels.left_out == {"unlabelled": ["7a.png", "7é.png", "77.png", "seven.png", "x_7.png"]}


def test_labelled_files_that_are_no_images_by_their_suffix_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "7/a.png", "7/a.mov", "8_b.pdf", "README.md", "7/.hidden", ".git/8/x")
    labels = load_labels(str(tmp_path))
    assert labels_of(labels) == {"7/a.png": 7}
    assert labels.left_out == {"no_image": ["7/a.mov", "8_b.pdf"]}


@pytest.mark.parametrize(("name", "comma"), [("index.csv", ","), ("labels.csv", ","), ("index.tsv", "\t")])
def test_a_table_in_the_folder_or_in_its_place_has_the_labels(tmp_path: Path, name: str, comma: str) -> None:
    touch(tmp_path, "9.png", "b/x,y.png", "4/c.png")
    lines = [["\ufeffWriter", " Digit", "File"], ["me", " 1 ", "9.png"], [], ["you", "0", '"b/x,y.png"']]
    table = write_table(tmp_path / name, *(comma.join(line) for line in lines))
    expected = {"9.png": 1, "b/x,y.png": 0}
    assert labels_of(load_labels(str(tmp_path))) == labels_of(load_labels(str(table))) == expected
    assert load_labels(str(tmp_path)).left_out == {"unlabelled": ["4/c.png"]}
    assert load_labels(str(table)).left_out == {}


def test_a_table_may_list_images_elsewhere_of_any_name(tmp_path: Path) -> None:
    touch(tmp_path, "images/7")
    (tmp_path / "tables").mkdir()
    write_table(tmp_path / "tables" / "index.csv", "file,digit", "../images/7,2", f"{SEVEN},7")
    labels = load_labels(str(tmp_path / "tables"))
    assert [(os.path.normpath(image.path), image.label) for image in labels.images] == [
        (str(tmp_path / "images" / "7"), 2),
        (str(SEVEN), 7),
    ]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["file,label", "a.png,1"], "has no column digit: its first line names file and digit."),
        (["a.png,1"], "has no column file and digit: its first line names file and digit."),
        ([], "has no column file and digit: its first line names file and digit."),
        (
            ["file,digit", "a.png,1", "b.png,10", "c.png,-1"],
            "has 2 of 3 labels that are not a digit from 0 to 9, the first '10' in line 3.",
        ),
        (["file,digit", "a.png"], "has 1 of 1 labels that are not a digit from 0 to 9, the first '' in line 2."),
        (["file,digit", "1.png,\u0667"], "has 1 of 1 labels that are not a digit from 0 to 9, the first '\u0667' in"),
        (["file,digit", "a.png,1", ",2"], "names no file in line 3."),
        (["file,digit", "a\0.png,1"], "names no file in line 2."),
        (["file,digit", "a.png,1", "b.png,1", "./a.png,2"], "names a.png 2 times."),
        (["file,digit", "a" * 200_000 + ".png,1"], "is not a table: field larger than field limit (131072)."),
    ],
)  # fmt: skip
def test_a_wrong_table_is_an_error_in_one_sentence(tmp_path: Path, lines: Sequence[str], sentence: str) -> None:
    table = write_table(tmp_path / "labels.csv", *lines)
    with pytest.raises(ServiceError) as error:
        load_labels(str(tmp_path))
    assert str(error.value).startswith(f"{table} {sentence}")
