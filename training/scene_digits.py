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

from service import digits, processes
from service.errors import NoDigit
from service.finder import Finder
from training import letterforms, scenes
from training.batches import NO_DIGIT
from training.data import Digits
from training.glyphs import Traced, Written
from training.preparation import load_once

Gray = NDArray[np.uint8]

CHUNK = 250  # scenes that a process draws at once


@dataclass(frozen=True)
class Task:
    """Scenes to draw: of each of some images of MNIST, then of letterforms, then without digits."""

    originals: Digits
    hands: int
    empty: int
    rng: Generator


def read(originals: Digits, counts: tuple[int, int, int], seed: int, models: Path) -> Digits:
    """Draw scenes on all cores, and return the digits that the finder of a folder of models finds in them.

    The same seed and the same finder give the same digits, on any number of cores. Scenes in which nothing is found
    are left out.

    Args:
        originals: MNIST's images to draw.
        counts: scenes of an image of MNIST, of a letterform, and without a digit.
        seed: of all that is random.
        models: the folder of models.

    Returns:
        The digits; what is found where there is none has the label `NO_DIGIT`.

    Raises:
        ModelError: the finder is damaged, or can't be read.

    """
    with processes.pool() as pool:
        pending = [
            processes.submit(pool, partial(_read, models=models), task) for task in _tasks(originals, counts, seed)
        ]
        parts = [future.result() for future in pending]
    return reduce(add, parts)


def _tasks(originals: Digits, counts: tuple[int, int, int], seed: int) -> Iterator[Task]:
    chunks = -(-max(counts) // CHUNK)
    for number in range(chunks):
        rng = np.random.default_rng((seed, number))
        drawn, hands, empty = (count * (number + 1) // chunks - count * number // chunks for count in counts)
        chosen = rng.choice(len(originals), min(drawn, len(originals)), replace=False)
        yield Task(Digits(originals.images[chosen], originals.labels[chosen]), hands, empty, rng)


def _read(task: Task, models: Path) -> Digits:
    cv2.setNumThreads(1)  # there is a process for each core
    finder = load_once(models)
    rows = [(image, label) for look, label in _draw(task) if (image := _find(look, finder)) is not None]
    images, labels = zip(*rows, strict=True) if rows else ((), ())
    return Digits(np.array(images, np.uint8).reshape(-1, digits.SIDE, digits.SIDE), np.array(labels, np.uint8))


def _draw(task: Task) -> Iterator[tuple[Gray, int]]:
    rng = task.rng
    for image, label in zip(task.originals.images, task.originals.labels, strict=True):
        yield scenes.draw_digit(Traced.of(image, rng), rng).look, int(label)
    for digit in rng.integers(10, size=task.hands).tolist():
        yield scenes.draw_digit(Written(letterforms.write(digit, rng)), rng).look, digit
    for _ in range(task.empty):
        yield scenes.draw_empty(rng).look, NO_DIGIT


def _find(look: Gray, finder: Finder) -> Gray | None:
    try:
        return digits.place(finder.find(look).ink)
    except NoDigit:
        return None
