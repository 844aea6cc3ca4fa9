"""Time of training against bare Keras scripts: python tests/benchmarks/training_time.py.

For dense: the whole command against a script of chapter 2. The command's evaluation on uploads, which the script lacks,
is cut to one upload of each condition. For convnet: the steps of an epoch against those of the same network,
optimizer, sharpness-aware step and outliers written plainly in Keras, with digits varied by Keras's layers, and by this
package's function in a PyDataset. The second epoch is measured, as the first builds the graph.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from service.preparation.normalize import to_vectors
from training.data import datasets
from training.data.augmentation import augment
from training.data.batches import NO_DIGIT, Batch
from training.fit import fit
from training.model.recipes import RECIPES, build_convnet
from training.model.split_batch import use_a_thread_for_each_half
from training.synthetic import outliers

ROOT = Path(__file__).parents[2]
ROUNDS = 3

BARE = """
import numpy as np, keras
from keras import layers
keras.utils.set_random_seed(0)
with np.load("training/data/mnist.npz") as file:
    x, y, x_test, y_test = (file[name] for name in ("x_train", "y_train", "x_test", "y_test"))
x, x_test = (images.reshape((-1, 784)).astype("float32") / 255 for images in (x, x_test))
model = keras.Sequential(
    [layers.Input((784,)), layers.Dense(512, activation="relu"), layers.Dense(10, activation="softmax")]
)
model.compile(optimizer="rmsprop", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=5, batch_size=128)
model.evaluate(x_test, y_test)
"""

RECIPE = replace(RECIPES["convnet"], epochs=2)
STEPS = 200
SIZE, OTHERS = RECIPE.batch_size, RECIPE.outliers
DIGITS = datasets.load().train[: STEPS * SIZE]


def seconds(*arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - start


def compare_commands() -> None:
    bare, ours = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as models:
            ours.append(seconds("-m", "training", "--recipe", "dense", "--evaluate-on", "1", "--models", models))
        bare.append(seconds("-c", BARE))
    ratio = median(ours) / median(bare)
    print(f"dense: bare Keras {median(bare):.1f} s, python -m training {median(ours):.1f} s: ratio {ratio:.2f}")


class Clock(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Times the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        self.start = time.perf_counter(), time.process_time()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        self.wall, self.cpu = time.perf_counter() - self.start[0], time.process_time() - self.start[1]


def ours(clock: Clock) -> None:
    use_a_thread_for_each_half()
    fit(RECIPE, DIGITS, 0, callbacks=[clock])


class SAMModel(keras.Model):  # type: ignore[misc]
    """The step as a script would have it, in the way of Keras's guide to custom steps."""

    def train_step(self, batch: tuple[tf.Tensor, tf.Tensor]) -> dict[str, Any]:
        images, labels = batch
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y=labels, y_pred=self(images, training=True))
        gradients = tape.gradient(loss, self.trainable_variables)
        factor = RECIPE.rho / (tf.linalg.global_norm(gradients) + 1e-12)
        steps = [factor * gradient for gradient in gradients]
        for weights, step in zip(self.trainable_variables, steps, strict=True):
            weights.assign_add(step)
        with tf.GradientTape() as tape:
            answers = self(images, training=True)
            loss = self.compute_loss(y=labels, y_pred=answers)
        gradients = tape.gradient(loss, self.trainable_variables)
        for weights, step in zip(self.trainable_variables, steps, strict=True):
            weights.assign_sub(step)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        for metric in self.metrics:
            metric.update_state(loss) if metric.name == "loss" else metric.update_state(labels, answers)
        return {metric.name: metric.result() for metric in self.metrics}


def fit_bare(batches: object, clock: Clock) -> None:
    network = build_convnet()
    model = SAMModel(network.inputs, network.outputs)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, STEPS * 2, warmup_target=RECIPE.learning_rate, warmup_steps=STEPS // 10
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.02)
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(batches, epochs=RECIPE.epochs, callbacks=[clock])


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    rng = np.random.default_rng(0)

    def __len__(self) -> int:
        return STEPS

    def __getitem__(self, index: int) -> Batch:
        chosen = self.rng.integers(len(DIGITS), size=SIZE)
        images = np.concatenate(
            [augment(DIGITS.images[chosen], self.rng), outliers.draw(OTHERS, DIGITS.images, self.rng)]
        )
        return to_vectors(images), np.append(DIGITS.labels[chosen], np.full(OTHERS, NO_DIGIT, np.uint8))


def bare_with_our_augmentation(clock: Clock) -> None:
    fit_bare(Batches(), clock)


def bare_with_layers(clock: Clock) -> None:
    """Fit to digits varied by Keras's layers, without the one that bends, which would take longer still."""
    geometry = keras.Sequential(
        [
            layers.RandomRotation(12 / 360, fill_mode="constant"),
            layers.RandomShear(0.25, fill_mode="constant"),
            layers.RandomZoom((-0.12, 0.15), (-0.12, 0.15), fill_mode="constant"),
            layers.RandomTranslation(1.5 / 28, 1.5 / 28, fill_mode="constant"),
        ]
    )

    def vary(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return redraw(geometry(to_layers(images), training=True)), labels

    def mix(batch: tuple[tf.Tensor, tf.Tensor], strange: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images = tf.concat([batch[0], to_layers(strange)], axis=0)
        return tf.reshape(images, (-1, 784)), tf.concat([batch[1], tf.fill((OTHERS,), np.uint8(NO_DIGIT))], axis=0)

    digits = tf.data.Dataset.from_tensor_slices((DIGITS.images, DIGITS.labels)).shuffle(len(DIGITS)).batch(SIZE)
    outlier_images = outliers.draw(STEPS * OTHERS, DIGITS.images, np.random.default_rng(0))
    strange = tf.data.Dataset.from_tensor_slices(outlier_images).shuffle(len(outlier_images)).batch(OTHERS)
    varied = digits.map(vary, num_parallel_calls=tf.data.AUTOTUNE)
    fit_bare(tf.data.Dataset.zip(varied, strange).map(mix).prefetch(tf.data.AUTOTUNE), clock)


def to_layers(images: tf.Tensor) -> tf.Tensor:
    return tf.cast(images, tf.float32)[..., None] / 255


def redraw(images: tf.Tensor) -> tf.Tensor:
    """Thicken, thin or blur some digits of a batch, in part."""
    kind, part = (tf.random.uniform((tf.shape(images)[0], 1, 1, 1)) for _ in range(2))
    thick, thin = tf.nn.max_pool2d(images, 3, 1, "SAME"), -tf.nn.max_pool2d(-images, 2, 1, "SAME")
    blurred = tf.nn.avg_pool2d(images, 3, 1, "SAME")
    other = tf.where(kind < 0.2, thick, tf.where(kind < 0.35, thin, tf.where(kind < 0.55, blurred, images)))
    return part * other + (1 - part) * images


def last_epoch(script: Callable[[Clock], None]) -> tuple[float, float]:
    """Return the seconds of the last epoch, and how busy the cores were."""
    clock = Clock()
    script(clock)
    return clock.wall, clock.cpu / clock.wall / (os.cpu_count() or 1)


def compare_epochs() -> None:
    measured: dict[Callable[[Clock], None], list[tuple[float, float]]] = {
        ours: [], bare_with_our_augmentation: [], bare_with_layers: []
    }  # fmt: skip
    for _ in range(ROUNDS):
        for script, epochs in measured.items():  # each in a new process, which sets its threads
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                epochs.append(pool.submit(last_epoch, script).result())
    our_wall = median(wall for wall, _ in measured[ours])
    for script, epochs in measured.items():
        wall, busy = (median(values) for values in zip(*epochs, strict=True))
        print(f"convnet, {script.__name__}: {wall:.1f} s, cores busy {busy:.0%}, ratio {our_wall / wall:.2f}")


if __name__ == "__main__":
    compare_commands()
    compare_epochs()
