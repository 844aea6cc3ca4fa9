"""What the finder is fitted to: squares of images, drawn by chance, with the ink of every digit in them.

An image is drawn on a canvas of twice the finder's resolution and brought to an image's own pixels, few or many, by
the ways of paint programs and cameras; the service's own code then looks at it. Lengths are in pixels of the canvas.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from service.preparation.looks import SIDE_PX, Page, Square
from service.preparation.segmentation import CELL_PX
from training.synthetic.clutter import ALONE, CANVAS, CLUTTER, Sheet, bounds, draw_around, draw_frames
from training.synthetic.glyphs import Array, Glyph, Gray, Placed, Source, Traced
from training.synthetic.rendering import clouds, phone, shadow, slope

MAX_DIGITS = 64  # in a scene
MIN_CONTRAST = 6.0  # levels between ink and what is around it
MIN_CONTRAST_SPREADS = 0.5  # the same in standard deviations of what is around it
THINNEST = 6.0  # of the ink that the finder is to mark: three pixels of its own, so that hairlines are kept


@dataclass(frozen=True)
class Scene:
    """A square of an image, and what is to be found in it."""

    look: Gray  # (128, 128)
    ink: Gray  # (128, 128), the part of each pixel that digits cover, of 255
    owner: Gray  # (32, 32): for each cell with ink the digit that it belongs to, from 1; else 0
    boxes: Array  # (n, 4): left, top, right, bottom of each digit, in pixels of the look
    labels: NDArray[np.uint8]  # (n,)

    @property
    def centers(self) -> Array:
        """X and y of the middle of each digit, float32 (n, 2), in pixels of the look."""
        return ((self.boxes[:, :2] + self.boxes[:, 2:]) / 2).astype(np.float32)


def draw(source: Source, rng: Generator) -> Scene:
    """Draw a scene; one whose ink nobody could see is drawn anew."""
    while not _is_visible(scene := _draw(source, rng)):
        pass
    return scene


def _draw(source: Source, rng: Generator) -> Scene:
    kind = rng.random()
    if kind < 0.1:
        digits: list[Placed] = []
    elif kind < 0.66:
        digits = _single(source, rng)
    else:
        digits = _rows(source, rng)
    return _compose(digits, rng)


def draw_digit(glyph: Glyph, rng: Generator) -> Scene:
    """Draw a scene of one digit that is given."""
    return _compose([_place(glyph, rng)], rng)


def _is_visible(scene: Scene) -> bool:
    """Tell whether ink differs from what is around it, by levels and by the variation there."""
    ink = scene.ink > 200
    around = (cv2.dilate(scene.ink, np.ones((7, 7), np.uint8)) > 0) & (scene.ink == 0)
    if not ink.any() or not around.any():
        return not len(scene.centers)
    contrast = abs(float(scene.look[ink].mean()) - float(scene.look[around].mean()))
    return contrast > max(MIN_CONTRAST, MIN_CONTRAST_SPREADS * float(scene.look[around].std()))


def draw_number(source: Source, rng: Generator) -> Scene:
    """Draw a scene of several digits."""
    return _compose(_rows(source, rng), rng)


def draw_empty(rng: Generator) -> Scene:
    """Draw a scene without digits."""
    return _compose([], rng)


# Where digits are.


def _single(source: Source, rng: Generator) -> list[Placed]:
    return [_place(source.glyph(rng), rng)]


def _place(glyph: Glyph, rng: Generator) -> Placed:
    """Place a digit on the canvas: mostly large, as in close-ups and in what people draw."""
    extent = CANVAS * (rng.uniform(0.5, 0.8) if rng.random() < 0.5 else np.exp(rng.uniform(*np.log((0.05, 0.7)))))
    height = extent / max(1.0, glyph.width)
    spread = (CANVAS - extent) / 2 * (rng.uniform(0, 0.3) if rng.random() < 0.7 else rng.uniform(0, 1))
    left, top = (CANVAS / 2 - side / 2 + rng.uniform(-1, 1) * spread for side in (glyph.width * height, height))
    return Placed(glyph, left, top, height, _pen(glyph, height, rng))


def _pen(glyph: Glyph, height: float, rng: Generator) -> float:
    """Choose the width of a pen: hairlines, pens, markers; a digit of MNIST keeps near its own."""
    if isinstance(glyph, Traced):
        own, kind = glyph.pen * height, rng.random()
        if kind < 0.25:
            return max(own * 0.5, height * 0.03)
        return max(own * (rng.uniform(1.5, 2.2) if kind < 0.4 else rng.uniform(0.6, 1.5)), 1.0)
    kind = rng.random()
    ratio = (0.008, 0.035) if kind < 0.2 else (0.035, 0.15) if kind < 0.82 else (0.15, 0.3)
    return height * float(np.exp(rng.uniform(*np.log(ratio))))


def _rows(source: Source, rng: Generator) -> list[Placed]:
    """Write digits in one or several rows, that may slope; some touch."""
    lines = 1 if rng.random() < 0.55 else int(rng.integers(2, 8))
    count = int(rng.integers(2, 13 if rng.random() < 0.3 else 7)) if lines == 1 else int(rng.integers(1, 10))
    height = min(CANVAS * rng.uniform(0.45, 0.95) / (lines * 1.25), CANVAS * rng.uniform(0.8, 1.3) / (count * 0.75))
    height = max(height, 24.0)
    gap = rng.uniform(-0.12, 0.06) if rng.random() < 0.35 else rng.uniform(0.08, 0.9 if rng.random() < 0.4 else 0.4)
    leading = height * rng.uniform(1.12, 1.9)
    tilt, hand, pen_ratio = rng.normal(0, 0.07), rng.random() < source.hands, None
    smallest = rng.uniform(0.6, 1.0)
    top = CANVAS / 2 - leading * lines / 2 + rng.uniform(-0.1, 0.1) * CANVAS
    row_source = Source(source.digits, float(hand))
    digits: list[Placed] = []
    for line in range(lines):
        left = rng.uniform(-0.1, 0.35) * CANVAS if lines > 1 else CANVAS / 2 - count * height * (0.6 + gap) / 2
        for _ in range(count):
            glyph = row_source.glyph(rng)
            tall = height * rng.uniform(smallest, 1.12)
            pen_ratio = _pen(glyph, tall, rng) / tall if pen_ratio is None else pen_ratio
            at = top + line * leading + tilt * left + (height - tall) * rng.uniform(0, 1) + rng.normal(0, 0.04) * height
            digits.append(Placed(glyph, left, at, tall, max(pen_ratio * tall, 1.0)))
            left += tall * (glyph.width + gap + rng.uniform(-0.05, 0.1) * (gap > 0.1))
    return [digit for digit in digits if _is_seen(digit.box)][:MAX_DIGITS]


def _is_seen(box: tuple[float, float, float, float]) -> bool:
    """Tell whether a part of a digit is on the canvas. One that is cut has ink, but its center may be outside."""
    return box[0] < CANVAS and box[1] < CANVAS and box[2] > 0 and box[3] > 0


# The image that they are in.


def _compose(digits: list[Placed], rng: Generator) -> Scene:
    sheet = _cut_sheet(digits, rng)
    easy = rng.random() < 0.42
    is_few = min(sheet.pixels) < 80
    for digit in digits:
        pen = max(digit.pen, sheet.pixel * rng.uniform(0.7, 1.1)) if is_few else digit.pen
        digit.glyph.draw(sheet.ink, (digit.left - sheet.left, digit.top - sheet.top), digit.height, pen)
    if not easy:
        weights = np.array(list(CLUTTER.values()))
        kinds = rng.choice(
            len(CLUTTER), rng.choice(4, p=(0.25, 0.45, 0.2, 0.1)), replace=False, p=weights / weights.sum()
        )
        for kind in kinds:
            list(CLUTTER)[kind](sheet, digits, rng)
    elif rng.random() < 0.25:  # clean forms and windows
        (draw_frames if rng.random() < 0.5 else draw_around)(sheet, digits, rng)
    if not digits and rng.random() < 0.7:
        ALONE[rng.integers(len(ALONE))](sheet, digits, rng)
    image = _develop(sheet, easy, rng)
    return _look(image, sheet, digits)


def _cut_sheet(digits: list[Placed], rng: Generator) -> Sheet:
    """Choose where the image's borders are: around the canvas, within it, or along the digit's own edges."""
    low, high = bounds(digits)
    kind = rng.random()
    if kind < 0.5:  # the whole image, with the margin around it
        margin = CANVAS * 0.12 / 1.24
        other = margin + (CANVAS / 2 - margin) * (0 if rng.random() < 0.5 else rng.uniform(0, 0.7))
        borders = [margin, other] if rng.random() < 0.5 else [other, margin]
        borders = [min(border, edge - 1) for border, edge in zip(borders, low, strict=True)]
        ends = [max(CANVAS - border, edge + 1) for border, edge in zip(borders, high, strict=True)]
    else:
        cut = kind > 0.9
        borders = [max(edge - _room(cut, rng), 0) if cut or rng.random() < 0.5 else 0 for edge in low]
        ends = [min(edge + _room(cut, rng), CANVAS) if cut or rng.random() < 0.5 else CANVAS for edge in high]
    return _sheet(borders, ends, min((digit.height for digit in digits), default=CANVAS), rng)


def _room(cut: bool, rng: Generator) -> float:
    """Choose the room between a digit and the image's border: hardly any where it is cut to the edge."""
    if cut:
        return rng.uniform(-2, 3)
    return 0.0 if rng.random() < 0.5 else rng.uniform(2, 90)


def _sheet(start: list[float], end: list[float], smallest: float, rng: Generator) -> Sheet:
    """Choose how many pixels an image has: few, as exports for MNIST have, or more than the finder sees."""
    width, height = (max(8.0, stop - begin) for begin, stop in zip(start, end, strict=True))
    kind = rng.random()
    if kind < 0.45:
        count = 28 if rng.random() < 0.5 else float(np.exp(rng.uniform(*np.log((14, 64)))))
    else:
        count = float(np.exp(rng.uniform(*np.log((64, 400)))))
    pixel = min(max(width, height) / count, smallest / rng.uniform(7, 14))
    pixels = max(4, round(height / pixel)), max(4, round(width / pixel))
    shape = max(8, round(pixels[0] * pixel)), max(8, round(pixels[1] * pixel))
    return Sheet(start[0], start[1], shape, pixels, np.zeros(shape, np.float32), np.zeros(shape, np.float32))


def _develop(sheet: Sheet, easy: bool, rng: Generator) -> Gray:
    """Make the image, uint8, of the ink on it: paper and ink of some lightness, in some light, seen by some camera."""
    low, high = _levels(easy, rng)
    ink, clutter = (_to_pixels(layer, sheet, rng) for layer in _texture(sheet, easy, rng))
    image = np.full(sheet.pixels, high, np.float32)
    image -= (high - low) * np.where(np.abs(clutter) > ink, clutter, ink)  # a table may be lighter than the paper
    if not easy:
        image = _light(image, rng)
    if rng.random() < 0.3:
        image = 255 - image
    image = _camera(image, easy, high - low, rng)
    return _resave(image, sheet, rng)


def _levels(easy: bool, rng: Generator) -> tuple[float, float]:
    """Choose the levels of ink and paper."""
    if easy:
        return (0.0, 255.0) if rng.random() < 0.6 else (rng.uniform(0, 90), rng.uniform(215, 255))
    paper = rng.uniform(80, 255)
    contrast = rng.uniform(0.08, 0.35) if rng.random() < 0.3 else rng.uniform(0.35, 1.0)
    return paper * (1 - contrast), paper


def _texture(sheet: Sheet, easy: bool, rng: Generator) -> tuple[Array, Array]:
    """Let pencil and chalk be uneven."""
    ink = sheet.ink
    if rng.random() < (0.06 if easy else 0.25):
        ink = ink * np.clip(
            rng.uniform(0.6, 0.95) + rng.uniform(0.1, 0.4) * clouds(sheet.shape, rng, rng.uniform(2, 9)), 0, 1
        )
    return ink, sheet.clutter


def _to_pixels(layer: Array, sheet: Sheet, rng: Generator) -> Array:
    """Bring a layer to the image's pixels: by their mean, or each wholly ink or none, as pixel editors draw."""
    if sheet.pixels[0] > sheet.shape[0]:
        return cv2.resize(layer, sheet.pixels[::-1], interpolation=cv2.INTER_LINEAR)
    small = cv2.resize(layer, sheet.pixels[::-1], interpolation=cv2.INTER_AREA)
    kind = rng.random()
    if kind < 0.35 and min(sheet.pixels) < 400:
        return (small > rng.uniform(0.25, 0.5)).astype(np.float32)
    if kind < 0.5:
        return np.clip(small * rng.uniform(1.2, 2.5), 0, 1)
    if kind < 0.6:
        soft = cv2.GaussianBlur(small, (0, 0), rng.uniform(0.4, 1.1))
        return np.clip(soft * rng.uniform(1, 1.5), 0, 1)
    return small


def _light(image: Array, rng: Generator) -> Array:
    shape = image.shape
    kind = rng.random()
    if kind < 0.3:
        image = image * slope(shape, rng, rng.uniform(0.35, 0.95))
    elif kind < 0.45:
        image = image * shadow(shape, rng, rng.uniform(0.4, 0.85), rng.uniform(0.003, 0.1) * shape[1] + 0.3)
    elif kind < 0.75:
        image = image * phone(shape, rng, rng.uniform(0.35, 0.8), rng.uniform(0.002, 0.03) * shape[1] + 0.2)
    elif kind < 0.8:
        image = image * _stripes(shape, rng)
    if rng.random() < 0.4:
        image = image * (1 + rng.uniform(0.01, 0.12) * clouds(shape, rng, shape[1] * np.exp(rng.uniform(-4, -0.5)) + 1))
    return image


def _stripes(shape: tuple[int, ...], rng: Generator) -> Array:
    """Cast the shadow of a blind, or of a window's frame."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32) / max(shape)
    angle = rng.uniform(0, np.pi)
    wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi * rng.uniform(0.7, 4) + rng.uniform(0, 6))
    return (1 - rng.uniform(0.15, 0.5) / (1 + np.exp(-wave * rng.uniform(2, 20)))).astype(np.float32)


def _camera(image: Array, easy: bool, contrast: float, rng: Generator) -> Array:
    many = min(image.shape) >= 64
    if rng.random() < (0.15 if easy else 0.4) and many:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 2.2) * max(image.shape) / 160)
    if rng.random() < (0.12 if easy else 0.7):
        sigma = rng.uniform(0.5, 5) if rng.random() < 0.8 else rng.uniform(5, 30 if many else 12)
        image = image + rng.normal(0, min(sigma, contrast / 4), image.shape).astype(np.float32)
    if not easy and rng.random() < 0.06:
        hit = rng.random(image.shape) < rng.uniform(0.005, 0.06)
        image = np.where(hit, 255 * rng.integers(0, 2, image.shape), image)
    return image


def _resave(image: Array, sheet: Sheet, rng: Generator) -> Gray:
    """Round to levels, compress, and enlarge as some programs do before they save."""
    levels = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    if rng.random() < 0.35:
        quality = int(rng.integers(40, 96) if rng.random() < 0.8 else rng.integers(10, 40))
        encoded = cv2.imencode(".jpg", levels, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
        levels = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.uint8)
    if max(levels.shape) < 100 and rng.random() < 0.35:
        factor = int(rng.integers(2, 1 + max(2, 300 // max(levels.shape))))
        way = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC)[rng.choice(3, p=(0.6, 0.2, 0.2))]
        levels = cv2.resize(levels, None, fx=factor, fy=factor, interpolation=way)
    return levels


def _look(image: Gray, sheet: Sheet, digits: list[Placed]) -> Scene:
    """Look at the image as the service does, and mark the digits' ink."""
    scale = image.shape[1] / sheet.shape[1]
    look = Page(image).look(Square(-sheet.left * scale, -sheet.top * scale, CANVAS * scale))
    ink, owner = np.zeros((CANVAS, CANVAS), np.float32), np.zeros((SIDE_PX // CELL_PX,) * 2, np.uint8)
    for number, digit in enumerate(digits, 1):
        layer = np.zeros_like(ink)
        digit.glyph.draw(layer, (digit.left, digit.top), digit.height, max(digit.pen, min(THINNEST, digit.height / 6)))
        np.maximum(ink, layer, out=ink)
        owner[_cells(layer)] = number
    visible = np.zeros_like(ink)
    left, top = max(round(sheet.left), 0), max(round(sheet.top), 0)
    box = slice(top, round(sheet.top + sheet.shape[0])), slice(left, round(sheet.left + sheet.shape[1]))
    visible[box] = ink[box]
    small = cv2.resize(visible, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    boxes = (np.array([digit.box for digit in digits]).reshape(-1, 4) / 2).astype(np.float32)
    labels = np.array([digit.glyph.label for digit in digits], np.uint8)
    return Scene(look, np.rint(small * 255).astype(np.uint8), owner, boxes, labels)


def _cells(layer: Array) -> NDArray[np.bool_]:
    cell = 2 * CELL_PX
    inked: NDArray[np.bool_] = layer.reshape(CANVAS // cell, cell, CANVAS // cell, cell).max(axis=(1, 3)) > 0.5
    return inked
