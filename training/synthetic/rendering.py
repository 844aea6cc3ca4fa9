"""Ink, pages, light and cameras, of which images of digits are made.

Ink and light are float32 (height, width), the part of each pixel that is covered or lit, in [0, 1]. Pages are float32
(height, width, 3), in levels of 0 to 255.
"""

import io
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike
from PIL import Image

from service.preparation.types import Floats, Gray

Color = tuple[float, float, float]
Shape = tuple[int, int]  # height, width
Range = tuple[float, float]  # the least and the most that a number may be

BLACK: Color = (15, 15, 20)
BLUE: Color = (35, 50, 140)
WHITE: Color = (255, 255, 255)
CHALK: Color = (225, 225, 215)
OUTLINE_SCALE = 8  # times MNIST's resolution, at which outlines of digits are smoothed
MIN_STROKE_WIDTH = 0.8  # of MNIST's pixels: thinner strokes fall apart
# How a camera stores its pixels for each EXIF orientation: the opposite of what a reader must do.
EXIF_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def choose_shape(rng: Generator, heights: tuple[int, int], widths: tuple[int, int]) -> Shape:
    """Return a height and a width, in pixels; each is chosen from a range, whose end it never is."""
    return int(rng.integers(*heights)), int(rng.integers(*widths))


def trace_digit(digit: Gray, height: float, pen: float = 0.0) -> Floats:
    """Draw a digit as sharp strokes, `height` pixels tall; `pen` widens (or narrows) them, in MNIST's pixels."""
    rows, columns = np.nonzero(digit > 64)
    crop = digit[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    zoom = max(height / crop.shape[0], 1e-3)
    stroke = _widen(_measure_depth(crop), pen)
    sampling = cv2.INTER_AREA if zoom < OUTLINE_SCALE else cv2.INTER_LINEAR
    factor = zoom / OUTLINE_SCALE
    return _trim(cv2.resize(stroke, None, fx=factor, fy=factor, interpolation=sampling))


def _measure_depth(crop: Gray) -> Floats:
    """Return how far each place is inside the outline of a digit, in pixels of `OUTLINE_SCALE` times the resolution."""
    padded = cv2.copyMakeBorder(crop, 3, 3, 3, 3, cv2.BORDER_CONSTANT).astype(np.float32) / 255
    large = cv2.resize(padded, None, fx=OUTLINE_SCALE, fy=OUTLINE_SCALE, interpolation=cv2.INTER_CUBIC)
    inside = (cv2.GaussianBlur(large, (0, 0), OUTLINE_SCALE / 3) > 0.5).astype(np.uint8)
    return cv2.distanceTransform(inside, cv2.DIST_L2, 5) - cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)


def _widen(depth: Floats, pen: float) -> Floats:
    """Return the ink of strokes that are `pen` of MNIST's pixels wider."""
    width = 2 * np.percentile(depth[depth > 0], 90) / OUTLINE_SCALE
    growth = max(pen, float(MIN_STROKE_WIDTH - width)) / 2
    stroke = np.clip(depth / OUTLINE_SCALE + growth + 0.5 / OUTLINE_SCALE, 0, 1 / OUTLINE_SCALE) * OUTLINE_SCALE
    return stroke.astype(np.float32)


def _trim(ink: Floats) -> Floats:
    rows, columns = np.nonzero(ink > 0.2)
    return ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def stamp(layer: Floats, patch: Floats, left: int, top: int) -> None:
    """Draw the part of a patch that lies within a layer on it; the darker ink of both stays."""
    rows = slice(max(top, 0), max(min(top + patch.shape[0], layer.shape[0]), 0))
    columns = slice(max(left, 0), max(min(left + patch.shape[1], layer.shape[1]), 0))
    if rows.start < rows.stop and columns.start < columns.stop:
        part = patch[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        np.maximum(layer[rows, columns], part, out=layer[rows, columns])


def place_ink(ink: Floats, shape: Shape, rng: Generator, spread: float) -> Floats:
    """Return a page of ink, with ink at a random place: its middle for a `spread` of 0, anywhere for 1."""
    page = np.zeros(shape, np.float32)
    ink = ink[: shape[0], : shape[1]]
    room = np.array(shape) - ink.shape
    top, left = (room * (0.5 + spread * rng.uniform(-0.5, 0.5, 2))).astype(int)
    stamp(page, ink, left, top)
    return page


def write_digit(
    digit: Gray,
    rng: Generator,
    shape: Shape,
    heights: Range = (0.3, 0.7),
    pens: Range = (-0.6, 0.6),
    spread: float = 0.8,
) -> Floats:
    """Return a page of ink with a digit on it.

    Args:
        digit: uint8 (28, 28).
        rng: of all that is random.
        shape: the page's.
        heights: of the digit, in parts of the page's height.
        pens: how much wider than MNIST's strokes are, in its pixels.
        spread: 0 for the page's middle, 1 for any place.

    """
    ink = trace_digit(digit, rng.uniform(*heights) * shape[0], rng.uniform(*pens))
    if ink.shape[1] > shape[1]:
        ink = cv2.resize(ink, (shape[1], ink.shape[0] * shape[1] // ink.shape[1]), interpolation=cv2.INTER_AREA)
    return place_ink(ink, shape, rng, spread)


def draw_lines(
    shape: Shape, rng: Generator, gap: float, vertical: bool = False, width: float = 1.5, max_tilt_deg: float = 1.5
) -> Floats:
    """Return a page of ink with parallel lines, `gap` pixels apart."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    slope = np.tan(np.radians(rng.uniform(-max_tilt_deg, max_tilt_deg)))
    across = (x + slope * y) if vertical else (y + slope * x)
    distance = np.abs((across + rng.uniform(0, gap)) % gap - gap / 2)
    return np.clip(width / 2 - distance + 0.5, 0, 1).astype(np.float32)


def draw_ruled_lines(shape: Shape, rng: Generator, gap: float, width: float, is_squared: bool) -> Floats:
    """Return a page of ink with the lines of ruled paper or of squared paper, `gap` pixels apart."""
    lines = draw_lines(shape, rng, gap, width=width)
    return np.maximum(lines, draw_lines(shape, rng, gap, vertical=True, width=width)) if is_squared else lines


def draw_box(shape: Shape, rng: Generator, width: int) -> Floats:
    """Return a page of ink with the border of a form's field around its middle."""
    top, left = int(shape[0] * rng.uniform(0.03, 0.1)), int(shape[1] * rng.uniform(0.03, 0.1))
    corners = (left, top), (shape[1] - left, shape[0] - top)
    return cv2.rectangle(np.zeros(shape, np.float32), *corners, 1.0, width, cv2.LINE_AA)


def fill_page(shape: Shape, color: Color) -> Floats:
    """Return a page of one color."""
    return np.full((*shape, 3), color, np.float32)


def lay_ink(page: Floats, ink: Floats, color: Color, strength: float = 1.0) -> Floats:
    """Return a page with ink of a color on it."""
    covered = (ink * strength)[..., None]
    return page * (1 - covered) + np.array(color, np.float32) * covered


def draw_page(ink: Floats, page_color: Color, ink_color: Color) -> Floats:
    """Return a page of one color, with ink of another on it."""
    return lay_ink(fill_page(ink.shape, page_color), ink, ink_color)


def draw_clouds(shape: Shape, rng: Generator, size: float) -> Floats:
    """Return smooth noise float32 (height, width), about `size` pixels wide, in -1 to 1."""
    small = rng.uniform(-1, 1, [max(2, int(side / size) + 2) for side in shape]).astype(np.float32)
    return cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC)


def draw_paper(shape: Shape, rng: Generator) -> Floats:
    """Return a page of white paper, which is a little uneven."""
    return fill_page(shape, (235, 232, 222)) * (1 + 0.02 * draw_clouds(shape, rng, 6))[..., None]


def draw_board(shape: Shape, color: Color, rng: Generator) -> tuple[Floats, Floats]:
    """Return a board of a color, and the part of chalk that stays on it, float32 (height, width)."""
    shade = 1 + 0.15 * draw_clouds(shape, rng, 90) + 0.08 * draw_clouds(shape, rng, 10)
    dust = np.clip(0.75 + 0.35 * draw_clouds(shape, rng, 2.5), 0, 1)
    return fill_page(shape, color) * shade[..., None], dust


def draw_sheet(shape: Shape, corners: ArrayLike) -> Floats:
    """Return the part of each pixel that a sheet with four corners covers."""
    points = np.rint(corners).astype(np.int32)
    return cv2.fillConvexPoly(np.zeros(shape, np.float32), points, 1.0, cv2.LINE_AA)


def light_from_side(shape: Shape, rng: Generator, low: float) -> Floats:
    """Return light that falls from one side: 1 there, `low` at the other side."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    along = x / shape[1] * np.cos(angle) + y / shape[0] * np.sin(angle)
    span = (along - along.min()) / (along.max() - along.min())
    return low + (1 - low) * span


def cast_shadow(shape: Shape, rng: Generator, depth: float, soft: float) -> Floats:
    """Return the light around a shadow with a straight edge: `depth` within, 1 outside, `soft` pixels between."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    middle_x, middle_y = rng.uniform(0.25, 0.75, 2) * shape[::-1]
    distance = (x - middle_x) * np.cos(angle) + (y - middle_y) * np.sin(angle)
    return depth + (1 - depth) / (1 + np.exp(np.clip(-distance / soft, -30, 30)))


def cast_phone_shadow(shape: Shape, rng: Generator, depth: float, soft: float) -> Floats:
    """Return the light around the shadow of a phone: `depth` within, 1 outside, `soft` pixels between."""
    middle = rng.uniform(0.25, 0.75, 2) * shape[::-1]
    sides = rng.uniform((0.3, 0.6), (0.5, 1.0)) * min(shape)
    outline = cv2.boxPoints((middle.tolist(), sides.tolist(), rng.uniform(-40, 40)))
    covered = cv2.fillPoly(np.zeros(shape, np.float32), [np.rint(outline).astype(np.int32)], 1.0)
    return 1 - (1 - depth) * cv2.GaussianBlur(covered, (0, 0), soft)


def add_grain(page: Floats, rng: Generator, sigma: float) -> Floats:
    """Return a page with a sensor's noise, whose standard deviation is `sigma` levels."""
    return page + rng.normal(0, sigma, page.shape).astype(np.float32)


def defocus(page: Floats, sigma: float) -> Floats:
    """Return a page out of focus, blurred by `sigma` pixels."""
    return cv2.GaussianBlur(page, (0, 0), sigma)


def take_photo(page: Floats, rng: Generator) -> bytes:
    """Return a photo of a page, more or less in focus, with more or less noise."""
    page = add_grain(defocus(page, rng.uniform(0.6, 1.5)), rng, rng.uniform(2, 7))
    return encode_image(page, "JPEG", quality=int(rng.integers(60, 92)))


def take_clear_photo(page: Floats, rng: Generator) -> bytes:
    """Return a photo of a page, in focus and with little noise."""
    return encode_image(add_grain(defocus(page, 0.8), rng, 4), "JPEG", quality=80)


def encode_image(
    page: Floats | Gray,
    file_format: str = "PNG",
    mode: str = "RGB",
    turn: Image.Transpose | None = None,
    **options: Any,
) -> bytes:
    """Return an image file of a page or of gray pixels."""
    image = Image.fromarray(np.clip(np.rint(page), 0, 255).astype(np.uint8)).convert(mode)
    image = image if turn is None else image.transpose(turn)
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()
