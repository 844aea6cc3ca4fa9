"""What there is in images beside digits: ruling, frames, letters, signs, specks, tables, badges and scribbles."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from service.preparation.looks import SIDE_PX
from training.synthetic.glyphs import Array, Placed, stamp
from training.synthetic.outliers import FONTS, LETTERS
from training.synthetic.rendering import clouds

CANVAS = 2 * SIDE_PX


@dataclass
class Sheet:
    """The part of an image that the canvas shows, and what is drawn on it."""

    left: float
    top: float
    shape: tuple[int, int]
    pixels: tuple[int, int]  # height, width of the image
    ink: Array
    clutter: Array  # darker than the paper, too, but no digit's

    @property
    def pixel(self) -> float:
        """The size of one of its pixels on the canvas."""
        return self.shape[1] / self.pixels[1]


Clutter = Callable[[Sheet, list[Placed], Generator], None]


def bounds(digits: list[Placed]) -> tuple[list[float], list[float]]:
    """Return the box around all digits, left and top, right and bottom; one in the middle where there is none."""
    boxes = np.array([digit.box for digit in digits] or [(90, 90, 166, 166)])
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    return np.clip(low, 4, CANVAS - 30).tolist(), np.clip(high, 30, CANVAS - 4).tolist()


def _strength(rng: Generator, dark: float = 0.2) -> float:
    """Choose how dark clutter of straight lines is: mostly fainter than ink, which else is taken for it."""
    return float(rng.uniform(0.7, 1) if rng.random() < dark else rng.uniform(0.1, 0.6))


def _ruling(sheet: Sheet, digits: list[Placed], rng: Generator) -> None:
    tall = digits[0].height if digits else CANVAS / 3
    gap, width = tall * rng.uniform(0.15, 1.8) + 6, rng.uniform(0.6, 1 + 0.03 * tall)
    strength, squared = _strength(rng), rng.random() < 0.3
    for vertical in (False, True):
        if vertical <= squared:
            _parallel(sheet.clutter, gap, width, vertical, strength, rng)


def _parallel(layer: Array, gap: float, width: float, vertical: bool, strength: float, rng: Generator) -> None:
    length, tilt = max(layer.shape), np.tan(np.radians(rng.uniform(-3, 3)))
    for place in np.arange(rng.uniform(-gap, 0), length * 1.1, gap):
        ends = np.array([(-10, place), (length + 10, place + tilt * length)])
        _segment(layer, ends[:, ::-1] if vertical else ends, width, strength)


def _segment(layer: Array, ends: NDArray[np.float64], width: float, strength: float) -> None:
    points = np.rint(ends * 16).astype(np.int32)
    shown = strength * min(1.0, 0.3 + 0.7 * width)
    line = cv2.polylines(np.zeros_like(layer), [points], False, shown, max(1, round(width)), cv2.LINE_AA, 4)
    np.maximum(layer, line, out=layer)


def draw_frames(sheet: Sheet, digits: list[Placed], rng: Generator) -> None:
    """Draw a box around each digit, or one around all; it may touch the digit."""
    boxes = np.array([digit.box for digit in digits] or [(60, 60, 200, 200)])
    if rng.random() < 0.5:
        boxes = np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])[None]
    size = float(np.mean(boxes[:, 3] - boxes[:, 1]))
    reach = size * rng.uniform(-0.06, 0.27, 4) if rng.random() < 0.5 else size * rng.uniform(0.06, 0.9, 4)
    strength, width = _strength(rng, 0.6), rng.uniform(0.8, 1 + 0.04 * size)
    for left, top, right, bottom in boxes - np.tile([sheet.left, sheet.top], 2):
        left, top, right, bottom = left - reach[0], top - reach[1], right + reach[2], bottom + reach[3]
        corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)])
        _segment(sheet.clutter, corners + rng.normal(0, 0.01 * size, corners.shape), width, strength)


def _underline(sheet: Sheet, digits: list[Placed], rng: Generator) -> None:
    """Draw a line under the digits that goes on to both sides, further than a digit's foot."""
    boxes = np.array([digit.box for digit in digits] or [(60, 60, 200, 200)]) - np.tile([sheet.left, sheet.top], 2)
    size = float(np.mean(boxes[:, 3] - boxes[:, 1]))
    y = boxes[:, 3].max() + size * rng.uniform(-0.03, 0.25)
    left, right = boxes[:, 0].min() - size * rng.uniform(0.4, 1.5), boxes[:, 2].max() + size * rng.uniform(0.4, 1.5)
    ends = np.array([(left, y), (right, y + size * rng.normal(0, 0.02))])
    _segment(sheet.clutter, ends, rng.uniform(0.8, 1 + 0.05 * size), _strength(rng, 0.5))


def _letters(sheet: Sheet, digits: list[Placed], rng: Generator) -> None:
    """Write a word or a letter that no digit looks like, where there is room."""
    size = digits[0].height * rng.uniform(0.2, 0.9) if digits else CANVAS * np.exp(rng.uniform(-2.5, -0.3))
    count = 1 if rng.random() < 0.3 else int(rng.integers(2, 10))
    text = "".join(rng.choice(list(LETTERS), count))
    word = _word(text, max(8, round(size)), rng)
    _put(sheet, word * _ink_strength(rng), digits, rng)


def _ink_strength(rng: Generator) -> float:
    return float(rng.uniform(0.6, 1) if rng.random() < 0.6 else rng.uniform(0.15, 0.6))


def _word(text: str, size: int, rng: Generator) -> Array:
    """Print or write a text, in letters about so many pixels tall, float32 in [0, 1]."""
    if rng.random() < 0.5:
        scale, pen = size / 22, max(1, round(size * rng.uniform(0.03, 0.15)))
        face = FONTS[rng.integers(len(FONTS))]
        (width, height), below = cv2.getTextSize(text, face, scale, pen)
        page = np.zeros((height + below + 2 * pen, width + 2 * pen), np.uint8)
        cv2.putText(page, text, (pen, height + pen), face, scale, 255, pen, cv2.LINE_AA)
        return page.astype(np.float32) / np.float32(255)
    fonts = _fonts()
    font = _font(fonts[rng.integers(len(fonts))], round(size * 1.3 / 4) * 4 + 4)
    box = font.getbbox(text)
    image = Image.new("L", (max(1, round(box[2] - box[0])), max(1, round(box[3] - box[1]))))
    ImageDraw.Draw(image).text((-box[0], -box[1]), text, 255, font)
    return np.asarray(image, np.float32) / np.float32(255)


@lru_cache
def _fonts() -> tuple[str, ...]:
    """Return the files of the fonts that come with matplotlib, but for those of symbols."""
    from matplotlib import get_data_path

    names = sorted((Path(get_data_path()) / "fonts" / "ttf").glob("DejaVu*.ttf"))
    return tuple(str(name) for name in names if "Display" not in name.name)


@lru_cache(256)
def _font(file: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file, size)


def _put(sheet: Sheet, patch: Array, digits: list[Placed], rng: Generator) -> None:
    """Lay a patch beside the digits: at a place, of several, where it hides least of their ink."""
    best, least = (0, 0), np.inf
    for _ in range(6):
        left, top = (round(rng.uniform(-0.2, 1) * side) for side in sheet.shape[::-1])
        under = sheet.ink[
            max(top - 3, 0) : max(top + patch.shape[0] + 3, 0), max(left - 3, 0) : max(left + patch.shape[1] + 3, 0)
        ]
        hidden = float(under.sum())
        if hidden < least:
            best, least = (left, top), hidden
    if least < 1:
        stamp(sheet.clutter, patch.astype(np.float32), *best)


def _signs(sheet: Sheet, digits: list[Placed], rng: Generator) -> None:
    """Write signs of sums, dots, commas and dashes between and beside digits."""
    tall = digits[0].height if digits else CANVAS / 3
    for _ in range(int(rng.integers(1, 4))):
        sign = SIGNS[rng.integers(len(SIGNS))]
        size, pen = tall * rng.uniform(0.15, 0.55), max(1.0, tall * rng.uniform(0.02, 0.12))
        patch = np.zeros((round(size + 2 * pen) + 2,) * 2, np.float32)
        for stroke in sign:
            points = np.array(stroke, np.float64) + rng.normal(0, 0.04, (len(stroke), 2))
            _segment(patch, points * size + pen, pen, 1.0)
        _put(sheet, patch * _ink_strength(rng), digits, rng)


# Plus, minus, times, equals, division, point, comma, slash, arrow and brackets, in boxes of height 1.
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


def _specks(sheet: Sheet, digits: list[Placed], rng: Generator) -> None:
    for _ in range(int(rng.integers(2, 50))):
        center = [round(side * rng.random() * 16) for side in sheet.shape[::-1]]
        radius, shade = round(np.exp(rng.uniform(0, 1.4)) * 12), float(rng.uniform(0.2, 1))
        cv2.circle(sheet.clutter, center, radius, shade, -1, cv2.LINE_AA, 4)


def draw_around(sheet: Sheet, digits: list[Placed], rng: Generator) -> None:
    """Lay the paper on a table, darker or lighter than it, as notes on desks and windows on screens lie."""
    low, high = bounds(digits)
    size = max(high[0] - low[0], high[1] - low[1])
    reach = size * np.exp(rng.uniform(-2.3, 0.9 if rng.random() < 0.5 else 0.0, 4)) + 3
    left, top, right, bottom = low[0] - reach[0], low[1] - reach[1], high[0] + reach[2], high[1] + reach[3]
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)]) - [sheet.left, sheet.top]
    if rng.random() < 0.5:  # askew
        corners = corners + rng.uniform(-0.4, 0.4, (4, 2)) * reach.min()
    table = np.ones(sheet.shape, np.float32)
    cv2.fillConvexPoly(table, np.rint(corners * 16).astype(np.int32), 0.0, cv2.LINE_AA, 4)
    table *= rng.uniform(0.25, 1.0)
    if rng.random() < 0.6:
        table *= 1 + rng.uniform(0, 0.25) * clouds(sheet.shape, rng, np.exp(rng.uniform(1.5, 4)))
    if rng.random() < 0.3:
        table *= -1
    sheet.clutter[:] = np.where((table != 0) & (sheet.ink == 0), table, sheet.clutter)


def _mottle(sheet: Sheet, digits: list[Placed], rng: Generator) -> None:
    """Let the paper be mottled, as tables, boards and rough paper are."""
    depth = rng.uniform(0.05, 0.3) if digits else rng.uniform(0.05, 0.8)
    layer = sum(clouds(sheet.shape, rng, np.exp(rng.uniform(1, 4.2))) for _ in range(int(rng.integers(1, 3))))
    np.maximum(sheet.clutter, depth * (0.5 + 0.5 * layer), out=sheet.clutter)


def _badge(sheet: Sheet, digits: list[Placed], rng: Generator) -> None:
    """Put a badge, a logo or a date in a corner."""
    size = round(max(sheet.shape) * rng.uniform(0.06, 0.22)) + 4
    patch = np.zeros((size, round(size * rng.uniform(0.8, 2.5))), np.float32)
    shade = _ink_strength(rng)
    if rng.random() < 0.5:
        cv2.ellipse(
            patch,
            (patch.shape[1] // 2, size // 2),
            (patch.shape[1] // 2 - 1, size // 2 - 1),
            0,
            0,
            360,
            shade,
            -1,
            cv2.LINE_AA,
        )
    else:
        patch[1:-1, 1:-1] = shade
    word = _word("".join(rng.choice(list(LETTERS), 3)), max(8, size // 2), rng)[: size - 4, : patch.shape[1] - 4]
    patch[2 : 2 + word.shape[0], 2 : 2 + word.shape[1]] -= word * shade * 0.8
    left = 1 if rng.random() < 0.5 else sheet.shape[1] - patch.shape[1] - 1
    top = 1 if rng.random() < 0.5 else sheet.shape[0] - size - 1
    if sheet.ink[max(top, 0) : top + size, max(left, 0) : left + patch.shape[1]].sum() < 1:
        stamp(sheet.clutter, patch, left, top)


def _shapes(sheet: Sheet, digits: list[Placed], rng: Generator) -> None:
    """Draw filled shapes beside the digits."""
    tall = digits[0].height if digits else CANVAS / 2
    for _ in range(int(rng.integers(1, 4))):
        size = max(6, round(tall * rng.uniform(0.2, 1.2)))
        patch, shade = np.zeros((size, max(6, round(size * rng.uniform(0.5, 2)))), np.float32), _ink_strength(rng)
        if rng.random() < 0.5:
            patch[:] = shade
        else:
            middle = (patch.shape[1] // 2, size // 2)
            cv2.ellipse(patch, middle, middle, 0, 0, 360, shade, -1, cv2.LINE_AA)
        _put(sheet, patch, digits, rng)


def _doodle(sheet: Sheet, digits: list[Placed], rng: Generator) -> None:
    """Scribble to and fro beside the digits, or cross something out."""
    tall = digits[0].height if digits else CANVAS / 2
    size, count = tall * rng.uniform(0.4, 1.2), int(rng.integers(8, 18))
    points = rng.uniform(0, 1, (count, 2)) * size
    if rng.random() < 0.5:
        points = cv2.blur(np.repeat(points, 6, axis=0), (1, 7))
    patch = np.zeros((round(size) + 6,) * 2, np.float32)
    _segment(patch, points + 3, max(1.0, tall * rng.uniform(0.02, 0.1)), _ink_strength(rng))
    _put(sheet, patch, digits, rng)


def _leaves(sheet: Sheet, digits: list[Placed], rng: Generator) -> None:
    """Fill the image with things before things, as photographs are (dead leaves: Lee, Mumford and Huang 2001)."""
    layer, count = sheet.clutter, int(np.exp(rng.uniform(1.5, 4.5)))
    for size in np.sort(np.exp(rng.uniform(1.5, 5.5, count)))[::-1]:
        center, shade = rng.uniform(-0.1, 1.1, 2) * layer.shape[::-1], float(rng.uniform(0, 1))
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 24))))
        radii = size / 2 * rng.uniform(0.4, 1, len(angles))
        corners = center + np.stack([np.cos(angles) * rng.uniform(0.3, 1), np.sin(angles)], axis=1) * radii[:, None]
        cv2.fillPoly(layer, [np.rint(corners * 16).astype(np.int32)], shade, cv2.LINE_AA, 4)
    layer *= 1 + rng.uniform(0, 0.4) * clouds(sheet.shape, rng, np.exp(rng.uniform(1, 4)))
    if rng.random() < 0.3:
        layer[:] = cv2.GaussianBlur(layer, (0, 0), np.exp(rng.uniform(0, 2.5)))


def _checks(sheet: Sheet, digits: list[Placed], rng: Generator) -> None:
    """Fill the image with a pattern of squares or stripes."""
    y, x = np.mgrid[: sheet.shape[0], : sheet.shape[1]] / np.exp(rng.uniform(2, 4.5))
    squares = (np.floor(x) + (np.floor(y) if rng.random() < 0.6 else 0)) % 2
    sheet.clutter[:] = squares * _ink_strength(rng)


def _large(draw_clutter: Clutter) -> Clutter:
    """Draw clutter as large as a digit would be, in the middle."""

    def draw_large(sheet: Sheet, digits: list[Placed], rng: Generator) -> None:
        side = min(sheet.shape)
        part = Sheet(0, 0, (side, side), (side, side), np.zeros((1, 1), np.float32), np.zeros((side, side), np.float32))
        draw_clutter(part, digits, rng)
        rows, columns = np.nonzero(part.clutter > 0.05)
        if len(rows):
            _center(sheet, part.clutter[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1], rng)

    return draw_large


def _center(sheet: Sheet, patch: Array, rng: Generator) -> None:
    extent = min(sheet.shape) * rng.uniform(0.3, 0.9)
    factor = extent / max(patch.shape)
    size = [max(1, round(length * factor)) for length in patch.shape]
    patch = cv2.resize(patch, size[::-1], interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    top, left = ((whole - length) // 2 for whole, length in zip(sheet.shape, size, strict=True))
    stamp(sheet.clutter, patch, left, top)


def _letter(sheet: Sheet, digits: list[Placed], rng: Generator) -> None:
    stamp(sheet.clutter, _word(LETTERS[rng.integers(len(LETTERS))], max(8, sheet.shape[0] // 2), rng), 0, 0)


def _sign(sheet: Sheet, digits: list[Placed], rng: Generator) -> None:
    """Draw a sign of sums, alone."""
    side = sheet.shape[0]
    for stroke in SIGNS[rng.integers(4)]:
        points = np.array(stroke) + rng.normal(0, 0.05, (len(stroke), 2))
        _segment(sheet.clutter, points * side * 0.6 + side * 0.2, side * rng.uniform(0.01, 0.15), 1.0)


# How often there is what beside digits.
CLUTTER: dict[Clutter, float] = {
    _ruling: 1.4, draw_frames: 2.0, _underline: 1.5, _letters: 1.0, _signs: 1.2, _specks: 0.8, draw_around: 4.5,
    _badge: 0.7, _shapes: 0.8, _doodle: 0.5, _mottle: 1.2,
}  # fmt: skip
# What fills an image without digits.
ALONE: tuple[Clutter, ...] = (
    _letters, _large(_letter), _large(_letter), _large(_sign), _large(_doodle), _large(_shapes), _leaves, _leaves,
    _checks, _mottle, _mottle, _ruling, draw_around, draw_frames,
)  # fmt: skip
