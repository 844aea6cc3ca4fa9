"""Which version is served, and by which runtime."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from service.errors import ModelError
from service.models import loading, store
from service.preparation.normalize import to_vectors
from service.settings import Settings
from tests.support.models import copy_version, save_variant
from training.data.datasets import Dataset


@pytest.fixture
def copy(shipped: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped, tmp_path / "mnist" / "9"))


def test_a_savedmodel_without_the_signature_is_told(tmp_path: Path) -> None:
    module = tf.Module()
    module.weight = tf.Variable(1.0)
    tf.saved_model.save(module, str(tmp_path / "1"))
    with pytest.raises(ModelError, match="has no signature serving_default, but none at all"):
        loading.load(tmp_path / "1", Settings())


@pytest.mark.parametrize("dtype", ["float16", "float64", "bfloat16"])
def test_answers_of_any_precision_are_read(shipped: Path, tmp_path: Path, mnist: Dataset, dtype: str) -> None:
    model = loading.load(save_variant(shipped, tmp_path / "1", dtype=dtype), Settings())
    answers = model.predict(to_vectors(mnist.x_test[:100]))
    assert answers.dtype == np.float32
    assert not model.fault
    np.testing.assert_allclose(
        answers, loading.load(shipped, Settings()).predict(to_vectors(mnist.x_test[:100])), atol=1e-2
    )


def test_answers_that_are_whole_numbers_are_refused(shipped: Path, tmp_path: Path) -> None:
    version = save_variant(shipped, tmp_path / "1", dtype="int32")
    with pytest.raises(ModelError, match="its output probabilities is of int32, not of floating-point numbers"):
        loading.load(version, Settings())


def write_card(version: Path, card: dict[str, Any]) -> None:
    (version / store.CARD).parent.mkdir(exist_ok=True)
    (version / store.CARD).write_text(json.dumps(card))


def test_a_version_that_takes_0_to_255_says_so_in_its_card_or_a_setting(
    shipped: Path, tmp_path: Path, mnist: Dataset
) -> None:
    version = save_variant(shipped, tmp_path / "1", white=255)
    expected = loading.load(shipped, Settings()).predict(to_vectors(mnist.x_test[:100]))
    model = loading.load(version, Settings())
    assert model.fault.startswith("It reads ")
    assert "known digits wrong. It reads most of them right where white is 255: say so in assets.extra/model.json" in (
        model.fault
    )
    by_setting = loading.load(version, Settings(input_scale=255))
    write_card(version, {"input": {"scale": 255}})
    by_card = loading.load(version, Settings(input_scale=7))
    for model in (by_setting, by_card):
        assert (model.white, model.fault) == (255, "")
        np.testing.assert_allclose(model.predict(to_vectors(mnist.x_test[:100])), expected, atol=1e-5)


def test_a_scale_that_the_card_has_wrong_is_told(shipped: Path, tmp_path: Path) -> None:
    version = save_variant(shipped, tmp_path / "1")
    write_card(version, {"input": {"scale": 255}})
    assert "right where white is 1: say so" in loading.load(version, Settings()).fault
    write_card(version, {"input": {"scale": 0}})
    with pytest.raises(ModelError, match=r"The model card .* is wrong: .*scale"):
        loading.load(version, Settings())


def test_a_version_that_misreads_is_the_default_only_where_no_other_is(shipped: Path, tmp_path: Path) -> None:
    save_variant(shipped, tmp_path / "mnist" / "2", white=255)
    assert loading.load_default(Settings(models=tmp_path)).version == 2
    save_variant(shipped, tmp_path / "mnist" / "1")
    assert loading.load_default(Settings(models=tmp_path)).version == 1
    assert loading.load_default(Settings(models=tmp_path, input_scale=255)).version == 2


def test_the_next_lower_version_is_served_where_the_highest_cannot_be(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "mnist" / "10").mkdir()
    assert loading.load_default(Settings(models=tmp_path, runtime="litert")).version == 9


@pytest.mark.parametrize("name", ["saved_model.pb", "fingerprint.pb", "assets.extra/model.tflite"])
def test_a_version_that_is_not_as_its_card_records_is_refused(copy: Path, name: str) -> None:
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ModelError, match=f"is damaged: {name} is not as its model card"):
        loading.load(copy, Settings())
    (copy / name).unlink()
    with pytest.raises(ModelError, match=f"is not complete: {name} is missing"):
        loading.load(copy, Settings())


def test_a_bare_savedmodel_is_served_by_tensorflow(copy: Path, tmp_path: Path) -> None:
    shutil.rmtree(copy / "assets.extra")
    model = loading.load_default(Settings(models=tmp_path))
    assert (model.runtime.name, model.threshold, model.report) == ("tensorflow", 0, None)
    assert model.predict(np.zeros((2, 784), np.float32)).sum(axis=1) == pytest.approx([1, 1])
    with pytest.raises(ModelError, match="no LiteRT model that belongs"):
        loading.load(copy, Settings(runtime="litert"))


def test_a_damaged_savedmodel_is_refused_with_a_sentence(copy: Path, tmp_path: Path) -> None:
    shutil.rmtree(copy / "assets.extra")
    (copy / "saved_model.pb").write_bytes(b"damaged")
    with pytest.raises(ModelError, match=r"TensorFlow can't read .*, which may be damaged or half copied"):
        loading.load_default(Settings(models=tmp_path))


@pytest.mark.parametrize(
    "content", [b"", b'{"files": {', b'{"files": {"\xff": ""}}', b'{"calibration": {"threshold": NaN}}']
)
def test_a_damaged_card_is_refused(copy: Path, content: bytes) -> None:
    (copy / store.CARD).write_bytes(content)
    with pytest.raises(ModelError, match=r"The model card .*model\.json is wrong"):
        loading.load(copy, Settings())


@pytest.mark.parametrize("threshold", [0, 0.72, 1])
def test_the_threshold_is_the_cards(shipped: Path, tmp_path: Path, threshold: float) -> None:
    copy_version(shipped, tmp_path, calibration={"temperature": 1.04, "threshold": threshold})
    model = loading.load_default(Settings(models=tmp_path))
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
        loading.load(version, Settings())
