"""Fits a recipe's network to digits."""

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from service.preparation.normalize import scale
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
    """Fit a network, and give it with its loss and accuracy by epoch; on held-out digits too, if there are any.

    The same seed gives the same weights, bit for bit, on the same machine. Where there is a checkpoint in the file of
    that name, the fit goes on from it, and ends with those weights too.

    Raises:
        DataError: there are fewer digits than in a batch.

    """
    if not recipe.steps(len(digits)):
        raise DataError(f"{len(digits)} images are too few to fit to: {recipe.batch_size} are in a batch.")
    keras.utils.set_random_seed(seed)
    network = recipe.build()
    model = recipe.compile(network, len(digits))
    progress = Checkpoint(checkpoint)
    done = progress.restore(model)
    model.fit(
        _dataset(recipe, digits, seed, done),
        initial_epoch=done, epochs=recipe.epochs, steps_per_epoch=recipe.steps(len(digits)),
        validation_data=(scale(held_out.images), held_out.labels) if held_out else None,
        callbacks=[progress, *callbacks], shuffle=False,
    )  # fmt: skip
    return network, progress.history


def _dataset(recipe: Recipe, digits: Digits, seed: int, first_epoch: int) -> tf.data.Dataset:
    """Make the batches of all epochs from the first to do, beside the fit, in a thread of TensorFlow's."""

    def batches_of(epoch: int) -> Iterator[batches.Batch]:
        rng = np.random.default_rng((seed, epoch))  # so that an epoch is the same after an interruption
        if recipe.augmented:
            return batches.augmented_epoch(digits, recipe.batch_size, recipe.outliers, rng)
        return batches.epoch(digits, recipe.batch_size, rng)

    return tf.data.Dataset.from_generator(
        lambda: chain.from_iterable(map(batches_of, range(first_epoch, recipe.epochs))),
        output_signature=(tf.TensorSpec((None, 784), tf.float32), tf.TensorSpec((None,), tf.uint8)),
    ).prefetch(8)


def describe_devices() -> str:
    """Name what TensorFlow computes on: the graphics processors that it finds, or else the cores."""
    found = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(device).get("device_name", device.name) for device in found]
    return ", ".join(names) or f"{os.cpu_count()} cores, without a graphics processor"
