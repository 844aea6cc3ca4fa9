"""A model that keeps both cores at work on networks whose layers are too small to be shared out."""

from typing import Any

import keras
import tensorflow as tf


class SplitBatchModel(keras.Model):  # type: ignore[misc]  # Keras has no types
    """Runs a network on the two halves of a batch side by side, while it is fitted.

    TensorFlow's threads gain nothing within layers as small as ours: a fit takes 0.6 of the time with one thread for
    each half. Each half is normalized by itself, which does no harm (Hoffer, Hubara and Soudry 2017, Train longer,
    generalize better: ghost batch normalization).
    """

    def __init__(self, network: keras.Model) -> None:
        super().__init__()
        self.network = network

    def call(self, images: tf.Tensor, training: bool = False) -> Any:
        """Return the network's outputs, a tensor or a dict of tensors."""
        if not training:
            return self.network(images)
        middle = tf.shape(images)[0] // 2
        outputs = [self.network(half, training=True) for half in (images[:middle], images[middle:])]
        return keras.tree.map_structure(lambda *halves: tf.concat(halves, axis=0), *outputs)


def use_a_thread_for_each_half() -> None:
    """Set TensorFlow to one thread for each layer, and two layers at a time.

    This must come before TensorFlow computes anything.
    """
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(2)
