"""Digits as pens write them, stroke by stroke: forms of many countries' hands, where MNIST has one country's."""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.random import Generator

from training.synthetic.strokes import Stroke, arc, bend, curve, fit_to_height, join, line, tremble

Form = Callable[[Generator], list[Stroke]]


def write(digit: int, rng: Generator) -> list[Stroke]:
    """Return the strokes of a digit in a random hand, within a box of height 1 that begins at (0, 0)."""
    forms, weights = zip(*FORMS[digit], strict=True)
    form = forms[rng.choice(len(forms), p=np.array(weights) / sum(weights))]
    return fit_to_height([tremble(stroke, rng) for stroke in bend(form(rng), rng)])


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


# Each digit's forms, and how often each is written.
FORMS: dict[int, list[tuple[Form, float]]] = {
    0: [(_zero, 6), (_slashed_zero, 1.2), (_box_zero, 0.8)],
    1: [(_one, 2), (_upstroke_one, 4), (partial(_upstroke_one, foot=True), 2.5), (_footed_one, 1), (_flagged_one, 1.5),
        (_looped_one, 1), (_block_one, 0.6)],
    2: [(_two, 5), (_looped_two, 2), (_angular_two, 0.8)],
    3: [(_three, 5), (_flat_three, 1.5), (_curled_three, 1), (_angular_three, 0.7), (_pointed_three, 0.8)],
    4: [(_open_four, 4), (_closed_four, 3), (_looped_four, 1.2), (_bowl_four, 1.5), (_one_stroke_four, 1.5)],
    5: [(_five, 5), (_long_hatted_five, 1.5), (_angular_five, 0.8), (_curved_five, 1.5)],
    6: [(_six, 5), (_curled_six, 1.5), (_straight_six, 2), (_angular_six, 0.6)],
    7: [(_seven, 3), (partial(_seven, crossed=True), 3), (partial(_seven, serif=True), 1),
        (partial(_seven, crossed=True, serif=True), 0.8), (_wavy_seven, 1.5),
        (_angular_seven, 0.6)],
    8: [(_eight, 4), (_open_eight, 1.2), (_stacked_eight, 3), (_angular_eight, 0.7)],
    9: [(_nine, 4), (_curled_nine, 3), (_angular_nine, 0.6)],
}  # fmt: skip
