"""Forms of 3: two bellies, with a round, flat, pointed or curled top."""

from numpy.random import Generator

from training.synthetic.strokes import Forms, Stroke, curve, join, line


def _three(rng: Generator) -> list[Stroke]:
    width, waist, inner = rng.uniform(0.45, 0.65), rng.uniform(0.42, 0.5), rng.uniform(0.15, 0.5)
    upper = curve((0.02, rng.uniform(0.08, 0.2)), (width * 0.4, 0), (width * 0.85, 0.1), (width * 0.82, 0.3),
                  (width * inner, waist))  # fmt: skip
    lower = curve((width * inner, waist), (width * 0.85, waist + 0.1), (width, 0.73), (width * 0.75, 0.95),
                  (width * 0.35, 1), (-0.02, rng.uniform(0.84, 0.95)))  # fmt: skip
    return [join(upper, lower)]


def _flat_three(rng: Generator) -> list[Stroke]:
    """Write a 3 with a flat top and a slanted line to its belly."""
    width, waist = rng.uniform(0.45, 0.65), rng.uniform(0.36, 0.46)
    belly = curve((width * 0.35, waist), (width * 0.85, waist + 0.08), (width, 0.7), (width * 0.75, 0.94),
                  (width * 0.35, 1), (0, rng.uniform(0.85, 0.95)))  # fmt: skip
    return [join(line((0, rng.uniform(0, 0.04)), (width * 0.9, 0), (width * 0.35, waist)), belly)]


def _curled_three(rng: Generator) -> list[Stroke]:
    """Write a 3 whose ends curl in."""
    width, waist = rng.uniform(0.45, 0.65), rng.uniform(0.4, 0.5)
    upper = curve((width * rng.uniform(0.1, 0.3), rng.uniform(0.16, 0.28)), (width * 0.05, 0.1), (width * 0.45, 0),
                  (width * 0.88, 0.12), (width * 0.8, 0.32), (width * rng.uniform(0.25, 0.5), waist))  # fmt: skip
    lower = curve(upper[-1], (width * 0.88, waist + 0.12), (width, 0.74), (width * 0.7, 0.97), (width * 0.25, 0.98),
                  (0, 0.86), (width * rng.uniform(0.05, 0.25), rng.uniform(0.72, 0.8)))  # fmt: skip
    return [join(upper, lower)]


def _angular_three(rng: Generator) -> list[Stroke]:
    width, waist = rng.uniform(0.4, 0.65), rng.uniform(0.42, 0.52)
    return [line((0, 0), (width, 0), (width, 1), (0, 1)), line((rng.uniform(0, 0.25), waist), (width, waist))]


def _pointed_three(rng: Generator) -> list[Stroke]:
    width, waist = rng.uniform(0.45, 0.65), rng.uniform(0.4, 0.5)
    return [line((0, 0.05), (width * 0.9, rng.uniform(0.05, 0.2)), (width * rng.uniform(0.3, 0.5), waist),
                 (width, rng.uniform(0.62, 0.75)), (0, 1))]  # fmt: skip


FORMS: Forms = [
    (_three, 5),
    (_flat_three, 1.5),
    (_curled_three, 1),
    (_angular_three, 0.7),
    (_pointed_three, 0.8),
]
