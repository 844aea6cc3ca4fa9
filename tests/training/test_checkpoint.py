"""A checkpoint restores weights, optimizer and history of a fit."""

from pathlib import Path

import keras
import numpy as np

from training.model.checkpoint import Checkpoint

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
Y = X.sum(axis=1)


def build_model() -> keras.Model:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.2), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.1), "mse")
    return model


def fit(model: keras.Model, progress: Checkpoint, first: int, last: int) -> list[np.ndarray]:
    model.fit(X, Y, initial_epoch=first, epochs=last, callbacks=[progress], shuffle=False, verbose=0)
    return [np.asarray(variable) for variable in (*model.variables, *model.optimizer.variables)]


def test_without_a_file_a_fit_starts_with_epoch_0(tmp_path: Path) -> None:
    for path in (None, tmp_path / "fit.npz"):
        assert Checkpoint(path).restore(build_model()) == 0


def test_a_restored_fit_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    uninterrupted = Checkpoint(None)
    expected = fit(build_model(), uninterrupted, 0, 4)

    keras.utils.set_random_seed(1)
    fit(build_model(), Checkpoint(tmp_path / "fit.npz"), 0, 2)
    keras.utils.set_random_seed(1)  # builds the same layers, with other weights than the checkpoint's
    model, progress = build_model(), Checkpoint(tmp_path / "fit.npz")
    assert progress.restore(model) == 2
    for value, variable in zip(expected, fit(model, progress, 2, 4), strict=True):
        np.testing.assert_array_equal(value, variable)
    assert progress.history == uninterrupted.history
    assert list(tmp_path.iterdir()) == [tmp_path / "fit.npz"]


def test_without_a_path_nothing_is_written(tmp_path: Path) -> None:
    progress = Checkpoint(None)
    fit(build_model(), progress, 0, 1)
    assert len(progress.history["loss"]) == 1
    assert list(tmp_path.iterdir()) == []
