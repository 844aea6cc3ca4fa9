"""Forms of 0: an oval, at times slashed, or a box."""

import numpy as np
from numpy.random import Generator

from training.synthetic.strokes import Forms, Stroke, arc, line


def _zero(rng: Generator) -> list[Stroke]:
    radius, start = rng.uniform(0.2, 0.48), rng.uniform(-60, 60)
    turn = (-1 if rng.random() < 0.7 else 1) * rng.uniform(345, 400)
    oval = arc((radius, 0.5), (radius, 0.5), start, start + turn)
    drift = np.linspace(-1, 1, len(oval))[:, None] * rng.normal(0, 0.03, 2)
    return [oval + drift]


def _slashed_zero(rng: Generator) -> list[Stroke]:
    radius, reach = rng.uniform(0.25, 0.42), rng.uniform(0.6, 1.25)
    oval = arc((radius, 0.5), (radius, 0.5), 0, -365)
    away = np.array([radius * 0.8, -0.38]) * reach
    middle = np.array([radius, 0.5])
    return [oval, line(middle + away, middle - away)]


def _box_zero(rng: Generator) -> list[Stroke]:
    width, cut = rng.uniform(0.4, 0.7), rng.uniform(0, 0.15)
    return [
        line((cut, 0), (width - cut, 0), (width, cut), (width, 1 - cut), (width - cut, 1), (cut, 1), (0, 1 - cut),
             (0, cut), (cut, 0))
    ]  # fmt: skip


FORMS: Forms = [
    (_zero, 6),
    (_slashed_zero, 1.2),
    (_box_zero, 0.8),
]
