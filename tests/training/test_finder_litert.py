"""A finder's LiteRT model: what Finder runs, and a check that refuses another network's."""

from pathlib import Path

import keras
import numpy as np
import pytest

from service.preparation.finder import NETWORK, Finder
from training.errors import ExportError
from training.finder import litert, network

LOOKS = np.random.default_rng(0).integers(0, 256, (2, 128, 128)).astype(np.uint8)


@pytest.fixture(scope="module")
def fitted() -> keras.Model:
    keras.utils.set_random_seed(0)
    return network.build(width=0.3)


@pytest.fixture(scope="module")
def finder(fitted: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Finder:
    folder = tmp_path_factory.mktemp("models") / "finder"
    litert.write(fitted, folder, LOOKS)
    assert [path.name for path in folder.iterdir()] == [NETWORK]
    return Finder(folder / NETWORK)


def test_the_outputs_are_probabilities_and_offsets(finder: Finder) -> None:
    for maps in finder.predict(LOOKS):
        assert (maps.ink.shape, maps.centers.shape, maps.offsets.shape) == ((128, 128), (32, 32), (32, 32, 2))
        assert 0 <= maps.ink.min() <= maps.ink.max() <= 1
        assert 0 <= maps.centers.min() <= maps.centers.max() <= 1


def test_another_networks_outputs_are_refused(fitted: keras.Model, finder: Finder) -> None:
    litert._check_outputs(fitted, finder, LOOKS)
    other = keras.models.clone_model(fitted)
    other.set_weights([weights + 0.5 for weights in fitted.get_weights()])
    with pytest.raises(ExportError, match="differs from the network's by"):
        litert._check_outputs(other, finder, LOOKS)


def test_nothing_overwrites_a_folder(fitted: keras.Model, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        litert.write(fitted, tmp_path, LOOKS)
