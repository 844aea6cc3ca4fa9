"""Pages that a digit is written on, the light they lie in and the camera that takes them.

Ink and light are float32 (height, width), the part of each pixel that is covered or lit, in [0, 1]; pages are float32
(height, width, 3), in levels of 0 to 255.
"""

import io
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.float32]
Color = tuple[float, float, float]

BLACK: Color = (15, 15, 20)
BLUE: Color = (35, 50, 140)
WHITE: Color = (255, 255, 255)


def trace(digit: NDArray[np.uint8], height: float, pen: float = 0.0) -> Array:
    """Draw a digit as sharp strokes, `height` pixels tall; `pen` widens (or narrows) them, in MNIST's pixels."""
    rows, columns = np.nonzero(digit > 64)
    crop = digit[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    zoom = max(height / crop.shape[0], 1e-3)
    fine = 8  # drawn at least so many times MNIST's resolution, then brought to size
    padded = cv2.copyMakeBorder(crop, 3, 3, 3, 3, cv2.BORDER_CONSTANT).astype(np.float32) / 255
    large = cv2.resize(padded, None, fx=fine, fy=fine, interpolation=cv2.INTER_CUBIC)
    inside = (cv2.GaussianBlur(large, (0, 0), fine / 3) > 0.5).astype(np.uint8)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5) - cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    width = 2 * np.percentile(distance[inside > 0], 90) / fine
    grow = max(pen, 0.8 - width) / 2  # never narrower than a line that holds together
    stroke = np.clip(distance / fine + grow + 0.5 / fine, 0, 1 / fine) * fine
    sampling = cv2.INTER_AREA if zoom < fine else cv2.INTER_LINEAR
    return _trim(cv2.resize(stroke.astype(np.float32), None, fx=zoom / fine, fy=zoom / fine, interpolation=sampling))


def _trim(ink: Array) -> Array:
    rows, columns = np.nonzero(ink > 0.2)
    return ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def place(ink: Array, shape: tuple[int, int], rng: np.random.Generator, spread: float = 1.0) -> Array:
    """Lay ink somewhere on a page; `spread` 0 is its middle, 1 anywhere, as much as fits."""
    page = np.zeros(shape, np.float32)
    ink = ink[: shape[0], : shape[1]]
    room = np.array(shape) - ink.shape
    top, left = (room * (0.5 + spread * rng.uniform(-0.5, 0.5, 2))).astype(int)
    page[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return page


def write(
    digit: NDArray[np.uint8],
    rng: np.random.Generator,
    shape: tuple[int, int],
    tall: tuple[float, float] = (0.3, 0.7),
    pen: tuple[float, float] = (-0.6, 0.6),
    spread: float = 0.8,
) -> Array:
    """Write a digit on a page of `shape`, between `tall` parts of its height tall."""
    ink = trace(digit, rng.uniform(*tall) * shape[0], rng.uniform(*pen))
    if ink.shape[1] > shape[1]:
        ink = cv2.resize(ink, (shape[1], ink.shape[0] * shape[1] // ink.shape[1]), interpolation=cv2.INTER_AREA)
    return place(ink, shape, rng, spread)


def lines(shape: tuple[int, int], rng: np.random.Generator, gap: float, vertical: bool = False, width: float = 1.5,
          tilt: float = 1.5) -> Array:  # fmt: skip
    """Rule parallel lines, `gap` pixels apart, tilted by up to `tilt` degrees."""
    height, width_ = shape
    y, x = np.mgrid[:height, :width_].astype(np.float32)
    along = np.tan(np.radians(rng.uniform(-tilt, tilt)))
    across = (x + along * y) if vertical else (y + along * x)
    away = np.abs((across + rng.uniform(0, gap)) % gap - gap / 2)
    return np.clip(width / 2 - away + 0.5, 0, 1).astype(np.float32)


def box(shape: tuple[int, int], rng: np.random.Generator, width: int) -> Array:
    """Draw the border of a form's field around the page's middle."""
    page = np.zeros(shape, np.float32)
    height, width_ = shape
    top, left = int(height * rng.uniform(0.03, 0.1)), int(width_ * rng.uniform(0.03, 0.1))
    cv2.rectangle(page, (left, top), (width_ - left, height - top), 1.0, width, cv2.LINE_AA)
    return page


def paper(shape: tuple[int, int], color: Color) -> Array:
    """Cut a page of one color."""
    return np.full((*shape, 3), color, np.float32)


def lay(page: Array, ink: Array, color: Color, strength: float = 1.0) -> Array:
    """Lay ink onto a page."""
    covered = (ink * strength)[..., None]
    return page * (1 - covered) + np.array(color, np.float32) * covered


def clouds(shape: tuple[int, int], rng: np.random.Generator, size: float) -> Array:
    """Make smooth random variation, about `size` pixels wide, in -1 to 1."""
    small = rng.uniform(-1, 1, [max(2, int(side / size) + 2) for side in shape]).astype(np.float32)
    return cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC)


def slope(shape: tuple[int, int], rng: np.random.Generator, low: float) -> Array:
    """Light a page from one side: 1 there, `low` at the other."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    along = x / shape[1] * np.cos(angle) + y / shape[0] * np.sin(angle)
    span = (along - along.min()) / (along.max() - along.min())
    return low + (1 - low) * span


def shadow(shape: tuple[int, int], rng: np.random.Generator, depth: float, soft: float) -> Array:
    """Cast a shadow with a straight edge across a page: 1 outside, `depth` within, `soft` pixels between."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    middle_x, middle_y = rng.uniform(0.25, 0.75, 2) * shape[::-1]
    distance = (x - middle_x) * np.cos(angle) + (y - middle_y) * np.sin(angle)
    return depth + (1 - depth) / (1 + np.exp(np.clip(-distance / soft, -30, 30)))


def phone(shape: tuple[int, int], rng: np.random.Generator, depth: float, soft: float) -> Array:
    """Cast the shadow of a phone that is held over a page: 1 outside, `depth` within, `soft` pixels between."""
    middle = rng.uniform(0.25, 0.75, 2) * shape[::-1]
    sides = rng.uniform((0.3, 0.6), (0.5, 1.0)) * min(shape)
    outline = cv2.boxPoints((middle.tolist(), sides.tolist(), rng.uniform(-40, 40)))
    covered = cv2.fillPoly(np.zeros(shape, np.float32), [np.rint(outline).astype(np.int32)], 1.0)
    return 1 - (1 - depth) * cv2.GaussianBlur(covered, (0, 0), soft)


def grain(page: Array, rng: np.random.Generator, sigma: float) -> Array:
    """Add a sensor's noise."""
    return page + rng.normal(0, sigma, page.shape).astype(np.float32)


def defocus(page: Array, sigma: float) -> Array:
    """Blur a page."""
    return cv2.GaussianBlur(page, (0, 0), sigma)


def save(
    page: Array | NDArray[np.uint8],
    kind: str = "PNG",
    mode: str = "RGB",
    turn: Image.Transpose | None = None,
    **options: Any,
) -> bytes:
    """Make a picture file."""
    image = Image.fromarray(np.clip(np.rint(page), 0, 255).astype(np.uint8)).convert(mode)
    image = image if turn is None else image.transpose(turn)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
