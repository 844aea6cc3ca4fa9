"""Fits a recipe's network to the training images."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from service.digits import scale
from training.augmentation import batches
from training.data import Dataset
from training.errors import DataError
from training.recipes import Recipe


def fit(recipe: Recipe, dataset: Dataset, seed: int) -> tuple[keras.Model, dict[str, list[float]]]:
    """Fit a network, and give it with its loss and accuracy by epoch.

    The same seed gives the same weights, bit for bit, on the same machine.

    Raises:
        DataError: there are fewer training images than are held out and in a batch.

    """
    keras.utils.set_random_seed(seed)
    count = len(dataset.x_train) - recipe.held_out
    if count < recipe.batch_size:
        raise DataError(
            f"{len(dataset.x_train)} training images are too few: {recipe.held_out} are held out,"
            f" and {recipe.batch_size} are in a batch."
        )
    model = recipe.compile(count)
    validation = (scale(dataset.x_train[count:]), dataset.y_train[count:]) if recipe.held_out else None
    images, labels = dataset.x_train[:count], dataset.y_train[:count]
    if recipe.augmented:
        history = model.fit(
            _augmented(images, labels, recipe.batch_size, seed),
            epochs=recipe.epochs, steps_per_epoch=count // recipe.batch_size, validation_data=validation,
        )  # fmt: skip
    else:
        history = model.fit(
            scale(images), labels, epochs=recipe.epochs, batch_size=recipe.batch_size, validation_data=validation
        )
    return model, history.history


def _augmented(images: NDArray[np.uint8], labels: NDArray[np.uint8], size: int, seed: int) -> Any:
    """Make batches beside the fit, in a thread of TensorFlow's."""
    signature = (tf.TensorSpec((size, 784), tf.float32), tf.TensorSpec((size,), tf.uint8))
    return tf.data.Dataset.from_generator(
        lambda: batches(images, labels, size, seed), output_signature=signature
    ).prefetch(8)
