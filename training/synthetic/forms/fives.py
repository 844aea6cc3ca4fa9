"""Forms of 5: a belly under a hat."""

from numpy.random import Generator

from training.synthetic.strokes import Forms, Stroke, curve, join, line


def _five(rng: Generator) -> list[Stroke]:
    width, neck, loop = rng.uniform(0.45, 0.65), rng.uniform(0.36, 0.48), rng.uniform(0.0, 0.05)
    start = (rng.uniform(0.04, 0.14), rng.uniform(0, 0.05))
    belly = curve((0.04, neck), (width * 0.5, neck - 0.05 + loop), (width * 0.92, neck + 0.12), (width * 0.95, 0.74),
                  (width * 0.65, 0.96), (width * 0.3, 1), (-0.04, rng.uniform(0.86, 0.96)))  # fmt: skip
    hat = line(
        (start[0] + rng.uniform(-0.03, 0.06), start[1]), (width * rng.uniform(0.85, 1.25), rng.uniform(-0.08, 0.04))
    )
    body = join(line(start, (0.04, neck)), belly)
    return [join(hat[::-1], body)] if rng.random() < 0.4 else [body, hat]


def _angular_five(rng: Generator) -> list[Stroke]:
    width, middle = rng.uniform(0.45, 0.7), rng.uniform(0.4, 0.52)
    return [line((width, 0), (0, 0), (0, middle), (width, middle), (width, 1), (0, 1))]


def _long_hatted_five(rng: Generator) -> list[Stroke]:
    """Write a 5 under a long hat, its belly round and nearly closed."""
    width, neck, hat = rng.uniform(0.4, 0.55), rng.uniform(0.42, 0.55), rng.uniform(-0.06, 0.06)
    stem, close = rng.uniform(0.05, 0.16), rng.uniform(0, 0.9)
    belly = curve((stem * 0.6, neck), (width * 0.55, neck - 0.03), (width * 0.97, neck + 0.16), (width * 0.9, 0.84),
                  (width * 0.5, 1), (0.0, 0.95 - 0.1 * close), (-0.06, 0.9 - 0.2 * close))  # fmt: skip
    body = join(line((stem, 0.02), (stem * 0.6, neck)), belly)
    wave = curve((stem - rng.uniform(0, 0.15), 0.02 + hat), (width * 0.5, rng.uniform(-0.05, 0.06)),
                 (width * rng.uniform(1.0, 1.5), -hat))  # fmt: skip
    return [body, wave]


def _curved_five(rng: Generator) -> list[Stroke]:
    """Write a 5 in one curve, as an S with a flat top."""
    width = rng.uniform(0.45, 0.65)
    return [curve((width, rng.uniform(0, 0.04)), (width * 0.4, 0.02), (0.08, 0.12), (0.06, 0.36), (width * 0.55, 0.46),
                  (width * 0.95, 0.66), (width * 0.72, 0.94), (0, rng.uniform(0.9, 1)))]  # fmt: skip


FORMS: Forms = [
    (_five, 5),
    (_long_hatted_five, 1.5),
    (_angular_five, 0.8),
    (_curved_five, 1.5),
]
