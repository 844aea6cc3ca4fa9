"""The files that drawings are written to."""

import os
from pathlib import Path

import pytest

from service.batch.targets import plan_targets
from service.errors import UnwritableDrawing
from tests.support.paths import SEVEN


def test_targets_keep_folders_apart_and_number_what_has_one_name(tmp_path: Path) -> None:
    a, b = str(tmp_path / "a"), str(tmp_path / "b" / "c")
    paths = [f"{a}/1.png", f"{a}/1.jpg", f"{b}/1.png", f"{a}/1-2.png", f"{a}/../a/1.png", "-"]
    folder = str(tmp_path / "drawn")
    names = [os.path.relpath(target, folder) for target in plan_targets(paths, folder)]
    assert names == ["a/1.png", "a/1-2.png", "b/c/1.png", "a/1-2-2.png", "a/1-3.png", "stdin.png"]
    assert plan_targets(["-"], folder) == [f"{folder}/stdin.png"]
    assert plan_targets([f"{b}/x.y.tif"], folder) == [f"{folder}/x.y.png"]
    assert os.path.isdir(folder)


def test_a_drawing_replaces_no_picture(tmp_path: Path) -> None:
    (tmp_path / "7.png").write_bytes(SEVEN.read_bytes())
    with pytest.raises(UnwritableDrawing, match=r"7\.png would replace an image: name another folder\.$"):
        plan_targets([str(tmp_path / "7.png")], str(tmp_path))
    assert (tmp_path / "7.png").read_bytes() == SEVEN.read_bytes()
