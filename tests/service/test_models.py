"""Which version is served, and by which runtime."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service import models, versions
from service.errors import ModelError
from service.settings import Settings
from tests.conftest import copy_version


@pytest.fixture
def copy(shipped: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped, tmp_path / "mnist" / "9"))


def test_highest_number_is_found_among_other_things(copy: Path, tmp_path: Path) -> None:
    for name in ("10", "2", ".unfinished-11", "11.old", "latest", "012", "\u0663"):
        shutil.copytree(copy, copy.parent / name)
    (copy.parent / "12").write_text("a file is no version")
    assert list(versions.find(tmp_path / "mnist")) == [2, 9, 10]
    assert models.load_default(Settings(models=tmp_path)).version == 10


def test_without_any_version_the_shipped_ones_are_served(shipped: Path, tmp_path: Path) -> None:
    assert models.candidates(Settings(models=tmp_path))[0] == shipped


def test_the_next_lower_version_is_served_where_the_highest_cannot_be(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "mnist" / "10").mkdir()
    assert models.load_default(Settings(models=tmp_path, runtime="litert")).version == 9


@pytest.mark.parametrize("name", ["saved_model.pb", "fingerprint.pb", "assets.extra/model.tflite"])
def test_a_version_that_is_not_as_its_card_records_is_refused(copy: Path, name: str) -> None:
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ModelError, match=f"is damaged: {name} is not as its model card"):
        models.load(copy, Settings())
    (copy / name).unlink()
    with pytest.raises(ModelError, match=f"is not complete: {name} is missing"):
        models.load(copy, Settings())


def test_a_bare_savedmodel_is_served_by_tensorflow(copy: Path, tmp_path: Path) -> None:
    shutil.rmtree(copy / "assets.extra")
    model = models.load_default(Settings(models=tmp_path))
    assert (model.runtime.name, model.threshold, model.report) == ("tensorflow", 0, None)
    assert model.predict(np.zeros((2, 784), np.float32)).sum(axis=1) == pytest.approx([1, 1])
    with pytest.raises(ModelError, match="no compilation that belongs"):
        models.load(copy, Settings(runtime="litert"))


def test_a_damaged_savedmodel_is_refused_with_a_sentence(copy: Path, tmp_path: Path) -> None:
    shutil.rmtree(copy / "assets.extra")
    (copy / "saved_model.pb").write_bytes(b"")
    with pytest.raises(ModelError, match="TensorFlow finds no signature"):
        models.load_default(Settings(models=tmp_path))


@pytest.mark.parametrize(
    "content", [b"", b'{"files": {', b'{"files": {"\xff": ""}}', b'{"calibration": {"threshold": NaN}}']
)
def test_a_damaged_card_is_refused(copy: Path, content: bytes) -> None:
    (copy / versions.CARD).write_bytes(content)
    with pytest.raises(ModelError, match=r"The model card .*model\.json is wrong"):
        models.load(copy, Settings())


@pytest.mark.parametrize("threshold", [0, 0.72, 1])
def test_the_threshold_is_the_cards(shipped: Path, tmp_path: Path, threshold: float) -> None:
    copy_version(shipped, tmp_path, calibration={"temperature": 1.04, "threshold": threshold})
    model = models.load_default(Settings(models=tmp_path))
    assert (model.runtime.name, model.threshold) == ("litert", threshold)


@pytest.mark.parametrize(
    "calibration",
    [
        0.72,
        None,
        {"temperature": 1.04},
        *({"threshold": wrong} for wrong in (72, 1.01, -0.1, "0.72", None, True, [0.72])),
    ],
)
def test_a_wrong_threshold_is_told_in_a_sentence(shipped: Path, tmp_path: Path, calibration: Any) -> None:
    version = copy_version(shipped, tmp_path, calibration=calibration)
    with pytest.raises(ModelError, match=r"The model card .*model\.json is wrong: .*calibration"):
        models.load(version, Settings())
