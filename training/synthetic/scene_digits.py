"""Digits that the finder finds in scenes: MNIST's, letterforms, and what it takes for a digit where there is none."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from service import parallel
from service.errors import NoDigit
from service.preparation import normalize
from service.preparation.finder import Finder, Found
from service.preparation.looks import SIDE_PX
from service.preparation.segmentation import separate
from training.data.batches import NO_DIGIT
from training.data.datasets import Digits
from training.synthetic import scenes
from training.synthetic.glyphs import Source, Traced, Written
from training.synthetic.prepare import load_once
from training.synthetic.scenes import Scene

Gray = NDArray[np.uint8]

CHUNK = 250  # scenes that a process draws at once
MIN_OVERLAP = 0.5  # of the box that is found with the digit's own, in parts of their union: else it is not that digit
MIN_EXTENT_PX = 22  # of a digit of a number, in the look
HANDS = 0.4  # the part of the digits of numbers that are letterforms


@dataclass(frozen=True)
class Counts:
    """How many scenes to draw."""

    mnist: int  # of one of MNIST's digits each
    hands: int  # of a letterform each
    numbers: int  # of several digits
    empty: int  # without a digit


@dataclass(frozen=True)
class Task:
    """Scenes to draw: of each of some images of MNIST, then of letterforms, of numbers, and without digits."""

    originals: Digits
    counts: Counts
    rng: Generator


def read(originals: Digits, counts: Counts, seed: int, models: Path) -> Digits:
    """Draw scenes on all cores, and return the digits that the finder of a folder of models finds in them.

    The same seed and the same finder give the same digits, on any number of cores. What is found elsewhere than where
    a digit was drawn is left out: one in ten was, and could not be read by anyone.

    Args:
        originals: MNIST's images to draw.
        counts: how many scenes of each kind.
        seed: of all that is random.
        models: the folder of models.

    Returns:
        The digits; what is found where there is none has the label `NO_DIGIT`.

    Raises:
        ModelError: the finder is damaged, or can't be read.

    """
    with parallel.pool() as pool:
        pending = [
            parallel.submit(pool, partial(_read, models=models), task) for task in _tasks(originals, counts, seed)
        ]
        parts = [future.result() for future in pending]
    return reduce(add, parts)


def _tasks(originals: Digits, counts: Counts, seed: int) -> Iterator[Task]:
    totals = (counts.mnist, counts.hands, counts.numbers, counts.empty)
    chunks = -(-max(totals) // CHUNK)
    for number in range(chunks):
        rng = np.random.default_rng((seed, number))
        part = Counts(*(total * (number + 1) // chunks - total * number // chunks for total in totals))
        images = part.mnist + scenes.MAX_DIGITS * part.numbers
        chosen = rng.choice(len(originals), min(images, len(originals)), replace=False)
        yield Task(originals[chosen], part, rng)


def _read(task: Task, models: Path) -> Digits:
    cv2.setNumThreads(1)  # there is a process for each core
    finder = load_once(models)
    rows = [(normalize.place(found.ink), label) for scene in _draw(task) for found, label in _label(scene, finder)]
    images, labels = zip(*rows, strict=True) if rows else ((), ())
    return Digits(np.array(images, np.uint8).reshape(-1, normalize.SIDE, normalize.SIDE), np.array(labels, np.uint8))


def _draw(task: Task) -> Iterator[Scene]:
    rng, counts = task.rng, task.counts
    originals = task.originals[: counts.mnist]
    for image, label in zip(originals.images, originals.labels, strict=True):
        yield scenes.draw_digit(Traced.of(image, int(label), rng), rng)
    for label in rng.integers(10, size=counts.hands).tolist():
        yield scenes.draw_digit(Written.of(label, rng), rng)
    source = Source(task.originals, HANDS)
    for _ in range(counts.numbers):
        yield scenes.draw_number(source, rng)
    for _ in range(counts.empty):
        yield scenes.draw_empty(rng)


def _label(scene: Scene, finder: Finder) -> Iterator[tuple[Found, int]]:
    """Yield what is found in a scene, and the label of the digit that was drawn there."""
    for digit in _find_all(scene, finder) if len(scene.labels) > 1 else _find(scene, finder):
        if not len(scene.labels):
            yield digit, NO_DIGIT
        elif (overlaps := _overlaps(digit, scene)).max() > MIN_OVERLAP:
            yield digit, int(scene.labels[overlaps.argmax()])


def _find(scene: Scene, finder: Finder) -> Iterator[Found]:
    try:
        yield finder.find(scene.look)
    except NoDigit:
        return


def _find_all(scene: Scene, finder: Finder) -> Iterator[Found]:
    """Yield the digits that one look shows, but for those so small that the service looks closer."""
    for digit in separate(finder.mark(scene.look[None])[0]):
        if digit.extent >= MIN_EXTENT_PX:
            left, top, right, bottom = digit.box
            yield Found(digit.ink, (left, top, right - left, bottom - top))


def _overlaps(found: Found, scene: Scene) -> NDArray[np.float32]:
    """Return how much of the union of two boxes both cover (n,): of what is found, and of each digit of a scene."""
    start = np.array(found.box[:2], np.float32)
    end = start + found.box[2:]
    low, high = scene.boxes[:, :2].clip(0, SIDE_PX), scene.boxes[:, 2:].clip(0, SIDE_PX)
    both = (np.minimum(high, end) - np.maximum(low, start)).clip(0).prod(axis=1)
    union = (end - start).prod() + (high - low).prod(axis=1) - both
    overlaps: NDArray[np.float32] = both / union
    return overlaps
