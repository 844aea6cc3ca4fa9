"""A fitted model as a version: a SavedModel and its LiteRT model, put in place whole or not at all."""

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
from service.models.runtimes import LITERT_MODEL, SIGNATURE, LiteRT, TensorFlow
from service.preparation.normalize import VECTOR_SIZE
from training.errors import ExportError

MAX_PROBABILITY_DIFFERENCE = 1e-5  # between LiteRT and TensorFlow


@contextmanager
def staging(folder: Path, name: str = "version") -> Iterator[Path]:
    """Yield the path of a new version, in a hidden folder within `folder`, which is made if it is missing.

    Whatever is not published is deleted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=folder) as hidden:
        yield Path(hidden) / name


def write_version(model: keras.Model, version: Path, images: NDArray[np.float32]) -> None:
    """Write a model's SavedModel and its LiteRT model, and check that they agree on images float32 (n, 784).

    Args:
        model: the function from float32 (n, 784) to probabilities float32 (n, 10).
        version: the folder to write.
        images: the test images.

    Raises:
        ExportError: a probability differs between the runtimes by over 1e-5, or a file can't be written.

    """
    try:
        write_saved_model(model, version)
        convert_to_litert(version)
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
        input_signature=[tf.TensorSpec((None, VECTOR_SIZE), tf.float32, name="image")],
    )
    archive.write_out(str(folder), verbose=False)


def convert_to_litert(version: Path) -> None:
    """Convert a version's SavedModel to a LiteRT model, in the same folder."""
    litert_model = version / LITERT_MODEL
    litert_model.parent.mkdir()
    litert_model.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(version)).convert())


def compare_runtimes(version: Path, images: NDArray[np.float32]) -> None:
    """Check that the runtimes agree on images float32 (n, 784).

    Raises:
        ExportError: a probability differs by over 1e-5, or is not a number.

    """
    difference = np.abs(LiteRT(version).predict(images) - TensorFlow(version).predict(images)).max()
    if not difference <= MAX_PROBABILITY_DIFFERENCE:  # NaN is refused, too
        raise ExportError(
            f"LiteRT's probabilities differ from the SavedModel's by up to {difference:.1e},"
            f" over {MAX_PROBABILITY_DIFFERENCE}."
        )


def publish(version: Path, folder: Path, lowest: int = 1) -> Path:
    """Move a complete version to the next free number in `folder`, from `lowest` on, and return its new path.

    The version is flushed to the disk and then renamed in one step, so that readers see all of it or none.
    """
    folder.mkdir(exist_ok=True)
    _flush_all(version)
    for number in itertools.count(max(lowest, store.next_number(folder))):
        try:
            target = version.rename(folder / str(number))
            break
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise  # else another process has just taken this number
    _flush(folder)
    return target


def replace(version: Path, target: Path) -> None:
    """Move a complete folder to `target`, and delete the folder that was there.

    Readers see one of the folders, whole, except between two renames, when there is none. After a crash between these,
    the old folder is hidden beside the target, and `recover` puts it back.
    """
    recover(target)
    _flush_all(version)
    with suppress(FileNotFoundError):
        target.rename(_backup_path(target))
    try:
        version.rename(target)
        _flush(target.parent)
    finally:
        recover(target)


def recover(target: Path) -> None:
    """Put back the old folder that a crash within `replace` left, or delete it if the new one is in place."""
    if not _backup_path(target).exists():
        return
    if target.exists():
        shutil.rmtree(_backup_path(target))
    else:
        _backup_path(target).rename(target)


def _backup_path(target: Path) -> Path:
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
