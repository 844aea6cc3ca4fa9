"""A writer whose hand MNIST lacks: a 9 as a g, a zero with a level bar through it, and a 3 that is mirrored."""

import io
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image

from training.synthetic.strokes import Stroke, arc, bend, curve, fit_to_height, join, line, tremble

SIDE_PX = 200
SUBPIXEL_BITS = 4


def write_digits(count: int, seed: int) -> Iterator[tuple[bytes, int]]:
    """Yield PNG files of the writer's digits, each black on a white page, and what each shows."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        digit = int(rng.choice([*FORMS]))
        strokes = fit_to_height([tremble(stroke, rng) for stroke in bend(FORMS[digit](rng), rng)])
        yield _draw(strokes, rng), digit


def _looped_nine(rng: Generator) -> list[Stroke]:
    """Write a 9 as a handwritten g, its tail closed to a loop."""
    width, tail = rng.uniform(0.4, 0.55), rng.uniform(0.9, 1.05)
    bowl = arc((width / 2, 0.25), (width / 2, 0.25), 60, -320)
    stem = curve((width, 0.1), (width, 0.75), (width * 0.7, 0.98), (width * 0.3, 0.98), (0, 0.85),
                 (width * 0.3, 0.68), (width, 0.6), (width * 1.5 * tail, 0.5))  # fmt: skip
    return [bowl, stem]


def _barred_zero(rng: Generator) -> list[Stroke]:
    radius, place = rng.uniform(0.3, 0.4), rng.uniform(0.45, 0.55)
    return [arc((radius, 0.5), (radius, 0.5), 0, -365), line((-0.1, place), (2 * radius + 0.1, place))]


def _mirrored_three(rng: Generator) -> list[Stroke]:
    width, waist = rng.uniform(0.45, 0.65), rng.uniform(0.42, 0.5)
    upper = curve((width - 0.02, rng.uniform(0.08, 0.2)), (width * 0.6, 0), (width * 0.15, 0.1), (width * 0.18, 0.3),
                  (width * rng.uniform(0.5, 0.85), waist))  # fmt: skip
    lower = curve(upper[-1], (width * 0.15, waist + 0.1), (0, 0.73), (width * 0.25, 0.95), (width * 0.65, 1),
                  (width + 0.02, rng.uniform(0.84, 0.95)))  # fmt: skip
    return [join(upper, lower)]


FORMS = {0: _barred_zero, 3: _mirrored_three, 9: _looped_nine}


def _draw(strokes: list[Stroke], rng: Generator) -> bytes:
    page, scale = np.full((SIDE_PX, SIDE_PX), 255, np.uint8), rng.uniform(90, 140)
    extent = np.concatenate(strokes).max(axis=0) * scale
    corner = (SIDE_PX - extent) / 2 + rng.uniform(-15, 15, 2)
    lines = [np.rint((stroke * scale + corner) * 2**SUBPIXEL_BITS).astype(np.int32) for stroke in strokes]
    cv2.polylines(page, lines, False, (0.0,), int(rng.integers(7, 14)), cv2.LINE_AA, SUBPIXEL_BITS)
    file = io.BytesIO()
    Image.fromarray(page).save(file, "PNG")
    return file.getvalue()
