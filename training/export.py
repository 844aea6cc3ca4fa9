"""A fitted model as the next version: a SavedModel, its compilation for LiteRT and its model card."""

import errno
import itertools
import json
import os
import platform
import tempfile
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from service.digits import SIDE, scale
from service.models import CARD, NAME, sha256, versions
from service.runtimes import COMPILATION, SIGNATURE, LiteRT, TensorFlow
from training.data import Dataset
from training.errors import ExportError
from training.evaluate import accuracy, negative_log_likelihood

TOLERANCE = 1e-5  # between LiteRT's and TensorFlow's probabilities


def export(model: keras.Model, models: Path, dataset: Dataset, card: dict[str, Any]) -> tuple[Path, dict[str, float]]:
    """Write a model as the next version under `models`, and give the version's folder and its metrics.

    Args:
        model: takes float32 (n, 784), gives the probabilities float32 (n, 10).
        models: the folder of models, made where it is missing.
        dataset: its test images compare the runtimes and give the metrics.
        card: how the model was made; metrics, libraries and checksums are added.

    Raises:
        ExportError: LiteRT's probabilities of a test image differ from the SavedModel's by over 1e-5.

    """
    folder = models / NAME
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=folder) as staging:
        version = Path(staging) / "version"
        write_saved_model(model, version)
        compile_for_litert(version)
        probabilities = compare_runtimes(version, scale(dataset.x_test))
        metrics = _measure(probabilities, dataset)
        write_card(version, {**card, "metrics": metrics})
        return publish(version, folder), metrics


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


def compare_runtimes(version: Path, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compare the runtimes over images float32 (n, 784), and give LiteRT's probabilities, float32 (n, 10).

    Raises:
        ExportError: they differ by over 1e-5 somewhere, or are not all numbers.

    """
    probabilities = LiteRT(version).predict(images)
    difference = np.abs(probabilities - TensorFlow(version).predict(images)).max()
    if not difference <= TOLERANCE:  # so that NaN is refused too
        raise ExportError(
            f"LiteRT's probabilities differ from the SavedModel's by up to {difference:.1e}, over {TOLERANCE}."
        )
    return probabilities


def write_card(version: Path, card: dict[str, Any]) -> None:
    """Write a version's model card, with the libraries in use and the SHA-256 of every other file of the version."""
    libraries = {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "ai-edge-litert": installed_version("ai-edge-litert"),
        "numpy": np.__version__,
    }
    files = sorted(path for path in version.rglob("*") if path.is_file())
    checksums = {path.relative_to(version).as_posix(): sha256(path) for path in files}
    text = json.dumps({**card, "libraries": libraries, "files": checksums}, indent=2)
    (version / CARD).write_text(text + "\n")


def publish(version: Path, folder: Path) -> Path:
    """Move a complete version into place in `folder`, under the next free number, and give its new path.

    It is flushed to the disk before and renamed in one step, so that a reader sees all of it or nothing.
    """
    for path in (version, *version.rglob("*")):
        _flush(path)
    highest = max((int(path.name) for path in versions(folder.parent)), default=0)
    for number in itertools.count(highest + 1):
        try:
            target = version.rename(folder / str(number))
            break
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise  # else someone was faster with this number
    _flush(folder)
    return target


def _measure(probabilities: NDArray[np.float32], dataset: Dataset) -> dict[str, float]:
    return {
        "test_images": len(dataset.y_test),
        "test_accuracy": accuracy(probabilities, dataset.y_test),
        "test_negative_log_likelihood": negative_log_likelihood(probabilities, dataset.y_test),
    }


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
