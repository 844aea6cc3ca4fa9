"""The networks that can be trained, each with how it is compiled and fitted."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import layers

OPTIMIZERS: dict[str, Callable[..., keras.Optimizer]] = {
    "sgd": keras.optimizers.SGD,
    "momentum": lambda **settings: keras.optimizers.SGD(momentum=0.9, **settings),
    "adagrad": keras.optimizers.Adagrad,
    "rmsprop": keras.optimizers.RMSprop,
    "adam": keras.optimizers.Adam,
}


@dataclass(frozen=True)
class Recipe:
    """A network and the settings it is fitted with, each of which the command line overrides."""

    build: Callable[[], keras.Model]
    optimizer: str
    epochs: int
    batch_size: int
    learning_rate: float | None = None  # None: the optimizer's own default

    def compile(self) -> keras.Model:
        """Build the network, with fresh weights, ready to be fitted."""
        rate = {} if self.learning_rate is None else {"learning_rate": self.learning_rate}
        model = self.build()
        model.compile(
            optimizer=OPTIMIZERS[self.optimizer](**rate),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
            # Several steps between two returns to Python: the same weights, in about 0.6 of the time.
            steps_per_execution=7,
        )
        return model


def build_dense() -> keras.Model:
    """Build the network of Deep Learning with Python, chapter 2 (F. Chollet): 784 -> 512 relu -> 10 softmax."""
    return keras.Sequential(
        [keras.Input((784,)), layers.Dense(512, activation="relu"), layers.Dense(10, activation="softmax")],
        name="dense",
    )


# Chapter 2 of Deep Learning with Python: about 97.9% on the test images.
RECIPES = {"dense": Recipe(build_dense, optimizer="rmsprop", epochs=5, batch_size=128)}
