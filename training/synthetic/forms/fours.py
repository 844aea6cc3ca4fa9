"""Forms of 4: a bowl or an angle, and a stem."""

from numpy.random import Generator

from training.synthetic.strokes import Forms, Stroke, curve, join, line


def _open_four(rng: Generator) -> list[Stroke]:
    """Write a 4 that is open at its top: an angle, and a stem through its bar."""
    width, bar, stem = rng.uniform(0.5, 0.75), rng.uniform(0.5, 0.68), rng.uniform(0.6, 0.85)
    left = rng.uniform(0, 0.18)
    top = rng.uniform(0, 0.3)
    corner = line((left, 0), (0, bar), (width, bar + rng.uniform(-0.06, 0.03)))
    if rng.random() < 0.4:
        corner = curve((left, 0), (0.02, bar * 0.7), (0.06, bar * 0.98), (width * 0.5, bar), (width, bar - 0.04))
    return [corner, line((width * stem + rng.uniform(0, 0.06), top), (width * stem, 1))]


def _looped_four(rng: Generator) -> list[Stroke]:
    """Write a 4 whose bowl runs up into a loop, and down as its stem."""
    width, bowl, loop = rng.uniform(0.4, 0.65), rng.uniform(0.45, 0.62), rng.uniform(0.04, 0.14)
    stem = width * rng.uniform(0.7, 0.95)
    left = curve((rng.uniform(0, 0.12), rng.uniform(0, 0.1)), (0, bowl * 0.6), (width * 0.12, bowl * 0.95),
                 (width * 0.5, bowl * rng.uniform(0.9, 1.0)), (width, bowl * 0.5), (width + loop / 2, bowl * 0.15),
                 (width * 0.85, rng.uniform(0, 0.1)), (stem - loop, bowl * 0.4))  # fmt: skip
    return [join(left, curve((stem - loop, bowl * 0.4), (stem - loop / 2, 0.7), (stem - rng.uniform(0, 0.12), 1)))]


def _bowl_four(rng: Generator) -> list[Stroke]:
    """Write a 4 as a u with a stem at its right."""
    width, bowl = rng.uniform(0.4, 0.6), rng.uniform(0.42, 0.6)
    left = curve((rng.uniform(0, 0.08), rng.uniform(0, 0.12)), (0, bowl * 0.6), (width * 0.2, bowl),
                 (width * 0.6, bowl), (width, bowl * 0.75))  # fmt: skip
    return [left, line((width + rng.uniform(0, 0.06), rng.uniform(0, 0.15)), (width - rng.uniform(0, 0.1), 1))]


def _closed_four(rng: Generator) -> list[Stroke]:
    width, bar, stem = rng.uniform(0.55, 0.8), rng.uniform(0.6, 0.75), rng.uniform(0.62, 0.8)
    apex = width * stem + rng.uniform(-0.02, 0.03)
    angle = line((apex, 0), (0, bar), (width, bar + rng.uniform(-0.03, 0.03)))
    return [angle, line((apex, rng.uniform(-0.02, 0.02)), (width * stem, 1))]


def _one_stroke_four(rng: Generator) -> list[Stroke]:
    """Write a 4 without lifting the pen: down, across, up to the top and down the stem."""
    width, bar = rng.uniform(0.4, 0.6), rng.uniform(0.45, 0.6)
    tip = rng.uniform(0, 0.25)
    return [line((rng.uniform(0, 0.1), rng.uniform(0, 0.1)), (0, bar), (width, bar), (width + 0.02, tip), (width, 1))]


FORMS: Forms = [
    (_open_four, 4),
    (_closed_four, 3),
    (_looped_four, 1.2),
    (_bowl_four, 1.5),
    (_one_stroke_four, 1.5),
]
