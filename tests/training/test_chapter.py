"""What chapter 2 of Deep Learning with Python teaches, in this code base and on the real data."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from service.preparation.normalize import to_vectors
from training.data.datasets import Dataset
from training.fit import fit
from training.model.recipes import RECIPES, build_dense

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fitted(mnist: Dataset) -> tuple[keras.Model, dict[str, list[float]]]:
    return fit(RECIPES["dense"], mnist.train, seed=0)


@pytest.fixture
def network() -> keras.Model:
    keras.utils.set_random_seed(3)
    return build_dense()


def batch(mnist: Dataset, size: int = 128) -> tuple[np.ndarray, np.ndarray]:
    return to_vectors(mnist.x_train[:size]), mnist.y_train[:size]


def loss_of(network: keras.Model, images: np.ndarray, labels: np.ndarray) -> tf.Tensor:
    return tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, network(images)))


def test_images_are_rank_3_bytes_and_vectors_rank_2_floats(mnist: Dataset) -> None:
    assert (mnist.x_train.ndim, mnist.x_train.shape, str(mnist.x_train.dtype)) == (3, (60000, 28, 28), "uint8")
    assert (mnist.y_train.ndim, mnist.y_train.shape, str(mnist.y_train.dtype)) == (1, (60000,), "uint8")
    assert (mnist.x_test.shape, mnist.y_test.shape) == ((10000, 28, 28), (10000,))
    vectors = to_vectors(mnist.x_train)
    assert (vectors.ndim, vectors.shape, str(vectors.dtype)) == (2, (60000, 784), "float32")
    assert (float(vectors.min()), float(vectors.max())) == (0, 1)
    np.testing.assert_array_equal(vectors, mnist.x_train.reshape((60000, 784)).astype("float32") / 255)


def test_predict_argmax_and_evaluate(fitted: tuple[keras.Model, dict[str, list[float]]], mnist: Dataset) -> None:
    model, history = fitted
    probabilities = model.predict(to_vectors(mnist.x_test), verbose=0)
    assert probabilities.shape == (10000, 10)
    assert probabilities[0].argmax() == mnist.y_test[0] == 7
    assert probabilities[0, 7] > 0.999
    _, accuracy = model.evaluate(to_vectors(mnist.x_test), mnist.y_test, verbose=0)
    assert accuracy == pytest.approx((probabilities.argmax(axis=1) == mnist.y_test).mean())
    assert history["loss"][0] == pytest.approx(0.26, abs=0.01)


def test_three_seeds_reach_the_chapters_accuracy(
    fitted: tuple[keras.Model, dict[str, list[float]]], mnist: Dataset
) -> None:
    models = [fitted[0], *(fit(RECIPES["dense"], mnist.train, seed)[0] for seed in (1, 2))]
    accuracies = [model.evaluate(to_vectors(mnist.x_test), mnist.y_test, verbose=0)[1] for model in models]
    assert min(accuracies) >= 0.975
    assert np.mean(accuracies) >= 0.978


def test_numpy_computes_the_first_layer(network: keras.Model, mnist: Dataset) -> None:
    images, _ = batch(mnist)
    weights, bias = network.layers[0].get_weights()
    by_hand = np.maximum(np.dot(images, weights) + bias, 0)
    np.testing.assert_allclose(by_hand, network.layers[0](images), atol=1e-5)


def test_a_training_step_by_hand_is_a_step_of_fit(network: keras.Model, mnist: Dataset) -> None:
    images, labels = batch(mnist)
    fitted = keras.models.clone_model(network)
    fitted.set_weights(network.get_weights())
    fitted.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    fitted.fit(images, labels, batch_size=128, epochs=1, verbose=0)

    with tf.GradientTape() as tape:
        loss = loss_of(network, images, labels)  # 1 and 2: predict the batch, and compare with its labels
    gradients = tape.gradient(loss, network.trainable_weights)  # 3
    for weight, gradient in zip(network.trainable_weights, gradients, strict=True):
        weight.assign_sub(0.01 * gradient)  # 4: a little against the gradient

    for by_hand, by_fit in zip(network.get_weights(), fitted.get_weights(), strict=True):
        np.testing.assert_allclose(by_hand, by_fit, atol=1e-6)


def test_momentum_is_updated_as_keras_defines_it() -> None:
    weight, velocity, expected = keras.Variable([1.0, -2.0]), np.zeros(2), np.array([1.0, -2.0])
    optimizer = keras.optimizers.SGD(learning_rate=0.1, momentum=0.9)
    for gradient in (np.array([0.5, 1.0]), np.array([-0.25, 2.0]), np.array([1.0, 0.0])):
        optimizer.apply([tf.constant(gradient, tf.float32)], [weight])
        velocity = 0.9 * velocity - 0.1 * gradient
        expected = expected + velocity
        np.testing.assert_allclose(weight.numpy(), expected, rtol=1e-6)


def test_the_tapes_gradient_is_the_finite_difference(network: keras.Model, mnist: Dataset) -> None:
    images, labels = batch(mnist, 16)
    bias = network.layers[1].bias
    with tf.GradientTape() as tape:
        loss = loss_of(network, images, labels)
    gradient = tape.gradient(loss, bias.value).numpy()
    start, step = bias.numpy(), 1e-2
    for index in range(10):
        shift = step * np.eye(10, dtype=np.float32)[index]
        bias.assign(start + shift)
        above = float(loss_of(network, images, labels))
        bias.assign(start - shift)
        below = float(loss_of(network, images, labels))
        bias.assign(start)
        assert (above - below) / (2 * step) == pytest.approx(gradient[index], abs=1e-4)


def test_the_tape_on_a_line_gives_its_slope() -> None:
    x = tf.Variable(0.3)
    with tf.GradientTape() as tape:
        y = 5 * x + 2
    assert tape.gradient(y, x).numpy() == 5
