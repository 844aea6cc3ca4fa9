import keras
import numpy as np
import tensorflow as tf

from service.preparation.normalize import to_vectors
from training.data.datasets import Dataset
from training.model.recipes import build_dense
from training.model.sam import SAMModel

RHO, RATE = 0.5, 0.1


def gradients(network: keras.Model, images: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, network(images, training=True)))
    return [gradient.numpy() for gradient in tape.gradient(loss, network.trainable_variables)]


def test_a_step_takes_the_gradient_found_uphill_from_where_it_was(mnist: Dataset) -> None:
    images, labels = to_vectors(mnist.x_train[:64]), mnist.y_train[:64]
    keras.utils.set_random_seed(0)
    network = build_dense()
    start = network.get_weights()
    here = gradients(network, images, labels)
    norm = np.sqrt(sum((gradient**2).sum() for gradient in here))
    network.set_weights([weights + RHO * gradient / norm for weights, gradient in zip(start, here, strict=True)])
    uphill = gradients(network, images, labels)
    network.set_weights(start)

    model = SAMModel(network, RHO)
    model.compile(optimizer=keras.optimizers.SGD(RATE), loss="sparse_categorical_crossentropy")
    model.train_on_batch(images, labels)

    for weights, before, gradient, plain in zip(network.get_weights(), start, uphill, here, strict=True):
        np.testing.assert_allclose(weights, before - RATE * gradient, atol=1e-6)
        assert np.abs(gradient - plain).max() > 1e-4  # the two gradients differ by far more than the bound
