"""Fillings of images without digits: letters, signs, shapes, patterns, scenery, all that clutter can be."""

import cv2
import numpy as np
from numpy.random import Generator

from service.preparation.types import Floats
from training.synthetic import clutter
from training.synthetic.glyphs import SUBPIXEL_BITS, PlacedDigit
from training.synthetic.outliers import LETTERS
from training.synthetic.rendering import draw_clouds, stamp
from training.synthetic.sheet import Clutter, Sheet, choose_strength, draw_line
from training.synthetic.words import draw_word


def _draw_dead_leaves(sheet: Sheet, digits: list[PlacedDigit], rng: Generator) -> None:
    """Fill the image with shapes that hide each other, as in photos (dead leaves: Lee, Mumford and Huang 2001)."""
    layer, count = sheet.clutter, int(np.exp(rng.uniform(1.5, 4.5)))
    for size in np.sort(np.exp(rng.uniform(1.5, 5.5, count)))[::-1]:
        center, shade = rng.uniform(-0.1, 1.1, 2) * layer.shape[::-1], float(rng.uniform(0, 1))
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 24))))
        radii = size / 2 * rng.uniform(0.4, 1, len(angles))
        corners = center + np.stack([np.cos(angles) * rng.uniform(0.3, 1), np.sin(angles)], axis=1) * radii[:, None]
        points = np.rint(corners * 2**SUBPIXEL_BITS).astype(np.int32)
        cv2.fillPoly(layer, [points], shade, cv2.LINE_AA, SUBPIXEL_BITS)
    layer *= 1 + rng.uniform(0, 0.4) * draw_clouds(sheet.shape, rng, np.exp(rng.uniform(1, 4)))
    if rng.random() < 0.3:
        layer[:] = cv2.GaussianBlur(layer, (0, 0), np.exp(rng.uniform(0, 2.5)))


def _draw_checks(sheet: Sheet, digits: list[PlacedDigit], rng: Generator) -> None:
    """Fill the image with a pattern of squares or stripes."""
    y, x = np.mgrid[: sheet.shape[0], : sheet.shape[1]] / np.exp(rng.uniform(2, 4.5))
    squares = (np.floor(x) + (np.floor(y) if rng.random() < 0.6 else 0)) % 2
    sheet.clutter[:] = squares * choose_strength(rng)


def _enlarge(draw_clutter: Clutter) -> Clutter:
    """Return a function that draws clutter in the middle, as large as a digit would be."""

    def draw_enlarged(sheet: Sheet, digits: list[PlacedDigit], rng: Generator) -> None:
        side = min(sheet.shape)
        part = Sheet(0, 0, (side, side), (side, side), np.zeros((1, 1), np.float32), np.zeros((side, side), np.float32))
        draw_clutter(part, digits, rng)
        rows, columns = np.nonzero(part.clutter > 0.05)
        if len(rows):
            _draw_centered(sheet, part.clutter[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1], rng)

    return draw_enlarged


def _draw_centered(sheet: Sheet, patch: Floats, rng: Generator) -> None:
    """Draw a patch in the middle, 0.3 to 0.9 times as long as the sheet's shorter side."""
    extent = min(sheet.shape) * rng.uniform(0.3, 0.9)
    factor = extent / max(patch.shape)
    size = [max(1, round(length * factor)) for length in patch.shape]
    patch = cv2.resize(patch, size[::-1], interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    top, left = ((whole - length) // 2 for whole, length in zip(sheet.shape, size, strict=True))
    stamp(sheet.clutter, patch, left, top)


def _draw_letter(sheet: Sheet, digits: list[PlacedDigit], rng: Generator) -> None:
    """Draw a letter at the top left."""
    letter = LETTERS[rng.integers(len(LETTERS))]
    stamp(sheet.clutter, draw_word(letter, max(8, sheet.shape[0] // 2), rng), 0, 0)


def _draw_sign(sheet: Sheet, digits: list[PlacedDigit], rng: Generator) -> None:
    """Draw a plus, a minus, a cross or an equals sign."""
    side = sheet.shape[0]
    for stroke in clutter.SIGNS[rng.integers(4)]:
        points = np.array(stroke) + rng.normal(0, 0.05, (len(stroke), 2))
        draw_line(sheet.clutter, points * side * 0.6 + side * 0.2, side * rng.uniform(0.01, 0.15), 1.0)


# What fills an image without digits; a kind that is listed twice is twice as frequent.
FILLINGS: tuple[Clutter, ...] = (
    clutter.draw_letters,
    _enlarge(_draw_letter),
    _enlarge(_draw_letter),
    _enlarge(_draw_sign),
    _enlarge(clutter.draw_doodle),
    _enlarge(clutter.draw_shapes),
    _draw_dead_leaves,
    _draw_dead_leaves,
    _draw_checks,
    clutter.draw_mottle,
    clutter.draw_mottle,
    clutter.draw_ruling,
    clutter.draw_table,
    clutter.draw_frames,
)
