"""Uploads as the service prepares them: what training fits to, and what shows how well they are read."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service import parallel
from service.errors import NoDigit
from service.models.loading import Model
from service.preparation import finder, normalize
from service.preparation.decode import decode
from service.preparation.finder import Finder
from service.settings import Settings
from training.data.datasets import Digits
from training.synthetic.conditions import Task, Upload, draw, tasks

Gray = NDArray[np.uint8]


@dataclass(frozen=True)
class Prepared:
    """Uploads made digits by the service, those that plain resizing makes, uint8 (n, 28, 28), and their conditions."""

    digits: Digits
    resized: Gray
    conditions: list[str]


def prepare(originals: Digits, count: int, seed: int, models: Path) -> Prepared:
    """Make `count` uploads of each condition of digits, or one of each digit if these are fewer, on all cores.

    The same seed and the same finder, that of the folder `models`, give the same digits, on any number of cores. An
    upload that nothing is found in is a blank digit.

    Raises:
        ModelError: the finder is damaged, or can't be read.

    """
    prepare_all = partial(_prepare_all, models=models)
    with parallel.pool() as pool:
        pending = [parallel.submit(pool, prepare_all, task) for task in tasks(originals, count, seed)]
        rows = [row for future in pending for row in future.result()]
    conditions, labels, prepared, resized = zip(*rows, strict=True)
    return Prepared(Digits(np.stack(prepared), np.array(labels, np.uint8)), np.stack(resized), list(conditions))


def _prepare_all(task: Task, models: Path) -> list[tuple[str, int, Gray, Gray]]:
    cv2.setNumThreads(1)  # there is a process for each core
    rows, loaded = [], load_once(models)
    for upload in draw(task):
        picture = _decode(upload)
        rows.append((upload.condition, upload.label, _prepare(picture, loaded), resize(picture)))
    return rows


@cache
def load_once(models: Path) -> Finder:
    """Load a finder, once in each process."""
    return finder.load(models)


def accuracies(uploads: Prepared, model: Model) -> Iterator[tuple[str, float, float]]:
    """Give every condition, and the part of its uploads read right, resized plainly and prepared by the service."""
    right = [
        model.predict(normalize.scale(images)).argmax(axis=1) == uploads.digits.labels
        for images in (uploads.resized, uploads.digits.images)
    ]
    conditions = np.array(uploads.conditions)
    for condition in dict.fromkeys(uploads.conditions):
        plain, prepared = (float(row[conditions == condition].mean()) for row in right)
        yield condition, plain, prepared


def resize(picture: Gray) -> Gray:
    """Resize a picture uint8 (height, width) to 28x28, and do nothing else."""
    return np.asarray(Image.fromarray(picture).resize((normalize.SIDE, normalize.SIDE), Image.Resampling.BILINEAR))


def draw_sheet(uploads: Iterable[Upload], models: Path, path: Path) -> None:
    """Draw uploads, the ink found in each and the 28x28 result, a row for each condition, as a picture file.

    Raises:
        ModelError: the finder of the folder `models` is damaged, or can't be read.

    """
    from matplotlib.figure import Figure

    loaded, rows = load_once(models), dict[str, list[Gray]]()
    for upload in uploads:
        rows.setdefault(upload.condition, []).extend(_steps(_decode(upload), loaded))
    columns = max(map(len, rows.values()))
    figure = Figure(figsize=(columns * 1.1, len(rows) * 1.1), layout="constrained")
    for (condition, pictures), row in zip(rows.items(), figure.subplots(len(rows), columns), strict=True):
        row[0].set_title(condition, loc="left", fontsize=8)
        for axes, picture in zip(row, pictures, strict=True):
            _show(axes, picture)
    figure.savefig(path, facecolor="lightsteelblue", dpi=80)


def _show(axes: Any, picture: Gray) -> None:
    axes.set_axis_off()
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255)


def _steps(picture: Gray, loaded: Finder) -> tuple[Gray, Gray, Gray]:
    try:
        ink = np.rint(loaded.find(picture).ink * 255).astype(np.uint8)
    except NoDigit:
        ink = np.zeros((1, 1), np.uint8)
    return picture, ink, _prepare(picture, loaded)


def _decode(upload: Upload) -> Gray:
    limits = Settings()
    return decode(upload.data, limits.max_pixels, limits.max_frames)


def _prepare(picture: Gray, loaded: Finder) -> Gray:
    try:
        return normalize.prepare(picture, loaded)
    except NoDigit:  # read wrong, as far as the digit that is there is concerned
        return np.zeros((normalize.SIDE, normalize.SIDE), np.uint8)
