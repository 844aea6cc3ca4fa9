"""Forms of 2: a neck and a foot, at times with a loop between them."""

from numpy.random import Generator

from training.synthetic.strokes import Forms, Stroke, curve, join, line


def _two(rng: Generator) -> list[Stroke]:
    width, shoulder = rng.uniform(0.5, 0.75), rng.uniform(0.22, 0.32)
    back = rng.uniform(-0.03, 0.08)
    neck = curve((0.02, rng.uniform(0.15, 0.34)), (0.12, 0.06), (width * 0.5, 0), (width * 0.88, 0.1),
                 (width * 0.92, shoulder), (width * 0.65, 0.58), (back, 1))  # fmt: skip
    foot = line((back, 1), (width * rng.uniform(0.95, 1.35), 1 + rng.uniform(-0.05, 0.02)))
    return [join(neck, foot)]


def _looped_two(rng: Generator) -> list[Stroke]:
    width, loop = rng.uniform(0.5, 0.75), rng.uniform(0.05, 0.14)
    return [
        curve((0.03, 0.2), (0.2, 0.01), (width * 0.6, 0.0), (width * 0.9, 0.2), (width * 0.7, 0.52), (0.22, 0.92),
              (0.06, 1 - loop / 3), (0.02, 1 - loop), (0.12, 1 - 1.5 * loop), (width * 0.45, 0.97),
              (width * 0.8, 1.0), (width * 1.15, rng.uniform(0.84, 0.97)))
    ]  # fmt: skip


def _angular_two(rng: Generator) -> list[Stroke]:
    """Write a 2 of straight lines, as on a display or of few pixels."""
    width, middle = rng.uniform(0.45, 0.7), rng.uniform(0.42, 0.55)
    return [line((0, 0), (width, 0), (width, middle), (0, middle + rng.uniform(0, 0.1)), (0, 1), (width, 1))]


FORMS: Forms = [
    (_two, 5),
    (_looped_two, 2),
    (_angular_two, 0.8),
]
