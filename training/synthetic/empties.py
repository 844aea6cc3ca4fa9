"""Images without a digit, as people send them: what the service is to refuse, or to be unsure of.

Every kind takes a random generator and returns an image file.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from service.errors import NoDigit, SeveralDigits
from service.inference.predictor import Predictor
from service.models.loading import Model
from service.preparation import finder
from service.settings import Settings
from training.synthetic.rendering import (
    Array,
    box,
    clouds,
    defocus,
    grain,
    lay,
    lines,
    paper,
    phone,
    save,
    shadow,
    slope,
)

Shape = tuple[int, int]


@dataclass(frozen=True)
class Answers:
    """How many images of a kind are answered with a digit, or said to show several; how many with a certain digit."""

    kind: str
    images: int
    any_digit: int
    certain_digit: int


def evaluate(model: Model, models: Path, count: int, seed: int) -> list[Answers]:
    """Return what a model answers for `count` images of each kind, found by the finder of a folder of models."""
    predictor = Predictor(model, finder.load(models), Settings())
    return [
        _evaluate(predictor, kind, count, np.random.default_rng((seed, number))) for number, kind in enumerate(KINDS)
    ]


def _evaluate(predictor: Predictor, kind: str, count: int, rng: Generator) -> Answers:
    vectors, several = [], 0
    for _ in range(count):
        try:
            vectors.append(predictor.prepare(KINDS[kind](rng)))
        except NoDigit:
            continue
        except SeveralDigits:
            several += 1
    certain = sum(not prediction.uncertain for prediction in predictor.predict(vectors))
    return Answers(kind, count, len(vectors) + several, certain)


def _shape(rng: Generator) -> Shape:
    return (480, 640) if rng.random() < 0.5 else (640, 480)


def _photograph(page: Array, rng: Generator) -> bytes:
    page = page * slope(_shape_of(page), rng, rng.uniform(0.5, 1))[..., None] * rng.uniform(0.6, 1)
    page = grain(defocus(page, rng.uniform(0.6, 1.5)), rng, rng.uniform(2, 7))
    return save(page, "JPEG", quality=int(rng.integers(60, 92)))


def _shape_of(page: Array) -> Shape:
    return page.shape[0], page.shape[1]


def _sheet(shape: Shape, rng: Generator) -> Array:
    return paper(shape, (235, 232, 222)) * (1 + 0.02 * clouds(shape, rng, 6))[..., None]


def _blank(rng: Generator) -> bytes:
    return _photograph(_sheet(_shape(rng), rng), rng)


def _shadowed(rng: Generator) -> bytes:
    shape = _shape(rng)
    light = shadow(shape, rng, rng.uniform(0.45, 0.75), rng.uniform(2, 30))
    return _photograph(_sheet(shape, rng) * light[..., None], rng)


def _under_a_phone(rng: Generator) -> bytes:
    shape = _shape(rng)
    light = phone(shape, rng, rng.uniform(0.35, 0.7), rng.uniform(1, 12))
    return _photograph(_sheet(shape, rng) * light[..., None], rng)


def _table(rng: Generator) -> bytes:
    return _photograph(_desk(_shape(rng), rng), rng)


def _desk(shape: Shape, rng: Generator) -> Array:
    desk = paper(shape, (rng.uniform(40, 140), rng.uniform(40, 110), rng.uniform(30, 90)))
    return desk * (1 + 0.15 * clouds(shape, rng, rng.uniform(10, 60)))[..., None]


def _note(rng: Generator) -> bytes:
    """Photograph a blank note that lies on a desk."""
    shape, side = _shape(rng), rng.uniform(150, 350)
    middle = (rng.uniform(0.3, 0.7) * shape[1], rng.uniform(0.3, 0.7) * shape[0])
    corners = cv2.boxPoints((middle, (side, side * rng.uniform(0.7, 1.4)), rng.uniform(-20, 20)))
    sheet = cv2.fillConvexPoly(np.zeros(shape, np.float32), np.rint(corners).astype(np.int32), 1.0, cv2.LINE_AA)
    return _photograph(lay(_desk(shape, rng), sheet, (240, 232, 200)), rng)


def _ruled(rng: Generator) -> bytes:
    return _photograph(_rule(_sheet(_shape(rng), rng), False, rng), rng)


def _squared(rng: Generator) -> bytes:
    return _photograph(_rule(_sheet(_shape(rng), rng), True, rng), rng)


def _rule(page: Array, squared: bool, rng: Generator) -> Array:
    shape, width = _shape_of(page), rng.uniform(1, 2.5)
    gap = shape[0] * rng.uniform(0.05, 0.25)
    ruling: NDArray[np.float32] = lines(shape, rng, gap, width=width)
    if squared:
        ruling = np.maximum(ruling, lines(shape, rng, gap, vertical=True, width=width))
    return lay(page, ruling, (rng.uniform(60, 190), rng.uniform(60, 200), rng.uniform(60, 235)))


def _form(rng: Generator) -> bytes:
    shape = (int(rng.integers(120, 400)), int(rng.integers(120, 400)))
    return save(lay(paper(shape, (255, 255, 255)), box(shape, rng, int(rng.integers(1, 5))), (60, 60, 60)))


KINDS: dict[str, Callable[[Generator], bytes]] = {
    "blank sheet": _blank,
    "blank sheet, shadow": _shadowed,
    "blank sheet, a phone's shadow": _under_a_phone,
    "table": _table,
    "blank note on a desk": _note,
    "ruled paper, blank": _ruled,
    "squared paper, blank": _squared,
    "form field, empty": _form,
}
