"""Digits that the finder finds in scenes: MNIST's, letterforms, and clutter that it takes for a digit."""

import math
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
from service.preparation.finder import Finder, LocatedDigit
from service.preparation.looks import LOOK_SIDE_PX
from service.preparation.segmentation import segment_digits
from training.data.batches import NO_DIGIT
from training.data.datasets import Digits
from training.synthetic import layouts, scenes
from training.synthetic.glyphs import GlyphSource, TracedDigit, WrittenDigit
from training.synthetic.prepare import load_finder
from training.synthetic.scenes import Scene

SCENES_PER_CHUNK = 250  # of each kind, drawn by a process at once
MIN_OVERLAP = 0.5  # of a digit's box with the box found, in parts of their union
MIN_EXTENT_PX = 22  # of a digit of a number, in the look
LETTERFORM_RATIO = 0.4  # the part of the numbers' digits that are letterforms


@dataclass(frozen=True)
class SceneCounts:
    """How many scenes to draw."""

    mnist: int  # with one of MNIST's digits
    letterforms: int  # with a letterform
    numbers: int  # with several digits
    empty: int  # without a digit


@dataclass(frozen=True)
class SceneTask:
    """Scenes to draw: of the first images of MNIST, one each, then of letterforms and numbers, then without digits."""

    originals: Digits
    counts: SceneCounts
    rng: Generator


def find_digits(originals: Digits, counts: SceneCounts, seed: int, models: Path) -> Digits:
    """Draw scenes on all cores, and return the digits that the finder of a folder of models finds in them.

    The same seed and the same finder give the same digits, on any number of cores. A digit found elsewhere than where
    a digit was drawn is left out: one in ten was, and nobody could read it.

    Args:
        originals: MNIST's images, to draw.
        counts: how many scenes of each kind.
        seed: of all that is random.
        models: the folder of models.

    Returns:
        The digits; those found in scenes without digits have the label `NO_DIGIT`.

    Raises:
        ModelError: the finder is damaged, or can't be read.

    """
    with parallel.pool() as pool:
        find = partial(_find_digits, models=models)
        pending = [parallel.submit(pool, find, task) for task in _split_into_tasks(originals, counts, seed)]
        parts = [future.result() for future in pending]
    return reduce(add, parts)


def _split_into_tasks(originals: Digits, counts: SceneCounts, seed: int) -> Iterator[SceneTask]:
    totals = (counts.mnist, counts.letterforms, counts.numbers, counts.empty)
    chunks = math.ceil(max(totals) / SCENES_PER_CHUNK)
    for number in range(chunks):
        rng = np.random.default_rng((seed, number))
        part = SceneCounts(*(total * (number + 1) // chunks - total * number // chunks for total in totals))
        images = part.mnist + layouts.MAX_DIGITS * part.numbers
        indexes = rng.choice(len(originals), min(images, len(originals)), replace=False)
        yield SceneTask(originals[indexes], part, rng)


def _find_digits(task: SceneTask, models: Path) -> Digits:
    cv2.setNumThreads(1)  # there is a process for each core
    finder = load_finder(models)
    located = (pair for scene in _draw_scenes(task) for pair in _locate_digits(scene, finder))
    rows = [(normalize.center_ink(digit.ink), label) for digit, label in located]
    images, labels = zip(*rows, strict=True) if rows else ((), ())
    return Digits(np.array(images, np.uint8).reshape(-1, *normalize.DIGIT_SHAPE), np.array(labels, np.uint8))


def _draw_scenes(task: SceneTask) -> Iterator[Scene]:
    rng, counts = task.rng, task.counts
    originals = task.originals[: counts.mnist]
    for image, label in zip(originals.images, originals.labels, strict=True):
        yield scenes.draw_digit(TracedDigit.trace(image, int(label), rng), rng)
    for label in rng.integers(10, size=counts.letterforms).tolist():
        yield scenes.draw_digit(WrittenDigit.write(label, rng), rng)
    source = GlyphSource(task.originals, LETTERFORM_RATIO)
    for _ in range(counts.numbers):
        yield scenes.draw_number(source, rng)
    for _ in range(counts.empty):
        yield scenes.draw_empty(rng)


def _locate_digits(scene: Scene, finder: Finder) -> Iterator[tuple[LocatedDigit, int]]:
    """Yield each digit found in a scene, and the label of the digit that was drawn there."""
    for digit in _locate_all(scene, finder) if len(scene.labels) > 1 else _locate_one(scene, finder):
        if not len(scene.labels):
            yield digit, NO_DIGIT
        elif (overlaps := _measure_overlaps(digit, scene)).max() > MIN_OVERLAP:
            yield digit, int(scene.labels[overlaps.argmax()])


def _locate_one(scene: Scene, finder: Finder) -> Iterator[LocatedDigit]:
    try:
        yield finder.find(scene.look)
    except NoDigit:
        return


def _locate_all(scene: Scene, finder: Finder) -> Iterator[LocatedDigit]:
    """Yield the digits in one look, except digits so small that the service takes a closer look."""
    for digit in segment_digits(finder.predict(scene.look[None])[0]):
        if digit.extent >= MIN_EXTENT_PX:
            left, top, right, bottom = digit.edges
            yield LocatedDigit(digit.ink, (left, top, right - left, bottom - top))


def _measure_overlaps(digit: LocatedDigit, scene: Scene) -> NDArray[np.float32]:
    """Return the intersection over union (n,) of the box of a digit that was found with each digit's of a scene."""
    start = np.array(digit.box[:2], np.float32)
    end = start + digit.box[2:]
    low, high = scene.edges[:, :2].clip(0, LOOK_SIDE_PX), scene.edges[:, 2:].clip(0, LOOK_SIDE_PX)
    both = (np.minimum(high, end) - np.maximum(low, start)).clip(0).prod(axis=1)
    union = (end - start).prod() + (high - low).prod(axis=1) - both
    overlaps: NDArray[np.float32] = both / union
    return overlaps
