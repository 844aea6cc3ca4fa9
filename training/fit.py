"""Fits a recipe's network to digits."""

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from service.preparation.normalize import VECTOR_SIZE, to_vectors
from training.data import batches
from training.data.datasets import Digits
from training.errors import DataError
from training.model.checkpoint import Checkpoint
from training.model.recipes import Recipe

History = dict[str, list[float]]


def fit(
    recipe: Recipe,
    digits: Digits,
    seed: int,
    held_out: Digits | None = None,
    checkpoint: Path | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> tuple[keras.Model, History]:
    """Fit a network, and return it with its loss and accuracy by epoch, on held-out digits too if there are any.

    The same seed gives the same weights, bit for bit, on the same machine. If the file `checkpoint` exists, the fit
    goes on from it, and ends with the same weights.

    Raises:
        DataError: there are fewer digits than in a batch.

    """
    if not recipe.steps(len(digits)):
        raise DataError(f"{len(digits)} images are too few to fit to: {recipe.batch_size} are in a batch.")
    keras.utils.set_random_seed(seed)
    network = recipe.build()
    model = recipe.compile(network, len(digits))
    progress = Checkpoint(checkpoint)
    finished = progress.restore(model)
    model.fit(
        _make_dataset(recipe, digits, seed, finished),
        initial_epoch=finished, epochs=recipe.epochs, steps_per_epoch=recipe.steps(len(digits)),
        validation_data=(to_vectors(held_out.images), held_out.labels) if held_out else None,
        callbacks=[progress, *callbacks], shuffle=False,
    )  # fmt: skip
    return network, progress.history


def _make_dataset(recipe: Recipe, digits: Digits, seed: int, first_epoch: int) -> tf.data.Dataset:
    """Return the batches of all epochs from `first_epoch` on. A thread of TensorFlow makes them during the fit."""

    def make_epoch(epoch: int) -> Iterator[batches.Batch]:
        rng = np.random.default_rng((seed, epoch))  # so that an epoch is the same after an interruption
        if recipe.augmented:
            return batches.make_augmented_batches(digits, recipe.batch_size, recipe.outliers, rng)
        return batches.make_batches(digits, recipe.batch_size, rng)

    return tf.data.Dataset.from_generator(
        lambda: chain.from_iterable(map(make_epoch, range(first_epoch, recipe.epochs))),
        output_signature=(tf.TensorSpec((None, VECTOR_SIZE), tf.float32), tf.TensorSpec((None,), tf.uint8)),
    ).prefetch(8)


def describe_devices() -> str:
    """Return the names of the graphics processors that TensorFlow uses, or else the number of cores."""
    devices = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(device).get("device_name", device.name) for device in devices]
    return ", ".join(names) or f"{os.cpu_count()} cores, without a graphics processor"
