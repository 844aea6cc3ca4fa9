"""Uploads as the service prepares them. Networks are fitted to them, and measured on them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from service import parallel
from service.errors import NoDigit
from service.models.loading import Model
from service.preparation import finder as finders
from service.preparation import normalize
from service.preparation.finder import Finder
from service.preparation.types import Gray
from training.data.datasets import Digits
from training.data.image_folders import decode_image
from training.synthetic.conditions import ConditionTask, choose_tasks, draw_task


@dataclass(frozen=True)
class PreparedUploads:
    """Uploads as digits that the service prepares, and as digits uint8 (n, 28, 28) that plain resizing makes."""

    digits: Digits
    resized: Gray
    conditions: list[str]


def prepare_uploads(originals: Digits, count: int, seed: int, models: Path) -> PreparedUploads:
    """Prepare `count` uploads in each condition, or one of each digit if there are fewer digits, on all cores.

    The same seed and the same finder, in the folder `models`, give the same digits, on any number of cores. An upload
    in which no digit is found becomes a blank digit.

    Raises:
        ModelError: the finder is damaged, or can't be read.

    """
    with parallel.pool() as pool:
        prepare_task = partial(_prepare_task, models=models)
        pending = [parallel.submit(pool, prepare_task, task) for task in choose_tasks(originals, count, seed)]
        rows = [row for future in pending for row in future.result()]
    conditions, labels, prepared, resized = zip(*rows, strict=True)
    return PreparedUploads(Digits(np.stack(prepared), np.array(labels, np.uint8)), np.stack(resized), list(conditions))


def _prepare_task(task: ConditionTask, models: Path) -> list[tuple[str, int, Gray, Gray]]:
    cv2.setNumThreads(1)  # there is a process for each core
    rows, finder = [], load_finder(models)
    for upload in draw_task(task):
        image = decode_image(upload.data)
        rows.append((upload.condition, upload.label, prepare_image(image, finder), resize(image)))
    return rows


@cache
def load_finder(models: Path) -> Finder:
    """Load the finder of a folder of models, once in each process."""
    return finders.load(models)


def prepare_image(image: Gray, finder: Finder) -> Gray:
    """Return the digit of an image, uint8 (28, 28), or a blank one where none is found: each upload counts."""
    try:
        return normalize.prepare(image, finder)
    except NoDigit:
        return np.zeros(normalize.DIGIT_SHAPE, np.uint8)


def resize(image: Gray) -> Gray:
    """Return an image uint8 (height, width) resized to 28x28."""
    return np.asarray(Image.fromarray(image).resize(normalize.DIGIT_SHAPE, Image.Resampling.BILINEAR))


def measure_accuracies(uploads: PreparedUploads, model: Model) -> Iterator[tuple[str, float, float]]:
    """Yield each condition, and the accuracy on its uploads, plainly resized and prepared by the service."""
    right = [
        model.predict(normalize.to_vectors(images)).argmax(axis=1) == uploads.digits.labels
        for images in (uploads.resized, uploads.digits.images)
    ]
    conditions = np.array(uploads.conditions)
    for condition in dict.fromkeys(uploads.conditions):
        resized, prepared = (float(row[conditions == condition].mean()) for row in right)
        yield condition, resized, prepared
