"""Forms of 6: a stem that ends in a loop."""

from numpy.random import Generator

from training.synthetic.strokes import Forms, Stroke, curve, join, line


def _six(rng: Generator) -> list[Stroke]:
    width, top, loop = rng.uniform(0.45, 0.65), rng.uniform(0.3, 0.9), rng.uniform(0.42, 0.58)
    return [curve((width * top, 0), (width * 0.22, 0.27), (0, 0.66), (width * 0.2, 0.95), (width * 0.6, 1),
                  (width * 0.98, 0.8), (width * 0.8, loop + 0.04), (width * 0.45, loop),
                  (width * rng.uniform(0.02, 0.15), loop + 0.18))]  # fmt: skip


def _curled_six(rng: Generator) -> list[Stroke]:
    """Write a 6 whose top curls down again, to a loop at times."""
    width, curl, loop = rng.uniform(0.4, 0.6), rng.uniform(0.1, 0.32), rng.uniform(0.5, 0.6)
    return [curve((width * rng.uniform(0.75, 1.0), curl), (width * 0.98, curl * 0.4), (width * 0.7, 0),
                  (width * 0.3, 0.18), (0.02, 0.6), (width * 0.14, 0.93), (width * 0.5, 1), (width * 0.92, 0.82),
                  (width * 0.75, loop + 0.04), (width * 0.42, loop + 0.02),
                  (width * rng.uniform(0.1, 0.25), loop + 0.2))]  # fmt: skip


def _straight_six(rng: Generator) -> list[Stroke]:
    width, top, loop = rng.uniform(0.4, 0.6), rng.uniform(0.0, 0.9), rng.uniform(0.5, 0.62)
    bowl = curve((0, 0.7), (width * 0.12, 0.94), (width * 0.5, 1), (width * 0.95, 0.82), (width * 0.75, loop + 0.02),
                 (width * 0.35, loop + 0.02), (0.02, loop + 0.16))  # fmt: skip
    return [join(line((width * top, 0), (0, 0.7)), bowl)]


def _angular_six(rng: Generator) -> list[Stroke]:
    width, middle = rng.uniform(0.45, 0.7), rng.uniform(0.42, 0.55)
    stem = [(0, 0)] if rng.random() < 0.5 else [(width, 0), (0, 0)]
    return [line(*stem, (0, 1), (width, 1), (width, middle), (0, middle))]


FORMS: Forms = [
    (_six, 5),
    (_curled_six, 1.5),
    (_straight_six, 2),
    (_angular_six, 0.6),
]
