"""Forms of 1: a stem, at times with an upstroke, a foot or a flag."""

from functools import partial

import numpy as np
from numpy.random import Generator

from training.synthetic.strokes import Forms, Stroke, curve, join, line


def _one(rng: Generator) -> list[Stroke]:
    lean = rng.uniform(0, 0.12)
    return [curve((lean, 0), (lean / 2 + rng.normal(0, 0.01), 0.5), (0, 1))]


def _upstroke_one(rng: Generator, foot: bool = False) -> list[Stroke]:
    """Write a 1 with an upstroke, which is steep enough to be no bar of a 7."""
    length, angle = rng.uniform(0.12, 0.62), np.radians(rng.uniform(28, 62))  # below the level
    if rng.random() < 0.15:
        length, angle = rng.uniform(0.5, 0.9), np.radians(rng.uniform(52, 68))
    start = np.array([-np.cos(angle), np.sin(angle)]) * length
    sag = np.array([1, 1]) * rng.uniform(-0.02, 0.06) * length / 0.6
    upstroke = curve(start, start / 2 + sag, (0, 0))
    stem = line((0, 0), (rng.uniform(-0.06, 0.06), 1))
    strokes = [join(upstroke, stem)] if rng.random() < 0.8 else [upstroke, stem + rng.normal(0, 0.015, 2)]
    return [*strokes, *(_foot(rng) if foot else [])]


def _foot(rng: Generator) -> list[Stroke]:
    tilt = rng.normal(0, 0.02)
    return [line((-rng.uniform(0.12, 0.4), 1 - tilt), (rng.uniform(0.12, 0.4), 1 + tilt))]


def _footed_one(rng: Generator) -> list[Stroke]:
    return [*_one(rng), *_foot(rng)]


def _looped_one(rng: Generator) -> list[Stroke]:
    """Write a 1 whose upstroke turns into its stem in a narrow loop."""
    reach, low, loop = rng.uniform(0.12, 0.3), rng.uniform(0.4, 0.75), rng.uniform(0.03, 0.1)
    upstroke = curve((-reach, low), (-reach * 0.4, low * 0.62), (loop, 0.08), (loop * 0.4, 0), (-loop * 0.7, 0.14))
    return [join(upstroke, curve((-loop * 0.7, 0.14), (-loop * 0.2, 0.5), (rng.uniform(-0.1, 0.1), 1)))]


def _block_one(rng: Generator) -> list[Stroke]:
    """Write a 1 as a bar, as broad markers do."""
    return [line((x, 0), (x, 1)) for x in np.arange(0, rng.uniform(0.1, 0.42), 0.02)]


def _flagged_one(rng: Generator) -> list[Stroke]:
    """Write a 1 with a short flag, as fonts do."""
    return [line((-rng.uniform(0.12, 0.25), rng.uniform(0.12, 0.24)), (0, 0), (0, 1))]


FORMS: Forms = [
    (_one, 2),
    (_upstroke_one, 4),
    (partial(_upstroke_one, foot=True), 2.5),
    (_footed_one, 1),
    (_flagged_one, 1.5),
    (_looped_one, 1),
    (_block_one, 0.6),
]
