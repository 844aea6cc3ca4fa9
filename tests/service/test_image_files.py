"""Image files on disk."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.batch.image_files import load_file, sort_naturally, walk
from service.errors import TooLarge, UnreadableFile
from tests.support.paths import SEVEN


def test_folders_are_searched_by_suffix_and_in_natural_order(tmp_path: Path) -> None:
    for name in (
        "10.png",
        "9.JPG",
        "b/2.webp",
        "b/1.tif",
        "c/d/x.pnm",
        "notes.txt",
        ".hidden.png",
        ".git/1.png",
        "e/y",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "lost.png").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.png")
    names = [str(Path(file).relative_to(tmp_path)) for file, is_image in walk(str(tmp_path)) if is_image]
    assert names == ["9.JPG", "10.png", "b/1.tif", "b/2.webp", "c/d/x.pnm", "lost.png"]


def test_other_files_in_folders_are_found_apart(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for name in ("7.png", "notes.txt", ".hidden", "below/clip.mov"):
        (tmp_path / name).touch()
    others = [file for file, is_image in walk(str(tmp_path)) if not is_image]
    assert others == [str(tmp_path / "below" / "clip.mov"), str(tmp_path / "notes.txt")]


def test_a_file_is_loaded_up_to_a_limit() -> None:
    content = SEVEN.read_bytes()
    assert load_file(str(SEVEN), len(content)) == content
    with pytest.raises(TooLarge, match=f"at most {len(content) - 1} bytes"):
        load_file(str(SEVEN), len(content) - 1)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("missing.png", "This can't be read: no such file or directory."), ("", "There is no image in this folder.")],
)
def test_a_file_that_cannot_be_loaded_is_an_error(tmp_path: Path, name: str, sentence: str) -> None:
    with pytest.raises(UnreadableFile) as error:
        load_file(str(tmp_path / name), 100)
    assert str(error.value) == sentence


NAMES = st.text(st.sampled_from("ab01 9.\x01\u0663"), max_size=8)


def split_numbers(name: str) -> list[int | str]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


@given(st.lists(NAMES))
def test_names_sort_by_their_texts_and_numbers_and_then_by_themselves(names: list[str]) -> None:
    expected = sorted(names, key=lambda name: (split_numbers(name), name))
    sort_naturally(names)
    assert names == expected
