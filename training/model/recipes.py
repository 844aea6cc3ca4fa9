"""The networks that can be trained, and the settings that each is fitted with."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import keras
from keras import layers

from training.data.batches import NO_DIGIT
from training.data.datasets import HELD_OUT
from training.model.sam import SAMModel
from training.model.split_batch import SplitBatchModel
from training.settings import OPTIMIZERS, FitSettings

# The highest value of each setting in a fit that goes on from a version. With a learning rate of 0.0003, the new
# version reads 85% of a hand, with 0.001 97%. SAM stays: the negative log-likelihood on MNIST's test images is 0.0096
# to 0.0107 with SAM, and 0.0102 to 0.0119 without; version 3 has 0.0101.
CONTINUATION: dict[str, Any] = {
    "epochs": 2, "learning_rate": 0.001, "repeats": 1, "uploads": 10, "hands": 4_000, "scenes": 1_500, "numbers": 150,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Recipe(FitSettings):
    """A network, and the settings that it is fitted with."""

    build: Callable[[], keras.Model]

    def shorten(self) -> "Recipe":
        """Return the recipe for a fit that goes on from a version's weights."""
        values = {name: getattr(self, name) for name in CONTINUATION}
        return replace(
            self, **{name: min(value, CONTINUATION[name]) for name, value in values.items() if value is not None}
        )

    def compile(self, network: keras.Model, images: int) -> keras.Model:
        """Return the model that fits a network to a number of images."""
        model, steps = self._wrap(network), self.steps(images)
        model.compile(
            optimizer=self._build_optimizer(images),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
            # Several steps between two returns to Python: the same weights, in about 0.6 of the time. The count divides
            # the steps of an epoch, since Keras would go on into the next epoch.
            steps_per_execution=max(count for count in range(1, 17) if steps % count == 0),
        )
        return model

    def _wrap(self, network: keras.Model) -> keras.Model:
        if self.rho:
            return SAMModel(network, self.rho)
        return SplitBatchModel(network) if self.augmented else network

    def steps(self, images: int) -> int:
        """Count the batches of an epoch; every augmented batch is full."""
        return images // self.batch_size if self.augmented else math.ceil(images / self.batch_size)

    def _build_optimizer(self, images: int) -> keras.Optimizer:
        name, arguments = OPTIMIZERS[self.optimizer]
        rate = {} if self.learning_rate is None else {"learning_rate": self._schedule(images)}
        return getattr(keras.optimizers, name)(**arguments, **rate)

    def _schedule(self, images: int) -> object:
        """Return the learning rate, or the schedule of an augmented fit: a linear rise, then a fall along a cosine."""
        if not self.augmented:
            return self.learning_rate
        steps = self.steps(images) * self.epochs
        warm_up = steps // 20
        return keras.optimizers.schedules.CosineDecay(
            0.0, steps - warm_up, warmup_target=self.learning_rate, warmup_steps=warm_up
        )


def build_dense() -> keras.Model:
    """Build the network of Deep Learning with Python, chapter 2 (F. Chollet): 784 -> 512 relu -> 10 softmax."""
    return keras.Sequential(
        [keras.Input((784,)), layers.Dense(512, activation="relu"), layers.Dense(10, activation="softmax")],
        name="dense",
    )


def build_convnet() -> keras.Model:
    """Build a small convolutional network, which does most of its work at 14x14, where a stroke is a pixel wide.

    It has eleven outputs: the ten digits, and no digit. Wider and deeper networks did not read held-out images better;
    training/README.md has a table of what each ingredient of the recipe gains.
    """
    return keras.Sequential(
        [
            keras.Input((784,)),
            layers.Reshape((28, 28, 1)),
            *_convolution(16, 5, strides=2),
            *_convolution(32, 3),
            *_convolution(48, 3, strides=2),
            *_convolution(72, 3),
            *_convolution(128, 3, strides=2),
            layers.Flatten(),
            layers.Dropout(0.1),
            layers.Dense(NO_DIGIT + 1, activation="softmax"),
        ],
        name="convnet",
    )


def _convolution(filters: int, size: int, strides: int = 1) -> list[keras.Layer]:
    convolve = layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False)
    return [convolve, layers.BatchNormalization(), layers.ReLU()]


RECIPES = {
    # Chapter 2 of Deep Learning with Python: about 97.9% on the test images.
    "dense": Recipe(build=build_dense, optimizer="rmsprop", epochs=5, batch_size=128),
    "convnet": Recipe(
        build=build_convnet,
        optimizer="adamw",
        epochs=18,
        batch_size=128,
        learning_rate=0.003,
        augmented=True,
        held_out=HELD_OUT,
        repeats=2,
        uploads=100,
        hands=40_000,
        scenes=15_000,
        numbers=1_500,
        outliers=3,
        rho=0.1,
    ),
}
