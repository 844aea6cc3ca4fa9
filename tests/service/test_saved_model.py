"""Folders that hold no SavedModel, or a part of one."""

import shutil
from pathlib import Path

import pytest

from service.errors import ModelError
from service.models import loading, saved_model
from service.settings import Settings
from tests.support.files import put_files


@pytest.fixture
def copy(shipped: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped, tmp_path / "mnist" / "9"))


@pytest.mark.parametrize(
    ("paths", "sentence"),
    [
        ([], "{} is empty: copy the files of a SavedModel into it."),
        (["m.keras"], '{}/m.keras is a Keras file, not a SavedModel: export it by keras.models.load_model("m.keras")'
                      '.export("{}").'),
        (["m.h5"], '{}/m.h5 is a Keras file, not a SavedModel: export it by keras.models.load_model("m.h5")'
                   '.export("{}").'),
        (["variables/variables.index"], "{} is only half copied: saved_model.pb is missing."),
        (["export/saved_model.pb"], "{} is no SavedModel, but {}/export is: move its files up."),
        (["model.onnx"], "{} is no SavedModel: it has model.onnx, and no saved_model.pb."),
    ],
)  # fmt: skip
def test_what_is_no_savedmodel_is_told(tmp_path: Path, paths: list[str], sentence: str) -> None:
    version = tmp_path / "mnist" / "1"
    version.mkdir(parents=True)
    put_files(version, *paths)
    for attempt in (loading.load_default, loading.check_default):
        with pytest.raises(ModelError) as error:
            attempt(Settings(models=tmp_path))
        assert str(error.value) == sentence.replace("{}", str(version))


def test_a_savedmodel_that_is_copied_in_part_is_told(copy: Path) -> None:
    shutil.rmtree(copy / "assets.extra")
    for name in ("variables/variables.data-00000-of-00001", "variables/variables.index"):
        (copy / name).unlink()
        missing = name if name.endswith("index") else "a file variables/variables.data"
        with pytest.raises(ModelError, match=f"is only half copied: {missing} is missing"):
            loading.load(copy, Settings())
    (copy / "saved_model.pb").write_bytes(b"")
    with pytest.raises(ModelError, match=r"is only half copied: saved_model\.pb is empty"):
        loading.load(copy, Settings())


def test_a_complete_savedmodel_passes(copy: Path) -> None:
    saved_model.check(copy)


@pytest.mark.parametrize(
    ("error", "line"),
    [(ValueError("wrong.\nat line 3"), "wrong"), (ValueError(" "), "ValueError"), (KeyError("a"), "'a'")],
)
def test_the_first_line_of_an_error(error: Exception, line: str) -> None:
    assert saved_model.first_line(error) == line
