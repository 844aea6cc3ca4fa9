"""Versions of the model, copied and changed."""

import json
import shutil
from pathlib import Path
from typing import Any

from service.models.store import CARD, REPORT
from service.settings import DEFAULT_MODELS


def copy_version(shipped: Path, models: Path, report: str = "", **card: Any) -> Path:
    """Copy the shipped version to version 9 of `models`, with this report, and these fields in its card."""
    version = Path(shutil.copytree(shipped, models / "mnist" / "9", ignore=shutil.ignore_patterns("report")))
    checksums = json.loads((version / CARD).read_text())["files"]
    files = {name: checksum for name, checksum in checksums.items() if (version / name).exists()}
    (version / CARD).write_text(json.dumps({"files": files, **card}))
    if report:
        (version / REPORT).parent.mkdir()
        (version / REPORT).write_text(report, encoding="utf-8")
    return version


def save_variant(shipped: Path, version: Path, white: float = 1, dtype: str = "float32") -> Path:
    """Write a SavedModel like the shipped one that takes pixels in [0, white], and answers in another dtype."""
    import tensorflow as tf

    model = tf.Module()
    model.shipped = tf.saved_model.load(str(shipped))
    read = model.shipped.signatures["serving_default"]

    @tf.function(input_signature=[tf.TensorSpec((None, 784), tf.float32, "image")])  # type: ignore[untyped-decorator]
    def serve(image: Any) -> dict[str, Any]:
        return {"probabilities": tf.cast(read(image=image / white)["probabilities"], dtype)}

    tf.saved_model.save(model, str(version), signatures={"serving_default": serve})
    return version


def copy_two_versions(folder: Path) -> Path:
    """Copy the package's models, but for version 3, into a new folder."""
    return Path(shutil.copytree(DEFAULT_MODELS, folder, ignore=shutil.ignore_patterns("3")))
