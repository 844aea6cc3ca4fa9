"""Fits a recipe's network to the training images."""

import keras

from service.digits import scale
from training.data import Dataset
from training.recipes import Recipe


def fit(recipe: Recipe, dataset: Dataset, seed: int) -> tuple[keras.Model, dict[str, list[float]]]:
    """Fit a network, and give it with its loss and accuracy by epoch.

    The same seed gives the same weights, bit for bit, on the same machine.
    """
    keras.utils.set_random_seed(seed)
    model = recipe.compile()
    history = model.fit(scale(dataset.x_train), dataset.y_train, epochs=recipe.epochs, batch_size=recipe.batch_size)
    return model, history.history
