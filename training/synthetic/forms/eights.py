"""Forms of 8: two ovals, in one stroke or two."""

from numpy.random import Generator

from training.synthetic.strokes import Forms, Stroke, arc, curve, line


def _eight(rng: Generator) -> list[Stroke]:
    """Write an 8 in one stroke that crosses itself."""
    width, waist, top = rng.uniform(0.45, 0.65), rng.uniform(0.4, 0.5), rng.uniform(0.35, 0.48)
    end = rng.uniform(0.5, 1.0)
    return [curve((width * (0.5 + top * 0.8), 0.12), (width * 0.5, 0), (width * (0.5 - top), 0.2),
                  (width * 0.5, waist), (width, 0.72), (width * 0.5, 1), (0, 0.75), (width * 0.5, waist),
                  (width * (0.5 + top), 0.2), (width * (0.5 + 0.3 * end), 0.04 * end))]  # fmt: skip


def _open_eight(rng: Generator) -> list[Stroke]:
    """Write an 8 as an S that runs back up, open at its top."""
    width, waist = rng.uniform(0.45, 0.65), rng.uniform(0.42, 0.52)
    return [curve((width * 0.95, rng.uniform(0.05, 0.15)), (width * 0.5, 0), (width * 0.08, 0.18),
                  (width * 0.5, waist), (width * 0.95, 0.75), (width * 0.5, 1), (width * 0.05, 0.78),
                  (width * 0.5, waist),
                  (width * rng.uniform(0.9, 1.1), rng.uniform(0.02, 0.12)))]  # fmt: skip


def _stacked_eight(rng: Generator) -> list[Stroke]:
    """Write an 8 as two ovals, one on the other."""
    waist, upper, lower = rng.uniform(0.4, 0.52), rng.uniform(0.18, 0.28), rng.uniform(0.22, 0.34)
    shift = rng.normal(0, 0.02)
    return [
        arc((lower + shift, waist / 2), (upper, waist / 2 + 0.01), 180, -190),
        arc((lower, (1 + waist) / 2), (lower, (1 - waist) / 2 + 0.01), 0, 370),
    ]


def _angular_eight(rng: Generator) -> list[Stroke]:
    width, middle = rng.uniform(0.45, 0.7), rng.uniform(0.42, 0.52)
    return [line((0, 0), (width, 0), (width, 1), (0, 1), (0, 0)), line((0, middle), (width, middle))]


FORMS: Forms = [
    (_eight, 4),
    (_open_eight, 1.2),
    (_stacked_eight, 3),
    (_angular_eight, 0.7),
]
