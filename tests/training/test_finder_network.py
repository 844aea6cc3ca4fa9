"""The finder's network: its outputs, and its losses, which are lowest for right outputs."""

import keras
import numpy as np
import pytest

from training.finder import network


@pytest.fixture(scope="module")
def finder_network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return network.build(width=0.3)


def test_the_outputs_have_the_shapes_of_the_targets(finder_network: keras.Model) -> None:
    looks = np.random.default_rng(0).uniform(0, 255, (2, 128, 128)).astype(np.float32)
    outputs = finder_network(looks)
    shapes = {name: tuple(output.shape) for name, output in outputs.items()}
    assert shapes == {"ink": (2, 128, 128), "centers": (2, 32, 32), "offsets": (2, 32, 32, 2)}


def test_brightness_changes_no_output_and_contrast_little(finder_network: keras.Model) -> None:
    look = np.random.default_rng(0).uniform(0, 100, (1, 128, 128)).astype(np.float32)
    plain, brighter, stronger = (np.asarray(finder_network(image)["ink"]) for image in (look, look + 50, 2 * look))
    np.testing.assert_allclose(brighter, plain, atol=1e-3)
    assert np.abs(stronger - plain).max() < 0.3 * np.ptp(plain) + 1e-3


def test_a_wider_network_has_more_weights(finder_network: keras.Model) -> None:
    assert network.build(width=0.5).count_params() > finder_network.count_params()


def test_four_channels_become_two_by_two_pixels() -> None:
    tensor = np.arange(64 * 64 * 4, dtype=np.float32).reshape(1, 64, 64, 4)
    pixels = np.asarray(network._to_pixels(tensor))
    assert pixels.shape == (1, 128, 128)
    np.testing.assert_array_equal(pixels[0, 2:4, 6:8].ravel(), tensor[0, 1, 3])


@pytest.mark.parametrize(("loss", "shape"), [(network.ink_loss, (1, 8, 8)), (network.centers_loss, (1, 4, 4))])
def test_losses_of_logits_are_lowest_for_the_target(loss: object, shape: tuple[int, ...]) -> None:
    assert callable(loss)
    true = (np.random.default_rng(0).uniform(size=shape) > 0.7).astype(np.float32)
    logits = 20 * true - 10
    losses = [float(loss(true, candidate)[0]) for candidate in (logits, 0.1 * logits, -logits)]
    assert losses == sorted(losses)
    assert losses[0] < 0.1 < losses[2]


def test_offsets_count_only_where_there_is_ink() -> None:
    true = np.zeros((1, 2, 2, 3), np.float32)
    true[0, 0, 0] = [0.5, -0.5, 1]
    offsets = np.full((1, 2, 2, 2), 9, np.float32)
    offsets[0, 0, 0] = [0.5, -0.5]
    assert float(network.offsets_loss(true, offsets)[0]) == 0
    offsets[0, 0, 0, 0] = 1.5
    assert float(network.offsets_loss(true, offsets)[0]) == pytest.approx(0.5 * 1 / (1 + 4))
