"""Forms of 7: a bar and a stem, at times with a cross or a serif."""

from functools import partial

from numpy.random import Generator

from training.synthetic.strokes import Forms, Stroke, curve, join, line


def _seven(rng: Generator, crossed: bool = False, serif: bool = False) -> list[Stroke]:
    """Write a 7, whose bar is level: not as steep as the upstroke of a 1."""
    width, foot = rng.uniform(0.45, 0.75), rng.uniform(0.05, 0.5)
    rise = rng.uniform(-0.08, 0.05)
    bar = curve((0, rise + 0.02), (width * 0.5, rise / 2 + rng.uniform(-0.03, 0.03)), (width, 0))
    bow = rng.uniform(-0.02, 0.1)
    stem = curve((width, 0), (width * (0.5 + foot / 2) - bow, 0.45), (width * foot, 1))
    strokes = [join(bar, stem)]
    if serif:
        tick = (rng.uniform(-0.04, 0.03), rise + rng.uniform(0.1, 0.25))
        strokes = [join(line(tick, (0, rise + 0.02)), bar, stem)]
    return [*strokes, *([_cross(width, foot, rng)] if crossed else [])]


def _wavy_seven(rng: Generator) -> list[Stroke]:
    """Write a 7 with a wave for a bar, and mostly a low cross."""
    width, foot, dip = rng.uniform(0.45, 0.7), rng.uniform(0.05, 0.45), rng.uniform(0.06, 0.2)
    start = rng.uniform(0.1, 0.3)
    bar = curve((0, start), (width * 0.15, 0.03), (width * 0.3, 0.05), (width * 0.55, dip), (width, 0))
    stem = curve((width, 0), (width * (0.55 + foot / 2), 0.45), (width * foot, 1))
    if rng.random() < 0.25:
        return [join(bar, stem)]
    place, half, tilt = rng.uniform(0.45, 0.75), rng.uniform(0.12, 0.28), rng.uniform(-0.06, 0.04)
    middle = width * (1 - place * (1 - foot)) + rng.uniform(-0.06, 0.02)
    return [join(bar, stem), line((middle - half, place - tilt), (middle + half, place + tilt))]


def _cross(width: float, foot: float, rng: Generator) -> Stroke:
    place, half, tilt = rng.uniform(0.38, 0.62), rng.uniform(0.1, 0.3), rng.uniform(-0.08, 0.03)
    middle = width * (1 - place * (1 - foot)) - 0.03 + rng.uniform(-0.04, 0.04)
    return line((middle - half, place - tilt), (middle + half, place + tilt))


def _angular_seven(rng: Generator) -> list[Stroke]:
    width = rng.uniform(0.4, 0.7)
    tick = [(0, rng.uniform(0.12, 0.3))] if rng.random() < 0.3 else []
    return [line(*tick, (0, 0), (width, 0), (width, 1))]


FORMS: Forms = [
    (_seven, 3),
    (partial(_seven, crossed=True), 3),
    (partial(_seven, serif=True), 1),
    (partial(_seven, crossed=True, serif=True), 0.8),
    (_wavy_seven, 1.5),
    (_angular_seven, 0.6),
]
