"""The networks that can be trained, each with how it is compiled and fitted."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import layers

from training.data.batches import NO_DIGIT
from training.data.datasets import HELD_OUT
from training.model.sam import SharpnessAware
from training.model.split_batch import Halves

OPTIMIZERS: dict[str, Callable[..., keras.Optimizer]] = {
    "sgd": keras.optimizers.SGD,
    "momentum": lambda **settings: keras.optimizers.SGD(momentum=0.9, **settings),
    "adagrad": keras.optimizers.Adagrad,
    "rmsprop": keras.optimizers.RMSprop,
    "adam": keras.optimizers.Adam,
    "adamw": lambda **settings: keras.optimizers.AdamW(weight_decay=0.02, **settings),
}


@dataclass(frozen=True)
class Recipe:
    """A network and the settings it is fitted with, each of which the command line overrides."""

    build: Callable[[], keras.Model]
    optimizer: str
    epochs: int
    batch_size: int
    learning_rate: float | None = None  # None: the optimizer's own default
    augmented: bool = False  # fitted to ever new variations, the learning rate rising to its value and falling to 0
    held_out: int = 0  # of the training images, kept for validation
    repeats: int = 1  # times that each of MNIST's images is in an epoch, so that the others don't outweigh them
    uploads: int = 0  # of each condition, made of the others and fitted to beside them
    hands: int = 0  # letterforms in scenes, of hands that MNIST lacks, fitted to beside the images
    scenes: int = 0  # of MNIST's images, fitted to beside them
    numbers: int = 0  # scenes of several digits, fitted to beside them
    outliers: int = 0  # pictures in each batch that are no digits: the eleventh answer
    rho: float = 0.0  # how far from the weights a step looks for a worse loss, in 1.7 times the time; 0: nowhere

    def compile(self, network: keras.Model, images: int) -> keras.Model:
        """Make a network ready to be fitted to so many images."""
        rate = {} if self.learning_rate is None else {"learning_rate": self._schedule(images)}
        model, steps = self._wrap(network), self.steps(images)
        model.compile(
            optimizer=OPTIMIZERS[self.optimizer](**rate),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
            # Several steps between two returns to Python: the same weights, in about 0.6 of the time. As many as divide
            # those of an epoch, since Keras would go on into the next.
            steps_per_execution=max(count for count in range(1, 17) if steps % count == 0),
        )
        return model

    def _wrap(self, network: keras.Model) -> keras.Model:
        if self.rho:
            return SharpnessAware(network, self.rho)
        return Halves(network) if self.augmented else network

    def steps(self, images: int) -> int:
        """Count the batches of an epoch; augmented ones are all whole."""
        return images // self.batch_size if self.augmented else math.ceil(images / self.batch_size)

    def _schedule(self, images: int) -> object:
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
    """Build a small convolutional network: most of its work at 14x14, where a stroke is a pixel wide.

    It has eleven answers: the ten digits, and that there is none. Wider and deeper ones did not read held-out images
    better; what each ingredient of the recipe gains is in the README.
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
    "dense": Recipe(build_dense, optimizer="rmsprop", epochs=5, batch_size=128),
    "convnet": Recipe(
        build_convnet,
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
