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
from service.preparation.looks import LOOK_SIDE_PX
from training.errors import DataError
from training.finder import data, network
from training.finder.data import SceneBatch
from training.fit import History
from training.model.checkpoint import Checkpoint
from training.model.split_batch import SplitBatchModel
from training.settings import FinderSettings
from training.synthetic.glyphs import GlyphSource

MAX_SCENES_PER_PART = 10_000  # between two checkpoints: about a minute on two cores


@dataclass(frozen=True, kw_only=True)
class FinderRecipe(FinderSettings):
    """The settings that a finder is fitted with, and the steps that follow from them."""

    @property
    def parts(self) -> int:
        """The number of equal parts of the scenes; a checkpoint is written after each."""
        return math.ceil(self.scenes / MAX_SCENES_PER_PART)

    @property
    def part_size(self) -> int:
        """The number of scenes in a part."""
        return self.scenes // self.parts

    @property
    def steps(self) -> int:
        """The number of batches in a part; every batch is full."""
        return self.part_size // self.batch_size

    def compile(self, unfitted: keras.Model) -> keras.Model:
        """Return the model that fits a network."""
        steps = self.epochs * self.parts * self.steps
        warm_up = max(1, round(self.warm_up * steps))
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, max(1, steps - warm_up), warmup_target=self.learning_rate, warmup_steps=warm_up
        )
        # 0.23 to 0.27 s a step of 64 on two cores; not measured side by side with the plain network. XLA (jit_compile)
        # took twice the processor time on a busy machine.
        model = SplitBatchModel(unfitted)
        model.compile(optimizer=keras.optimizers.AdamW(rate, weight_decay=self.weight_decay), loss=network.LOSSES)
        return model


def fit(recipe: FinderRecipe, source: GlyphSource, seed: int, folder: Path) -> tuple[keras.Model, History]:
    """Draw scenes, fit a network to them, and return it with its losses after each part.

    The same seed gives the same weights, bit for bit, on the same machine. The folder keeps the scenes and a
    checkpoint. If they exist, the fit goes on from them, and ends with the same weights. A finished fit leaves only the
    checkpoint.

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
    rounds = range(progress.restore(model), recipe.epochs * recipe.parts)  # each is an epoch to Keras
    parts = [folder / f"{number}.scenes" for number in range(recipe.parts)]
    if rounds:
        data.draw_parts(source, parts, recipe.part_size, seed)
        model.fit(
            _make_dataset(recipe, parts, seed, rounds), initial_epoch=rounds.start, epochs=rounds.stop,
            steps_per_epoch=recipe.steps, callbacks=[progress], shuffle=False,
        )  # fmt: skip
    for path in parts:
        path.unlink(missing_ok=True)
    return unfitted, progress.history


def _make_dataset(recipe: FinderRecipe, parts: list[Path], seed: int, rounds: range) -> tf.data.Dataset:
    """Return the batches of all rounds. A thread of TensorFlow makes them during the fit."""

    def make_round(number: int) -> Iterator[SceneBatch]:
        rng = np.random.default_rng((seed, number))  # so that a round is the same after an interruption
        return data.make_batches(data.map_part(parts[number % recipe.parts]), recipe.batch_size, rng)

    look, cells = (LOOK_SIDE_PX, LOOK_SIDE_PX), (CELLS, CELLS)
    targets = {"ink": look, "centers": cells, "offsets": (*cells, 3)}
    return tf.data.Dataset.from_generator(
        lambda: chain.from_iterable(map(make_round, rounds)),
        output_signature=(
            tf.TensorSpec((None, *look), tf.float32),
            {name: tf.TensorSpec((None, *shape), tf.float32) for name, shape in targets.items()},
        ),
    ).prefetch(4)
