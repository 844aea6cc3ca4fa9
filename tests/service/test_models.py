"""Which version is served, and by which runtime."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service import models
from service.errors import ModelError
from service.settings import Settings
from tests.conftest import copy_version


@pytest.fixture
def copy(shipped: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped, tmp_path / "mnist" / "9"))


def test_highest_number_is_found_among_other_things(copy: Path, tmp_path: Path) -> None:
    for name in ("10", "2", ".unfinished-11", "11.old", "latest"):
        shutil.copytree(copy, copy.parent / name)
    (copy.parent / "12").write_text("a file is no version")
    assert [path.name for path in models.versions(tmp_path)] == ["2", "9", "10"]
    assert models.load(Settings(models=tmp_path)).version == 10


def test_without_any_version_the_shipped_one_is_served(shipped: Path, tmp_path: Path) -> None:
    assert models.find(tmp_path) == shipped


@pytest.mark.parametrize("name", ["saved_model.pb", "fingerprint.pb", "assets.extra/model.tflite"])
def test_a_compilation_that_does_not_belong_to_its_savedmodel_is_not_used(copy: Path, name: str) -> None:
    assert models.choose_runtime(copy, "auto") == "litert"
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert models.choose_runtime(copy, "auto") == "tensorflow"
    with pytest.raises(ModelError, match="no compilation that belongs"):
        models.choose_runtime(copy, "litert")


def test_a_bare_savedmodel_is_served_by_tensorflow(copy: Path, tmp_path: Path) -> None:
    shutil.rmtree(copy / "assets.extra")
    model = models.load(Settings(models=tmp_path))
    assert (model.runtime.name, model.threshold, model.report) == ("tensorflow", 0, None)
    assert model.predict(np.zeros((2, 784), np.float32)).sum(axis=1) == pytest.approx([1, 1])


def test_a_damaged_version_is_refused_with_a_sentence(copy: Path, tmp_path: Path) -> None:
    shutil.rmtree(copy / "assets.extra")
    (copy / "saved_model.pb").write_bytes(b"")
    with pytest.raises(ModelError, match="TensorFlow finds no signature"):
        models.load(Settings(models=tmp_path))


@pytest.mark.parametrize(
    "content", [b"", b'{"files": {', b'{"files": {"\xff": ""}}', b'{"calibration": {"threshold": NaN}}']
)
def test_a_damaged_card_is_as_none(copy: Path, content: bytes) -> None:
    (copy / models.CARD).write_bytes(content)
    assert models.read_card(copy) == models.Card()
    assert models.choose_runtime(copy, "auto") == "tensorflow"


@pytest.mark.parametrize("threshold", [0, 0.72, 1])
def test_the_threshold_is_the_cards(shipped: Path, tmp_path: Path, threshold: float) -> None:
    copy_version(shipped, tmp_path, calibration={"temperature": 1.04, "threshold": threshold})
    model = models.load(Settings(models=tmp_path))
    assert (model.runtime.name, model.threshold) == ("litert", threshold)


@pytest.mark.parametrize("runtime", ["auto", "litert", "tensorflow"])
@pytest.mark.parametrize(
    "calibration",
    [
        0.72,
        None,
        {"temperature": 1.04},
        *({"threshold": wrong} for wrong in (72, 1.01, -0.1, "0.72", None, True, [0.72])),
    ],
)
def test_a_wrong_threshold_is_told_in_a_sentence(shipped: Path, tmp_path: Path, calibration: Any, runtime: str) -> None:
    version = copy_version(shipped, tmp_path, calibration=calibration)
    with pytest.raises(ModelError, match=r"The model card .*model\.json is wrong: .*calibration"):
        models.choose_runtime(version, runtime)
