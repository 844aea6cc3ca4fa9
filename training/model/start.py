"""The version that a fit goes on from, and its weights, read from the variables of its SavedModel."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from service.models import store
from service.settings import DEFAULT_MODELS
from training.calibration import CLASSES
from training.errors import StartError
from training.model.recipes import RECIPES

VARIABLES = Path("variables/variables")  # the prefix of the files of a SavedModel's variables
KEY = "variables/{}/.ATTRIBUTES/VARIABLE_VALUE"  # of each variable in them, in the order of Keras

Weights = list[NDArray[np.float32]]


@dataclass(frozen=True)
class Start:
    """The version that a fit goes on from, and the weights of its network."""

    version: Path
    weights: Weights

    @property
    def next_number(self) -> int:
        """The number after the version's; 1 for a folder whose name is no number."""
        return int(self.version.name) + 1 if self.version.name.isdecimal() else 1

    def build(self, build_network: Callable[[], keras.Model]) -> keras.Model:
        """Build a network, and set its weights to the version's."""
        network = build_network()
        network.set_weights(self.weights)
        return network

    def describe(self) -> dict[str, str]:
        """Return the version's number and the SHA-256 of the bytes of its weights, for a model card."""
        content = b"".join(array.tobytes() for array in self.weights)
        return {"version": self.version.name, "weights": hashlib.sha256(content).hexdigest()}


def read(name: str, models: Path, recipe: str) -> Start:
    """Read the weights of the network of a version, which must be the network of a recipe.

    The calibration is in the weights of the last layer, and stays in them.

    Args:
        name: a number in the folder `models`, or else in this package; or the path of a version.
        models: the folder of models.
        recipe: the name of the recipe.

    Raises:
        StartError: there is no such version, its variables can't be read, or they are of another network.
        ModelError: a file of the version is not as the version's card records it.

    """
    version = _find_version(name, models)
    store.verify(version, with_report=False)
    weights = list(_read_variables(version))
    shapes = [array.shape for array in weights]
    network = RECIPES[recipe].build()
    expected = [tuple(variable.shape) for variable in network.weights]
    spread = (network.output_shape[-1], CLASSES)  # the matrix that calibration appends
    if shapes not in (expected, [*expected, spread]):
        raise StartError(f"{version} has the weights of another network than {recipe}'s; --recipe names the recipe.")
    return Start(version, weights[: len(expected)])


def _find_version(name: str, models: Path) -> Path:
    if not name.isdecimal():
        return Path(name)
    for folder in (models, DEFAULT_MODELS):
        if version := store.find_versions(folder / store.NAME).get(int(name)):
            return version
    raise StartError(f"There is no version {name} in {models / store.NAME}, nor in this package.")


def _read_variables(version: Path) -> Iterator[NDArray[np.float32]]:
    """Yield the float variables of a SavedModel in the order of Keras. The state of random layers is no weight."""
    try:
        reader = tf.train.load_checkpoint(str(version / VARIABLES))
        types = reader.get_variable_to_dtype_map()
        for number in range(len(types)):
            if types.get(KEY.format(number)) == tf.float32:
                yield reader.get_tensor(KEY.format(number))
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise StartError(f"The variables of {version} can't be read: {reason}.") from error
