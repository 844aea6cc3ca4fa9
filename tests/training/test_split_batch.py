"""A network that is fitted on the two halves of a batch, and predicts on the whole."""

import keras
import numpy as np
import pytest
from keras import layers

from training.model.split_batch import SplitBatchModel

IMAGES = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)


@pytest.fixture
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.BatchNormalization()])


def test_predictions_are_the_networks_own(network: keras.Model) -> None:
    np.testing.assert_array_equal(SplitBatchModel(network)(IMAGES), network(IMAGES))


def test_each_half_is_normalized_by_itself(network: keras.Model) -> None:
    outputs = np.asarray(SplitBatchModel(network)(IMAGES, training=True))
    assert outputs.shape == (7, 3)
    for half in (outputs[:3], outputs[3:]):
        np.testing.assert_allclose(half.mean(axis=0), 0, atol=1e-5)
    halves = [network(half, training=True) for half in (IMAGES[:3], IMAGES[3:])]
    np.testing.assert_allclose(outputs, np.concatenate(halves), atol=1e-6)


def test_a_dict_of_outputs_stays_a_dict() -> None:
    image = keras.Input((4,))
    network = keras.Model(image, {"sum": layers.Dense(1)(image), "copy": image})
    outputs = SplitBatchModel(network)(IMAGES, training=True)
    assert sorted(outputs) == ["copy", "sum"]
    np.testing.assert_array_equal(outputs["copy"], IMAGES)


def test_a_fit_changes_the_network_itself(network: keras.Model) -> None:
    before = network.get_weights()
    model = SplitBatchModel(network)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(IMAGES, np.zeros((7, 3), np.float32), verbose=0)
    assert not np.array_equal(before[0], network.get_weights()[0])
