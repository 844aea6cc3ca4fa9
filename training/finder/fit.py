"""Fits a finder's network to scenes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from service.preparation.finder import CELLS
from service.preparation.looks import SIDE_PX
from training.errors import DataError
from training.finder import data, network
from training.finder.data import Batch
from training.fit import History
from training.model.checkpoint import Checkpoint
from training.model.split_batch import Halves
from training.synthetic.glyphs import Source

PART = 10_000  # scenes, at most, between two checkpoints: about a minute on two cores


@dataclass(frozen=True)
class Recipe:
    """The settings that a finder is fitted with, each of which the command line overrides."""

    scenes: int = 160_000
    epochs: int = 3
    batch_size: int = 64
    learning_rate: float = 0.004  # the highest: it rises to it, and falls to 0 along a cosine
    warm_up: float = 0.03  # the part of all steps in which it rises
    weight_decay: float = 0.01
    hands: float = 0.4  # the part of digits that are letterforms; the others are MNIST's
    width: float = 1.0  # times the network's channels

    @property
    def parts(self) -> int:
        """The equal parts of the scenes, after each of which there is a checkpoint."""
        return math.ceil(self.scenes / PART)

    @property
    def part_size(self) -> int:
        """The scenes in a part."""
        return self.scenes // self.parts

    @property
    def steps(self) -> int:
        """The batches of a part, all whole."""
        return self.part_size // self.batch_size

    def compile(self, unfitted: keras.Model) -> keras.Model:
        """Make a network ready to be fitted."""
        steps = self.epochs * self.parts * self.steps
        warm_up = max(1, round(self.warm_up * steps))
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, max(1, steps - warm_up), warmup_target=self.learning_rate, warmup_steps=warm_up
        )
        # 0.23 to 0.27 s a step of 64 on two cores; not measured side by side with the plain network. XLA (jit_compile)
        # took twice the processor time on a busy machine.
        model = Halves(unfitted)
        model.compile(optimizer=keras.optimizers.AdamW(rate, weight_decay=self.weight_decay), loss=network.LOSSES)
        return model


def fit(recipe: Recipe, source: Source, seed: int, folder: Path) -> tuple[keras.Model, History]:
    """Draw scenes, fit a network to them, and return it with its losses after each part.

    The same seed gives the same weights, bit for bit, on the same machine. A folder keeps the scenes drawn and a
    checkpoint: what is there already, the fit goes on from, and ends with those weights too. Of a fit that has ended,
    the checkpoint alone is left.

    Raises:
        DataError: there are fewer scenes than in a batch.

    """
    if not recipe.steps:
        raise DataError(f"{recipe.scenes} scenes are too few to fit to: {recipe.batch_size} are in a batch.")
    keras.utils.set_random_seed(seed)
    unfitted = network.build(recipe.width)
    model = recipe.compile(unfitted)
    folder.mkdir(exist_ok=True)
    progress = Checkpoint(folder / "fit.npz")
    rounds = range(progress.restore(model), recipe.epochs * recipe.parts)  # epochs, as Keras sees it
    parts = [folder / f"{number}.scenes" for number in range(recipe.parts)]
    if rounds:
        data.draw_parts(source, parts, recipe.part_size, seed)
        model.fit(
            _dataset(recipe, parts, seed, rounds), initial_epoch=rounds.start, epochs=rounds.stop,
            steps_per_epoch=recipe.steps, callbacks=[progress], shuffle=False,
        )  # fmt: skip
    for path in parts:
        path.unlink(missing_ok=True)
    return unfitted, progress.history


def _dataset(recipe: Recipe, parts: list[Path], seed: int, rounds: range) -> tf.data.Dataset:
    """Make the batches of all rounds to do, beside the fit, in a thread of TensorFlow's."""

    def batches_of(number: int) -> Iterator[Batch]:
        rng = np.random.default_rng((seed, number))  # so that a round is the same after an interruption
        return data.batches(data.load_part(parts[number % recipe.parts]), recipe.batch_size, rng)

    look, cells = (SIDE_PX, SIDE_PX), (CELLS, CELLS)
    targets = {"ink": look, "centers": cells, "offsets": (*cells, 3)}
    return tf.data.Dataset.from_generator(
        lambda: chain.from_iterable(map(batches_of, rounds)),
        output_signature=(
            tf.TensorSpec((None, *look), tf.float32),
            {name: tf.TensorSpec((None, *shape), tf.float32) for name, shape in targets.items()},
        ),
    ).prefetch(4)
