"""Images without a digit, as people send them. The service should reject them, or be unsure of them.

The function of each kind takes a random generator, and returns an image file.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from service.errors import NoDigit, SeveralDigits
from service.inference.predictor import Predictor
from service.models.loading import Model
from service.preparation import finder
from service.preparation.types import Floats
from service.settings import Settings
from training.synthetic.photos import choose_photo_shape
from training.synthetic.rendering import (
    WHITE,
    Shape,
    cast_phone_shadow,
    cast_shadow,
    choose_shape,
    draw_box,
    draw_clouds,
    draw_page,
    draw_paper,
    draw_ruled_lines,
    draw_sheet,
    encode_image,
    fill_page,
    lay_ink,
    light_from_side,
    take_photo,
)


@dataclass(frozen=True)
class AnswerCounts:
    """How many images of a kind are answered with a digit or several digits, and how many with a certain digit."""

    kind: str
    images: int
    any_digit: int
    certain_digit: int


def evaluate(model: Model, models: Path, count: int, seed: int) -> list[AnswerCounts]:
    """Count a model's answers to `count` images of each kind, with the finder of the folder `models`."""
    predictor = Predictor(model, finder.load(models), Settings())
    return [
        _evaluate(predictor, kind, count, np.random.default_rng((seed, number))) for number, kind in enumerate(KINDS)
    ]


def _evaluate(predictor: Predictor, kind: str, count: int, rng: Generator) -> AnswerCounts:
    vectors, several = [], 0
    for _ in range(count):
        try:
            vectors.append(predictor.prepare(KINDS[kind](rng)))
        except NoDigit:
            continue
        except SeveralDigits:
            several += 1
    certain = sum(not prediction.uncertain for prediction in predictor.predict(vectors))
    return AnswerCounts(kind, count, len(vectors) + several, certain)


def _photograph(page: Floats, rng: Generator) -> bytes:
    light = light_from_side(page.shape[:2], rng, rng.uniform(0.5, 1))
    return take_photo(page * light[..., None] * rng.uniform(0.6, 1), rng)


def _draw_blank(rng: Generator) -> bytes:
    return _photograph(draw_paper(choose_photo_shape(rng), rng), rng)


def _draw_in_shadow(rng: Generator) -> bytes:
    shape = choose_photo_shape(rng)
    light = cast_shadow(shape, rng, rng.uniform(0.45, 0.75), rng.uniform(2, 30))
    return _photograph(draw_paper(shape, rng) * light[..., None], rng)


def _draw_under_phone(rng: Generator) -> bytes:
    shape = choose_photo_shape(rng)
    light = cast_phone_shadow(shape, rng, rng.uniform(0.35, 0.7), rng.uniform(1, 12))
    return _photograph(draw_paper(shape, rng) * light[..., None], rng)


def _draw_table(rng: Generator) -> bytes:
    return _photograph(_draw_desk(choose_photo_shape(rng), rng), rng)


def _draw_desk(shape: Shape, rng: Generator) -> Floats:
    desk = fill_page(shape, (rng.uniform(40, 140), rng.uniform(40, 110), rng.uniform(30, 90)))
    return desk * (1 + 0.15 * draw_clouds(shape, rng, rng.uniform(10, 60)))[..., None]


def _draw_note(rng: Generator) -> bytes:
    """Photograph a blank note that lies on a desk."""
    shape, side = choose_photo_shape(rng), rng.uniform(150, 350)
    center = (rng.uniform(0.3, 0.7) * shape[1], rng.uniform(0.3, 0.7) * shape[0])
    corners = cv2.boxPoints((center, (side, side * rng.uniform(0.7, 1.4)), rng.uniform(-20, 20)))
    note = draw_sheet(shape, corners)
    return _photograph(lay_ink(_draw_desk(shape, rng), note, (240, 232, 200)), rng)


def _draw_ruled(rng: Generator, is_squared: bool = False) -> bytes:
    shape = choose_photo_shape(rng)
    page, width = draw_paper(shape, rng), rng.uniform(1, 2.5)
    ruling = draw_ruled_lines(shape, rng, shape[0] * rng.uniform(0.05, 0.25), width, is_squared)
    color = (rng.uniform(60, 190), rng.uniform(60, 200), rng.uniform(60, 235))
    return _photograph(lay_ink(page, ruling, color), rng)


def _draw_form(rng: Generator) -> bytes:
    field = draw_box(choose_shape(rng, (120, 400), (120, 400)), rng, int(rng.integers(1, 5)))
    return encode_image(draw_page(field, WHITE, (60, 60, 60)))


KINDS: dict[str, Callable[[Generator], bytes]] = {
    "blank sheet": _draw_blank,
    "blank sheet, shadow": _draw_in_shadow,
    "blank sheet, a phone's shadow": _draw_under_phone,
    "table": _draw_table,
    "blank note on a desk": _draw_note,
    "ruled paper, blank": _draw_ruled,
    "squared paper, blank": partial(_draw_ruled, is_squared=True),
    "form field, empty": _draw_form,
}
