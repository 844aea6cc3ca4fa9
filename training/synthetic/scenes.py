"""Scenes: squares of images, drawn at random, with the ink of every digit in them. The finder is fitted to them.

A scene is drawn on a canvas of twice the finder's resolution, and brought to an image's own pixels, few or many, as
paint programs and cameras do. The look is cut out of the image by the service's own code. Lengths are in pixels of the
canvas.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from service.preparation.looks import LOOK_SIDE_PX, MARGIN_RATIO, PaddedImage, Square
from service.preparation.segmentation import CELL_PX
from service.preparation.types import Floats, Gray
from training.synthetic.cameras import take_image
from training.synthetic.clutter import CLUTTER, draw_frames, draw_table
from training.synthetic.fillings import FILLINGS
from training.synthetic.glyphs import Glyph, GlyphSource, PlacedDigit
from training.synthetic.layouts import place_digit, place_rows
from training.synthetic.sheet import CANVAS_SIDE_PX, Sheet, find_bounds

MIN_CONTRAST = 6.0  # levels between ink and its surroundings
MIN_CONTRAST_SPREADS = 0.5  # the same in standard deviations of the surroundings
MIN_MARKED_PEN_PX = 6.0  # of the ink that the finder is to mark: three pixels of a look, so that it marks hairlines


@dataclass(frozen=True)
class Scene:
    """A square of an image, and the digits in it."""

    look: Gray  # (128, 128)
    ink: Gray  # (128, 128), the part of each pixel that digits cover, of 255
    owner: Gray  # (32, 32): for each cell with ink the digit that it belongs to, from 1; else 0
    edges: Floats  # (n, 4): left, top, right, bottom of each digit, in pixels of the look
    labels: NDArray[np.uint8]  # (n,)

    @property
    def centers(self) -> Floats:
        """X and y of the middle of each digit, float32 (n, 2), in pixels of the look."""
        return ((self.edges[:, :2] + self.edges[:, 2:]) / 2).astype(np.float32)


def draw(source: GlyphSource, rng: Generator) -> Scene:
    """Draw a scene without digits, with one, or with several. A scene whose ink nobody could see is drawn again."""
    while not _is_visible(scene := _compose(_place_digits(source, rng), rng)):
        pass
    return scene


def _place_digits(source: GlyphSource, rng: Generator) -> list[PlacedDigit]:
    kind = rng.random()
    if kind < 0.1:
        return []
    return [place_digit(source.choose_glyph(rng), rng)] if kind < 0.66 else place_rows(source, rng)


def draw_digit(glyph: Glyph, rng: Generator) -> Scene:
    """Draw a scene of one digit."""
    return _compose([place_digit(glyph, rng)], rng)


def draw_number(source: GlyphSource, rng: Generator) -> Scene:
    """Draw a scene of several digits."""
    return _compose(place_rows(source, rng), rng)


def draw_empty(rng: Generator) -> Scene:
    """Draw a scene without digits."""
    return _compose([], rng)


def _is_visible(scene: Scene) -> bool:
    """Return whether ink differs from its surroundings, in levels and compared with the variation there."""
    ink = scene.ink > 200
    around = (cv2.dilate(scene.ink, np.ones((7, 7), np.uint8)) > 0) & (scene.ink == 0)
    if not ink.any() or not around.any():
        return not len(scene.centers)
    contrast = abs(float(scene.look[ink].mean()) - float(scene.look[around].mean()))
    return contrast > max(MIN_CONTRAST, MIN_CONTRAST_SPREADS * float(scene.look[around].std()))


def _compose(digits: list[PlacedDigit], rng: Generator) -> Scene:
    """Draw digits and clutter on a sheet, and make an image of it."""
    sheet = _cut_sheet(digits, rng)
    is_easy = rng.random() < 0.42
    _draw_digits(sheet, digits, rng)
    _draw_clutter(sheet, digits, is_easy, rng)
    return _crop_look(take_image(sheet, is_easy, rng), sheet, digits)


def _draw_digits(sheet: Sheet, digits: list[PlacedDigit], rng: Generator) -> None:
    """Draw digits on the sheet's ink, in small images with pens of at least about one of their pixels."""
    is_small = min(sheet.image_shape) < 80
    for digit in digits:
        pen = max(digit.pen, sheet.pixel_size * rng.uniform(0.7, 1.1)) if is_small else digit.pen
        digit.glyph.draw(sheet.ink, (digit.left - sheet.left, digit.top - sheet.top), digit.height, pen)


def _draw_clutter(sheet: Sheet, digits: list[PlacedDigit], is_easy: bool, rng: Generator) -> None:
    """Draw up to three kinds of clutter on the sheet, on easy images a clean form or window at most."""
    if not is_easy:
        kinds, weights = list(CLUTTER), np.array(list(CLUTTER.values()))
        count = rng.choice(4, p=(0.25, 0.45, 0.2, 0.1))
        for index in rng.choice(len(kinds), count, replace=False, p=weights / weights.sum()):
            kinds[index](sheet, digits, rng)
    elif rng.random() < 0.25:
        (draw_frames if rng.random() < 0.5 else draw_table)(sheet, digits, rng)
    if not digits and rng.random() < 0.7:
        FILLINGS[rng.integers(len(FILLINGS))](sheet, digits, rng)


def _cut_sheet(digits: list[PlacedDigit], rng: Generator) -> Sheet:
    """Return an empty sheet whose borders are around the canvas, within it, or along the digits' own edges."""
    kind = rng.random()
    start, end = _choose_margins(digits, rng) if kind < 0.5 else _choose_cuts(digits, kind > 0.9, rng)
    return _choose_resolution(start, end, min((digit.height for digit in digits), default=CANVAS_SIDE_PX), rng)


def _choose_margins(digits: list[PlacedDigit], rng: Generator) -> tuple[list[float], list[float]]:
    """Return left and top, right and bottom, of an image whose look has a margin around the whole image."""
    low, high = find_bounds(digits)
    margin = CANVAS_SIDE_PX * MARGIN_RATIO / (1 + 2 * MARGIN_RATIO)
    wide = margin + (CANVAS_SIDE_PX / 2 - margin) * (0 if rng.random() < 0.5 else rng.uniform(0, 0.7))
    borders = [margin, wide] if rng.random() < 0.5 else [wide, margin]
    start = [min(border, edge - 1) for border, edge in zip(borders, low, strict=True)]
    end = [max(CANVAS_SIDE_PX - border, edge + 1) for border, edge in zip(start, high, strict=True)]
    return start, end


def _choose_cuts(digits: list[PlacedDigit], is_tight: bool, rng: Generator) -> tuple[list[float], list[float]]:
    """Return left and top, right and bottom, of an image that reaches beyond the look, or ends near the digits."""
    low, high = find_bounds(digits)
    start = [max(edge - _choose_room(is_tight, rng), 0) if is_tight or rng.random() < 0.5 else 0 for edge in low]
    end = [
        min(edge + _choose_room(is_tight, rng), CANVAS_SIDE_PX) if is_tight or rng.random() < 0.5 else CANVAS_SIDE_PX
        for edge in high
    ]
    return start, end


def _choose_room(is_tight: bool, rng: Generator) -> float:
    """Return the room between digits and the image's border."""
    if is_tight:
        return rng.uniform(-2, 3)
    return 0.0 if rng.random() < 0.5 else rng.uniform(2, 90)


def _choose_resolution(start: list[float], end: list[float], min_height: float, rng: Generator) -> Sheet:
    """Return a sheet with few pixels, as exports for MNIST have, or with more than the finder sees.

    The smallest digit, `min_height` tall, has at least 7 pixels.
    """
    width, height = (max(8.0, stop - begin) for begin, stop in zip(start, end, strict=True))
    if rng.random() < 0.45:
        longer_side = 28 if rng.random() < 0.5 else float(np.exp(rng.uniform(*np.log((14, 64)))))
    else:
        longer_side = float(np.exp(rng.uniform(*np.log((64, 400)))))
    pixel = min(max(width, height) / longer_side, min_height / rng.uniform(7, 14))
    image_shape = max(4, round(height / pixel)), max(4, round(width / pixel))
    shape = max(8, round(image_shape[0] * pixel)), max(8, round(image_shape[1] * pixel))
    return Sheet(start[0], start[1], shape, image_shape, np.zeros(shape, np.float32), np.zeros(shape, np.float32))


def _crop_look(image: Gray, sheet: Sheet, digits: list[PlacedDigit]) -> Scene:
    """Return the look of an image, cut as the service cuts it, and the digits' ink in it."""
    scale = image.shape[1] / sheet.shape[1]
    look = PaddedImage(image).crop(Square(-sheet.left * scale, -sheet.top * scale, CANVAS_SIDE_PX * scale))
    ink, owner = _mark_ink(digits)
    visible = np.zeros_like(ink)
    left, top = max(round(sheet.left), 0), max(round(sheet.top), 0)
    part = slice(top, round(sheet.top + sheet.shape[0])), slice(left, round(sheet.left + sheet.shape[1]))
    visible[part] = ink[part]
    small = cv2.resize(visible, (LOOK_SIDE_PX, LOOK_SIDE_PX), interpolation=cv2.INTER_AREA)
    edges = (np.array([digit.edges for digit in digits]).reshape(-1, 4) / 2).astype(np.float32)
    labels = np.array([digit.glyph.label for digit in digits], np.uint8)
    return Scene(look, np.rint(small * 255).astype(np.uint8), owner, edges, labels)


def _mark_ink(digits: list[PlacedDigit]) -> tuple[Floats, Gray]:
    """Return the ink of digits float32 on the canvas, and for each cell the number of its digit, or 0."""
    ink = np.zeros((CANVAS_SIDE_PX, CANVAS_SIDE_PX), np.float32)
    owner = np.zeros((LOOK_SIDE_PX // CELL_PX,) * 2, np.uint8)
    for number, digit in enumerate(digits, 1):
        layer, pen = np.zeros_like(ink), max(digit.pen, min(MIN_MARKED_PEN_PX, digit.height / 6))
        digit.glyph.draw(layer, (digit.left, digit.top), digit.height, pen)
        np.maximum(ink, layer, out=ink)
        owner[_find_cells(layer)] = number
    return ink, owner


def _find_cells(layer: Floats) -> NDArray[np.bool_]:
    """Return which cells have ink, (32, 32)."""
    side, count = 2 * CELL_PX, LOOK_SIDE_PX // CELL_PX
    cells: NDArray[np.bool_] = layer.reshape(count, side, count, side).max(axis=(1, 3)) > 0.5
    return cells
