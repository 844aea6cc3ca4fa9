"""Forms of 9: a bowl and a stem or a tail."""

from numpy.random import Generator

from training.synthetic.strokes import Forms, Stroke, curve, join, line


def _nine(rng: Generator) -> list[Stroke]:
    """Write a 9 with a straight stem."""
    width, loop, foot = rng.uniform(0.38, 0.6), rng.uniform(0.42, 0.6), rng.uniform(0.4, 1.05)
    bowl = curve((width, rng.uniform(0.08, 0.18)), (width * 0.55, 0), (width * 0.08, 0.14), (0, loop * 0.6),
                 (width * 0.4, loop), (width * 0.85, loop * 0.75), (width, 0.1))  # fmt: skip
    return [join(bowl, line((width, 0.1), (width * foot, 1)))]


def _curled_nine(rng: Generator) -> list[Stroke]:
    """Write a 9 whose tail turns to the left."""
    width, loop = rng.uniform(0.4, 0.6), rng.uniform(0.42, 0.56)
    return [curve((width * 0.95, 0.2), (width * 0.6, 0), (width * 0.1, 0.1), (0.01, loop * 0.65), (width * 0.4, loop),
                  (width * 0.85, loop * 0.7), (width, 0.2), (width, 0.65), (width * 0.75, 0.95), (width * 0.35, 1),
                  (rng.uniform(-0.05, 0.1), rng.uniform(0.82, 0.96)))]  # fmt: skip


def _angular_nine(rng: Generator) -> list[Stroke]:
    width, middle = rng.uniform(0.45, 0.7), rng.uniform(0.42, 0.55)
    tail = [(0, 1)] if rng.random() < 0.5 else []
    return [line((width, middle), (0, middle), (0, 0), (width, 0), (width, 1), *tail)]


FORMS: Forms = [
    (_nine, 4),
    (_curled_nine, 3),
    (_angular_nine, 0.6),
]
