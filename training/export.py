"""A fitted model as a version: a SavedModel and its compilation for LiteRT, put in place whole or not at all."""

import errno
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from service.models import store
from service.models.runtimes import COMPILATION, SIGNATURE, LiteRT, TensorFlow
from service.preparation.normalize import SIDE
from training.errors import ExportError

TOLERANCE = 1e-5  # between LiteRT's and TensorFlow's probabilities


@contextmanager
def staging(folder: Path, name: str = "version") -> Iterator[Path]:
    """Give the path of a version to be, in a hidden folder within `folder`, which is made where it is missing.

    What is not published from it is deleted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=folder) as hidden:
        yield Path(hidden) / name


def write_version(model: keras.Model, version: Path, images: NDArray[np.float32]) -> None:
    """Write a model's SavedModel and its compilation, and see that they agree on images float32 (n, 784).

    Args:
        model: takes float32 (n, 784), gives the probabilities float32 (n, 10).
        version: the folder to write.
        images: the test images.

    Raises:
        ExportError: the runtimes' probabilities of an image differ by over 1e-5, or a file can't be written.

    """
    try:
        write_saved_model(model, version)
        compile_for_litert(version)
    except tf.errors.OpError as error:
        raise ExportError(f"{version} can't be written: {error.message}.") from error
    compare_runtimes(version, images)


def write_saved_model(model: keras.Model, folder: Path) -> None:
    """Write the SavedModel: `serving_default` from `image` float32 (n, 784) to `probabilities` float32 (n, 10)."""
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        SIGNATURE,
        lambda image: {"probabilities": model(image, training=False)},
        input_signature=[tf.TensorSpec((None, SIDE * SIDE), tf.float32, name="image")],
    )
    archive.write_out(str(folder), verbose=False)


def compile_for_litert(version: Path) -> None:
    """Compile a version's SavedModel for LiteRT, beside it."""
    compilation = version / COMPILATION
    compilation.parent.mkdir()
    compilation.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(version)).convert())


def compare_runtimes(version: Path, images: NDArray[np.float32]) -> None:
    """Compare the runtimes over images float32 (n, 784).

    Raises:
        ExportError: they differ by over 1e-5 somewhere, or are not all numbers.

    """
    difference = np.abs(LiteRT(version).predict(images) - TensorFlow(version).predict(images)).max()
    if not difference <= TOLERANCE:  # so that NaN is refused too
        raise ExportError(
            f"LiteRT's probabilities differ from the SavedModel's by up to {difference:.1e}, over {TOLERANCE}."
        )


def publish(version: Path, folder: Path) -> Path:
    """Move a complete version into place in `folder`, under the next free number, and give its new path.

    It is flushed to the disk before and renamed in one step, so that a reader sees all of it or nothing.
    """
    folder.mkdir(exist_ok=True)
    _flush_all(version)
    for number in itertools.count(store.next_number(folder)):
        try:
            target = version.rename(folder / str(number))
            break
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise  # else someone was faster with this number
    _flush(folder)
    return target


def replace(version: Path, target: Path) -> None:
    """Move a complete folder into the place of another, if there is one, which is deleted.

    A reader sees all of either, but for the moment between two renames: a crash then leaves the other one beside,
    hidden, for `recover` to put back.
    """
    recover(target)
    _flush_all(version)
    with suppress(FileNotFoundError):
        target.rename(_aside(target))
    try:
        version.rename(target)
        _flush(target.parent)
    finally:
        recover(target)


def recover(target: Path) -> None:
    """Put back, or delete where the new one is in place, what a crash within `replace` left."""
    if not _aside(target).exists():
        return
    if target.exists():
        shutil.rmtree(_aside(target))
    else:
        _aside(target).rename(target)


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}-replaced")


def _flush_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        _flush(path)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
