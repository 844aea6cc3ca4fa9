"""Clutter beside digits: ruling, frames, letters, signs, specks, tables, badges and scribbles.

Every function draws on the sheet's layer of clutter, without digits, too; no clutter is a digit.
"""

import cv2
import numpy as np
from numpy.random import Generator

from service.preparation.types import Floats
from training.synthetic.glyphs import SUBPIXEL_BITS, PlacedDigit
from training.synthetic.outliers import LETTERS
from training.synthetic.rendering import draw_clouds, stamp
from training.synthetic.sheet import (
    CANVAS_SIDE_PX,
    Clutter,
    Sheet,
    choose_strength,
    draw_line,
    find_bounds,
    find_edges,
)
from training.synthetic.words import draw_word

# Plus, minus, times, equals, division, point, comma, arrow, bracket and check mark, in boxes of height 1.
SIGNS: list[list[list[tuple[float, float]]]] = [
    [[(0, 0.5), (1, 0.5)], [(0.5, 0), (0.5, 1)]],
    [[(0, 0.5), (1, 0.5)]],
    [[(0, 0), (1, 1)], [(1, 0), (0, 1)]],
    [[(0, 0.3), (1, 0.3)], [(0, 0.7), (1, 0.7)]],
    [[(0, 0.5), (1, 0.5)], [(0.5, 0.1), (0.5, 0.12)], [(0.5, 0.88), (0.5, 0.9)]],
    [[(0.5, 0.5), (0.52, 0.52)]],
    [[(0.5, 0.5), (0.45, 0.75)]],
    [[(0, 0.5), (1, 0.5), (0.7, 0.2)], [(1, 0.5), (0.7, 0.8)]],
    [[(0.5, 0), (0.25, 0.25), (0.25, 0.75), (0.5, 1)]],
    [[(0, 0.55), (0.35, 1), (1, 0)]],
]


def _choose_height(digits: list[PlacedDigit], part_of_canvas: float) -> float:
    """Return the height of the first digit, or a part of the canvas where there are no digits."""
    return digits[0].height if digits else CANVAS_SIDE_PX * part_of_canvas


def _choose_line_strength(rng: Generator, dark: float = 0.2) -> float:
    """Return how dark straight lines are: mostly fainter than ink, as dark lines pass for ink."""
    return float(rng.uniform(0.7, 1) if rng.random() < dark else rng.uniform(0.1, 0.6))


def draw_ruling(sheet: Sheet, digits: list[PlacedDigit], rng: Generator) -> None:
    """Rule the paper with lines or squares."""
    height = _choose_height(digits, 1 / 3)
    gap, width = height * rng.uniform(0.15, 1.8) + 6, rng.uniform(0.6, 1 + 0.03 * height)
    strength, is_squared = _choose_line_strength(rng), rng.random() < 0.3
    for is_vertical in (False, True) if is_squared else (False,):
        _draw_parallel_lines(sheet.clutter, gap, width, is_vertical, strength, rng)


def _draw_parallel_lines(
    layer: Floats, gap: float, width: float, is_vertical: bool, strength: float, rng: Generator
) -> None:
    length, tilt = max(layer.shape), np.tan(np.radians(rng.uniform(-3, 3)))
    for place in np.arange(rng.uniform(-gap, 0), length * 1.1, gap):
        ends = np.array([(-10, place), (length + 10, place + tilt * length)])
        draw_line(layer, ends[:, ::-1] if is_vertical else ends, width, strength)


def draw_frames(sheet: Sheet, digits: list[PlacedDigit], rng: Generator) -> None:
    """Draw a box around each digit, or one box around all digits; boxes may touch digits."""
    edges = find_edges(digits)
    if rng.random() < 0.5:
        edges = np.concatenate([edges[:, :2].min(axis=0), edges[:, 2:].max(axis=0)])[None]
    size = float(np.mean(edges[:, 3] - edges[:, 1]))
    reach = size * rng.uniform(-0.06, 0.27, 4) if rng.random() < 0.5 else size * rng.uniform(0.06, 0.9, 4)
    strength, width = _choose_line_strength(rng, 0.6), rng.uniform(0.8, 1 + 0.04 * size)
    for left, top, right, bottom in edges - np.tile([sheet.left, sheet.top], 2):
        left, top, right, bottom = left - reach[0], top - reach[1], right + reach[2], bottom + reach[3]
        corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)])
        draw_line(sheet.clutter, corners + rng.normal(0, 0.01 * size, corners.shape), width, strength)


def draw_underline(sheet: Sheet, digits: list[PlacedDigit], rng: Generator) -> None:
    """Draw a line under the digits that goes on to both sides."""
    edges = sheet.find_edges(digits)
    size = float(np.mean(edges[:, 3] - edges[:, 1]))
    y = edges[:, 3].max() + size * rng.uniform(-0.03, 0.25)
    left, right = edges[:, 0].min() - size * rng.uniform(0.4, 1.5), edges[:, 2].max() + size * rng.uniform(0.4, 1.5)
    ends = np.array([(left, y), (right, y + size * rng.normal(0, 0.02))])
    draw_line(sheet.clutter, ends, rng.uniform(0.8, 1 + 0.05 * size), _choose_line_strength(rng, 0.5))


def draw_letters(sheet: Sheet, digits: list[PlacedDigit], rng: Generator) -> None:
    """Write a letter or a word where there is room, in letters that look like no digit."""
    size = digits[0].height * rng.uniform(0.2, 0.9) if digits else CANVAS_SIDE_PX * np.exp(rng.uniform(-2.5, -0.3))
    count = 1 if rng.random() < 0.3 else int(rng.integers(2, 10))
    text = "".join(rng.choice(list(LETTERS), count))
    word = draw_word(text, max(8, round(size)), rng)
    _draw_beside(sheet, word * choose_strength(rng), rng)


def _draw_beside(sheet: Sheet, patch: Floats, rng: Generator) -> None:
    """Draw a patch of clutter beside the digits: at the best of six places, if it hides none of their ink there."""
    corners = [[round(rng.uniform(-0.2, 1) * side) for side in sheet.shape[::-1]] for _ in range(6)]
    hidden = [_sum_ink(sheet, left, top, patch) for left, top in corners]
    best = int(np.argmin(hidden))
    if hidden[best] < 1:
        stamp(sheet.clutter, patch.astype(np.float32), *corners[best])


def _sum_ink(sheet: Sheet, left: int, top: int, patch: Floats, margin: int = 3) -> float:
    """Return the ink of digits, in pixels, that a patch would hide."""
    rows = slice(max(top - margin, 0), max(top + patch.shape[0] + margin, 0))
    columns = slice(max(left - margin, 0), max(left + patch.shape[1] + margin, 0))
    return float(sheet.ink[rows, columns].sum())


def draw_signs(sheet: Sheet, digits: list[PlacedDigit], rng: Generator) -> None:
    """Write signs of sums, dots, commas and dashes between and beside digits."""
    height = _choose_height(digits, 1 / 3)
    for _ in range(int(rng.integers(1, 4))):
        strokes = SIGNS[rng.integers(len(SIGNS))]
        size, pen = height * rng.uniform(0.15, 0.55), max(1.0, height * rng.uniform(0.02, 0.12))
        patch = np.zeros((round(size + 2 * pen) + 2,) * 2, np.float32)
        for stroke in strokes:
            points = np.array(stroke, np.float64) + rng.normal(0, 0.04, (len(stroke), 2))
            draw_line(patch, points * size + pen, pen, 1.0)
        _draw_beside(sheet, patch * choose_strength(rng), rng)


def draw_specks(sheet: Sheet, digits: list[PlacedDigit], rng: Generator) -> None:
    """Draw specks anywhere, of radii up to 3 pixels."""
    for _ in range(int(rng.integers(2, 50))):
        center = [round(side * rng.random() * 2**SUBPIXEL_BITS) for side in sheet.shape[::-1]]
        radius, shade = round(np.exp(rng.uniform(0, 1.4)) * 12), float(rng.uniform(0.2, 1))
        cv2.circle(sheet.clutter, center, radius, shade, -1, cv2.LINE_AA, SUBPIXEL_BITS)


def draw_table(sheet: Sheet, digits: list[PlacedDigit], rng: Generator) -> None:
    """Draw a table around the paper, darker or lighter, as notes lie on desks and windows on screens."""
    table = _cut_out_paper(sheet, digits, rng)
    table *= rng.uniform(0.25, 1.0)
    if rng.random() < 0.6:
        table *= 1 + rng.uniform(0, 0.25) * draw_clouds(sheet.shape, rng, np.exp(rng.uniform(1.5, 4)))
    if rng.random() < 0.3:
        table *= -1
    sheet.clutter[:] = np.where((table != 0) & (sheet.ink == 0), table, sheet.clutter)


def _cut_out_paper(sheet: Sheet, digits: list[PlacedDigit], rng: Generator) -> Floats:
    """Return 1 for the table and 0 for the paper, which has room for the digits and lies straight or askew."""
    low, high = find_bounds(digits)
    size = max(high[0] - low[0], high[1] - low[1])
    reach = size * np.exp(rng.uniform(-2.3, 0.9 if rng.random() < 0.5 else 0.0, 4)) + 3
    left, top, right, bottom = low[0] - reach[0], low[1] - reach[1], high[0] + reach[2], high[1] + reach[3]
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)]) - [sheet.left, sheet.top]
    if rng.random() < 0.5:
        corners = corners + rng.uniform(-0.4, 0.4, (4, 2)) * reach.min()
    points = np.rint(corners * 2**SUBPIXEL_BITS).astype(np.int32)
    return cv2.fillConvexPoly(np.ones(sheet.shape, np.float32), points, 0.0, cv2.LINE_AA, SUBPIXEL_BITS)


def draw_mottle(sheet: Sheet, digits: list[PlacedDigit], rng: Generator) -> None:
    """Mottle the paper, as tables, boards and rough paper are mottled."""
    depth = rng.uniform(0.05, 0.3) if digits else rng.uniform(0.05, 0.8)
    layer = sum(draw_clouds(sheet.shape, rng, np.exp(rng.uniform(1, 4.2))) for _ in range(int(rng.integers(1, 3))))
    np.maximum(sheet.clutter, depth * (0.5 + 0.5 * layer), out=sheet.clutter)


def draw_badge(sheet: Sheet, digits: list[PlacedDigit], rng: Generator) -> None:
    """Draw a badge, a logo or a date in a corner where it hides no digit."""
    patch = _draw_badge_patch(round(max(sheet.shape) * rng.uniform(0.06, 0.22)) + 4, rng)
    left = 1 if rng.random() < 0.5 else sheet.shape[1] - patch.shape[1] - 1
    top = 1 if rng.random() < 0.5 else sheet.shape[0] - patch.shape[0] - 1
    if _sum_ink(sheet, left, top, patch, margin=0) < 1:
        stamp(sheet.clutter, patch, left, top)


def _draw_badge_patch(height: int, rng: Generator) -> Floats:
    """Return an ellipse or a rectangle with letters on it, float32 (height, width) in [0, 1]."""
    patch = np.zeros((height, round(height * rng.uniform(0.8, 2.5))), np.float32)
    width, shade = patch.shape[1], choose_strength(rng)
    if rng.random() < 0.5:
        center, axes = (width // 2, height // 2), (width // 2 - 1, height // 2 - 1)
        cv2.ellipse(patch, center, axes, 0, 0, 360, shade, -1, cv2.LINE_AA)
    else:
        patch[1:-1, 1:-1] = shade
    word = draw_word("".join(rng.choice(list(LETTERS), 3)), max(8, height // 2), rng)[: height - 4, : width - 4]
    patch[2 : 2 + word.shape[0], 2 : 2 + word.shape[1]] -= word * shade * 0.8
    return patch


def draw_shapes(sheet: Sheet, digits: list[PlacedDigit], rng: Generator) -> None:
    """Draw filled shapes beside the digits."""
    height = _choose_height(digits, 1 / 2)
    for _ in range(int(rng.integers(1, 4))):
        size = max(6, round(height * rng.uniform(0.2, 1.2)))
        patch, shade = np.zeros((size, max(6, round(size * rng.uniform(0.5, 2)))), np.float32), choose_strength(rng)
        if rng.random() < 0.5:
            patch[:] = shade
        else:
            center = (patch.shape[1] // 2, size // 2)
            cv2.ellipse(patch, center, center, 0, 0, 360, shade, -1, cv2.LINE_AA)
        _draw_beside(sheet, patch, rng)


def draw_doodle(sheet: Sheet, digits: list[PlacedDigit], rng: Generator) -> None:
    """Draw a scribble beside the digits."""
    height = _choose_height(digits, 1 / 2)
    size, count = height * rng.uniform(0.4, 1.2), int(rng.integers(8, 18))
    points = rng.uniform(0, 1, (count, 2)) * size
    if rng.random() < 0.5:
        points = cv2.blur(np.repeat(points, 6, axis=0), (1, 7))
    patch = np.zeros((round(size) + 6,) * 2, np.float32)
    draw_line(patch, points + 3, max(1.0, height * rng.uniform(0.02, 0.1)), choose_strength(rng))
    _draw_beside(sheet, patch, rng)


# Each kind of clutter, and how often it stands beside digits, relative to the others.
CLUTTER: dict[Clutter, float] = {
    draw_ruling: 1.4, draw_frames: 2.0, draw_underline: 1.5, draw_letters: 1.0, draw_signs: 1.2, draw_specks: 0.8,
    draw_table: 4.5, draw_badge: 0.7, draw_shapes: 0.8, draw_doodle: 0.5, draw_mottle: 1.2,
}  # fmt: skip
