"""A fit goes on from a version's weights, which are read from its SavedModel."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from service.models.runtimes import LiteRT
from service.preparation.normalize import to_vectors
from service.settings import DEFAULT_MODELS
from training.calibration import build_calibrated
from training.data.datasets import Dataset
from training.errors import StartError
from training.model import start
from training.model.recipes import RECIPES, build_convnet


@pytest.mark.parametrize(("version", "recipe"), [("3", "convnet"), ("1", "dense")])
def test_the_network_answers_as_the_version_does(version: str, recipe: str, mnist: Dataset, tmp_path: Path) -> None:
    network = start.read(version, tmp_path, recipe).build(RECIPES[recipe].build)
    answers = build_calibrated(network, temperature=1).predict(to_vectors(mnist.x_test[:200]), verbose=0)
    expected = LiteRT(DEFAULT_MODELS / "mnist" / version).predict(to_vectors(mnist.x_test[:200]))
    np.testing.assert_allclose(answers, expected, atol=1e-5)


def test_a_bare_saved_model_of_keras_is_a_start(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    network = build_convnet()
    network.export(str(tmp_path / "own"), verbose=False)
    weights = start.read(str(tmp_path / "own"), tmp_path, "convnet").weights
    assert all(np.array_equal(left, right) for left, right in zip(weights, network.get_weights(), strict=True))


def test_the_folder_of_models_comes_before_the_package(tmp_path: Path) -> None:
    version = Path(shutil.copytree(DEFAULT_MODELS / "mnist" / "3", tmp_path / "mnist" / "1"))
    assert start.read("1", tmp_path, "convnet").version == version
    assert start.read("3", tmp_path, "convnet").version == DEFAULT_MODELS / "mnist" / "3"


@pytest.mark.parametrize(("folder", "number"), [("7", 8), ("best", 1)])
def test_the_next_version_has_a_higher_number(folder: str, number: int) -> None:
    assert start.Start(Path("models") / folder, []).next_number == number


@pytest.mark.parametrize(("version", "recipe"), [("2", "convnet"), ("1", "convnet"), ("3", "dense")])
def test_a_version_of_another_network_is_refused(version: str, recipe: str, tmp_path: Path) -> None:
    with pytest.raises(StartError, match=f"the weights of another network than {recipe}'s"):
        start.read(version, tmp_path, recipe)


def test_a_network_with_more_layers_is_refused(tmp_path: Path) -> None:
    more = keras.Sequential([build_convnet(), keras.layers.Dense(5)])
    more.export(str(tmp_path / "more"), verbose=False)
    with pytest.raises(StartError, match="another network"):
        start.read(str(tmp_path / "more"), tmp_path, "convnet")


def test_a_missing_version_is_told(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"There is no version 9 in .*mnist, nor in this package"):
        start.read("9", tmp_path, "convnet")


def test_a_folder_without_variables_is_told(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"The variables of .*nowhere can't be read: .*[^.]\.$"):
        start.read(str(tmp_path / "nowhere"), tmp_path, "convnet")


@pytest.mark.parametrize("content", [b"", b"no table", bytes(2000)])
def test_damaged_variables_are_told(content: bytes, tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("assets.extra")
    version = Path(shutil.copytree(DEFAULT_MODELS / "mnist" / "3", tmp_path / "own", ignore=ignored))
    (version / "variables" / "variables.index").write_bytes(content)
    with pytest.raises(StartError, match=r"The variables of .*own can't be read"):
        start.read(str(version), tmp_path, "convnet")
