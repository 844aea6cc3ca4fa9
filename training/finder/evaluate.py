"""The evaluation of a finder: how uploads are read with it, and what it marks in scenes it was not fitted to."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.optimize import linear_sum_assignment

from service import parallel
from service.errors import NoDigit
from service.models.loading import Model
from service.preparation.decode import decode
from service.preparation.finder import Finder
from service.preparation.looks import LOOK_SIDE_PX
from service.preparation.normalize import DIGIT_SHAPE, center_ink, to_vectors
from service.preparation.segmentation import MIN_INK, Maps, find_peaks
from service.preparation.types import Gray
from service.settings import Settings
from training.data.datasets import Digits
from training.evaluate import EVALUATION_SEED, Predictions
from training.finder.data import SCENES_PER_CHUNK
from training.synthetic import conditions, scenes
from training.synthetic.glyphs import GlyphSource
from training.synthetic.prepare import load_finder
from training.synthetic.scenes import Scene

SCENES_PER_UPLOAD = 20  # for each upload of a condition
EVALUATION_HANDS = 0.4  # the part of digits in scenes that are letterforms, whatever a finder was fitted to
MAX_CENTER_DISTANCE_PX = 8.0  # of a center that is found, in pixels of a look
THUMBNAIL_SIDE_PX = 112  # the longer side of an upload in the report


@dataclass(frozen=True)
class UploadReading:
    """An upload, the ink found in it, and the digit made of the ink, which is blank if no ink was found."""

    condition: str
    label: int
    image: Gray  # (height, width), 112 at most
    ink: Gray | None  # (height, width), of 255
    digit: Gray  # (28, 28)


@dataclass(frozen=True)
class MarkCounts:
    """Counts of what is marked in scenes: pixels of ink, and centers."""

    scenes: int = 0
    ink: int = 0
    marked: int = 0  # pixels marked as ink
    overlap: int = 0  # pixels of ink that are marked
    centers: int = 0
    centers_found: int = 0
    centers_invented: int = 0

    def __add__(self, other: "MarkCounts") -> "MarkCounts":
        return MarkCounts(*(left + right for left, right in zip(astuple(self), astuple(other), strict=True)))

    def metrics(self) -> dict[str, float]:
        """Return the parts of ink found and invented, their Dice coefficient, and counts of centers."""
        return {
            "scenes": self.scenes,
            "ink_found": self.overlap / max(self.ink, 1),
            "ink_invented": 1 - self.overlap / max(self.marked, 1),
            "ink_dice": 2 * self.overlap / max(self.ink + self.marked, 1),
            "centers": self.centers,
            "centers_found": self.centers_found,
            "centers_missed": self.centers - self.centers_found,
            "centers_invented": self.centers_invented,
        }


@dataclass(frozen=True)
class FinderEvaluation:
    """Uploads as read with a finder, the predictions of a classifier, and what the finder marks in scenes."""

    readings: list[UploadReading]
    predictions: Predictions
    counts: MarkCounts

    @property
    def refused(self) -> NDArray[np.bool_]:
        """The uploads in which no digit was found, (n,)."""
        return np.array([reading.ink is None for reading in self.readings])

    @property
    def errors(self) -> NDArray[np.bool_]:
        """The uploads that are refused or read wrong, (n,)."""
        errors: NDArray[np.bool_] = self.predictions.errors | self.refused
        return errors

    def conditions(self) -> dict[str, NDArray[np.bool_]]:
        """Return each condition, and whether each upload is made under it, (n,)."""
        names = np.array([reading.condition for reading in self.readings])
        return {str(name): names == name for name in dict.fromkeys(names)}

    def metrics(self) -> dict[str, Any]:
        """Return the metrics that a finder's card has."""
        by_condition = {
            name: {"accuracy": float(1 - self.errors[rows].mean()), "refused": float(self.refused[rows].mean())}
            for name, rows in self.conditions().items()
        }
        return {
            "uploads": len(self.readings),
            "uploads_accuracy": float(1 - self.errors.mean()),
            "uploads_refused": float(self.refused.mean()),
            **self.counts.metrics(),
            "conditions": by_condition,
        }


def evaluate(models: Path, classifier: Model, originals: Digits, count: int) -> FinderEvaluation:
    """Evaluate the finder of a folder of models, on all cores. The result does not depend on the number of cores.

    Args:
        models: the folder that holds the finder.
        classifier: reads the digits that are made of the ink.
        originals: images of MNIST that the finder was not fitted to; uploads and scenes are made of them.
        count: the number of uploads of each condition, and a twentieth of the number of scenes.

    Raises:
        ModelError: the finder is damaged, or can't be read.

    """
    with parallel.pool() as pool:
        source = GlyphSource(originals, EVALUATION_HANDS)
        pending_readings = [
            parallel.submit(pool, partial(_read, models), task)
            for task in conditions.choose_tasks(originals, count, EVALUATION_SEED)
        ]
        pending_counts = [parallel.submit(pool, partial(_mark, models, source), chunk) for chunk in _split(count)]
        readings = [reading for future in pending_readings for reading in future.result()]
        counts = sum((future.result() for future in pending_counts), MarkCounts())
    digits = np.stack([reading.digit for reading in readings])
    labels = np.array([reading.label for reading in readings], np.uint8)
    return FinderEvaluation(readings, Predictions(digits, labels, classifier.predict(to_vectors(digits))), counts)


def _read(models: Path, task: conditions.ConditionTask) -> list[UploadReading]:
    cv2.setNumThreads(1)  # since there is a process for each core
    finder, limits = load_finder(models), Settings()
    images = (
        (upload, decode(upload.data, limits.max_pixels, limits.max_frames)) for upload in conditions.draw_task(task)
    )
    return [
        UploadReading(upload.condition, upload.label, _shrink(image), *_find(image, finder)) for upload, image in images
    ]


def _find(image: Gray, finder: Finder) -> tuple[Gray | None, Gray]:
    """Return the ink of an image, and the digit made of it."""
    try:
        ink = finder.find(image).ink
    except NoDigit:
        return None, np.zeros(DIGIT_SHAPE, np.uint8)
    return np.rint(ink * 255).astype(np.uint8), center_ink(ink)


def _shrink(image: Gray) -> Gray:
    thumbnail = Image.fromarray(image)
    thumbnail.thumbnail((THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX))
    return np.asarray(thumbnail)


def _split(count: int) -> Iterator[tuple[int, int, int]]:
    """Yield for each chunk of scenes its seed, in two parts, and its size."""
    total = count * SCENES_PER_UPLOAD
    for start in range(0, total, SCENES_PER_CHUNK):
        yield EVALUATION_SEED, start, min(SCENES_PER_CHUNK, total - start)


def _mark(models: Path, source: GlyphSource, chunk: tuple[int, int, int]) -> MarkCounts:
    cv2.setNumThreads(1)
    finder = load_finder(models)
    rng = np.random.default_rng(chunk[:2])
    drawn = [scenes.draw(source, rng) for _ in range(chunk[2])]
    maps = (finder.predict(scene.look[None])[0] for scene in drawn)
    return sum(map(_count, drawn, maps), MarkCounts())


def _count(scene: Scene, maps: Maps) -> MarkCounts:
    ink, marked = scene.ink > 127, maps.ink > MIN_INK
    centers = find_peaks(maps.centers)
    visible = scene.centers[((scene.centers >= 0) & (scene.centers < LOOK_SIDE_PX)).all(axis=1)]  # a digit may be cut
    distances = np.linalg.norm(visible[:, None] - centers, axis=2)
    matched = int((distances[linear_sum_assignment(distances)] < MAX_CENTER_DISTANCE_PX).sum())
    pixels = int(ink.sum()), int(marked.sum()), int((ink & marked).sum())
    return MarkCounts(1, *pixels, len(visible), matched, len(centers) - matched)
