"""How good a finder is: how uploads are read with it, and what it marks in scenes that it was not fitted to."""

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
from service.preparation.looks import SIDE_PX
from service.preparation.normalize import SIDE, place, scale
from service.preparation.segmentation import MIN_INK, Marks, peaks
from service.settings import Settings
from training.data.datasets import Digits
from training.evaluate import Answers
from training.synthetic import conditions, scenes
from training.synthetic.glyphs import Source
from training.synthetic.prepare import load_once
from training.synthetic.scenes import Scene

Gray = NDArray[np.uint8]

SEED = 10_000  # of uploads and scenes, the same for all finders
SCENES_PER_UPLOAD = 20  # of a condition
CHUNK = 100  # scenes that a process draws at once
HANDS = 0.4  # the part of digits in scenes that are letterforms, whatever a finder was fitted to
NEAR_PX = 8.0  # a center is found within so many pixels of a look
SHOWN_PX = 112  # the longer side of an upload as it is shown


@dataclass(frozen=True)
class Reading:
    """An upload, the ink found in it, and the digit made of that; a blank one where no ink was found."""

    condition: str
    label: int
    page: Gray  # (height, width), 112 at most
    ink: Gray | None  # (height, width), of 255
    digit: Gray  # (28, 28)


@dataclass(frozen=True)
class Counts:
    """What is marked in scenes: pixels of ink, and centers."""

    scenes: int = 0
    ink: int = 0
    marked: int = 0  # as ink
    overlap: int = 0  # of both
    centers: int = 0
    found: int = 0
    invented: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(left + right for left, right in zip(astuple(self), astuple(other), strict=True)))

    def metrics(self) -> dict[str, float]:
        """Return the parts of ink found and invented, their Dice coefficient, and counts of centers."""
        return {
            "scenes": self.scenes,
            "ink_found": self.overlap / max(self.ink, 1),
            "ink_invented": 1 - self.overlap / max(self.marked, 1),
            "ink_dice": 2 * self.overlap / max(self.ink + self.marked, 1),
            "centers": self.centers,
            "centers_found": self.found,
            "centers_missed": self.centers - self.found,
            "centers_invented": self.invented,
        }


@dataclass(frozen=True)
class Evaluation:
    """Uploads as read with a finder, the answers of a classifier, and what the finder marks in scenes."""

    readings: list[Reading]
    answers: Answers
    counts: Counts

    @property
    def refused(self) -> NDArray[np.bool_]:
        """The uploads in which no digit was found, (n,)."""
        return np.array([reading.ink is None for reading in self.readings])

    @property
    def errors(self) -> NDArray[np.bool_]:
        """The uploads that are refused or read wrong, (n,)."""
        errors: NDArray[np.bool_] = self.answers.errors | self.refused
        return errors

    def conditions(self) -> dict[str, NDArray[np.bool_]]:
        """Return each condition, and which uploads are made under it, (n,)."""
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


def evaluate(models: Path, classifier: Model, originals: Digits, count: int) -> Evaluation:
    """Evaluate the finder of a folder of models, on all cores; the same finder gives the same, on any number of them.

    Args:
        models: holds the finder.
        classifier: reads the digits that are made of the ink found.
        originals: MNIST's images that no scene that the finder was fitted to has; uploads and scenes are made of them.
        count: uploads of each condition; there are twenty times as many scenes.

    Raises:
        ModelError: the finder is damaged, or can't be read.

    """
    with parallel.pool() as pool:
        source = Source(originals, HANDS)
        reading = [
            parallel.submit(pool, partial(_read, models), task) for task in conditions.tasks(originals, count, SEED)
        ]
        marking = [parallel.submit(pool, partial(_mark, models, source), seed) for seed in _chunks(count)]
        readings = [reading for future in reading for reading in future.result()]
        counts = sum((future.result() for future in marking), Counts())
    digits = np.stack([reading.digit for reading in readings])
    labels = np.array([reading.label for reading in readings], np.uint8)
    return Evaluation(readings, Answers(digits, labels, classifier.predict(scale(digits))), counts)


def _read(models: Path, task: conditions.Task) -> list[Reading]:
    cv2.setNumThreads(1)  # there is a process for each core
    loaded, limits = load_once(models), Settings()
    pages = ((upload, decode(upload.data, limits.max_pixels, limits.max_frames)) for upload in conditions.draw(task))
    return [Reading(upload.condition, upload.label, _shrink(page), *_find(page, loaded)) for upload, page in pages]


def _find(page: Gray, loaded: Finder) -> tuple[Gray | None, Gray]:
    """Return the ink of a page, and the digit made of it."""
    try:
        ink = loaded.find(page).ink
    except NoDigit:
        return None, np.zeros((SIDE, SIDE), np.uint8)
    return np.rint(ink * 255).astype(np.uint8), place(ink)


def _shrink(page: Gray) -> Gray:
    image = Image.fromarray(page)
    image.thumbnail((SHOWN_PX, SHOWN_PX))
    return np.asarray(image)


def _chunks(count: int) -> Iterator[tuple[int, int, int]]:
    total = count * SCENES_PER_UPLOAD
    for start in range(0, total, CHUNK):
        yield SEED, start, min(CHUNK, total - start)


def _mark(models: Path, source: Source, chunk: tuple[int, int, int]) -> Counts:
    cv2.setNumThreads(1)
    loaded = load_once(models)
    rng = np.random.default_rng(chunk[:2])
    drawn = [scenes.draw(source, rng) for _ in range(chunk[2])]
    marks = (loaded.mark(scene.look[None])[0] for scene in drawn)
    return sum(map(_count, drawn, marks), Counts())


def _count(scene: Scene, marks: Marks) -> Counts:
    ink, marked = scene.ink > 127, marks.ink > MIN_INK
    centers = peaks(marks.centers)
    shown = scene.centers[((scene.centers >= 0) & (scene.centers < SIDE_PX)).all(axis=1)]  # a digit may be cut
    distances = np.linalg.norm(shown[:, None] - centers, axis=2)
    found = int((distances[linear_sum_assignment(distances)] < NEAR_PX).sum())
    pixels = int(ink.sum()), int(marked.sum()), int((ink & marked).sum())
    return Counts(1, *pixels, len(shown), found, len(centers) - found)
