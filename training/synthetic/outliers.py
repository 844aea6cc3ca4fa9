"""Outliers: images drawn at random that show no digit. A network learns from them to be unsure.

The function of each kind takes a random generator and a digit uint8 (28, 28), and returns uint8 (28, 28). MNIST is the
only data set in them. After Hendrycks, Mazeika and Dietterich 2019, Deep Anomaly Detection with Outlier Exposure.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from service.preparation.normalize import DIGIT_SHAPE, DIGIT_SIDE_PX
from service.preparation.types import Gray

PAGE_SIDE_PX = 84  # three times a digit's side: letters and scribbles are drawn large
BOX_SIDE_PX = 20  # the longer side of letters and scribbles, as of MNIST's digits
# Letters that look like no digit in any hand: without o, s and z, without y (a 4), h (a 6), r (a 7) and so on.
LETTERS = "ACEFHKMNPRTUVWXYadefkmnptuvwx&%#@+=*"
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)  # fmt: skip


def draw(count: int, digits: Gray, rng: Generator) -> Gray:
    """Draw images that show no digit, uint8 (count, 28, 28); some are made of pieces of `digits` uint8 (n, 28, 28)."""
    kinds = rng.choice(len(KINDS), count, p=list(KINDS.values()))
    images = [list(KINDS)[kind](rng, digits[rng.integers(len(digits))]) for kind in kinds]
    return np.array(images, np.uint8).reshape(count, *DIGIT_SHAPE)


def _draw_letter(rng: Generator, digit: Gray) -> Gray:
    page = np.zeros((PAGE_SIDE_PX, PAGE_SIDE_PX), np.uint8)
    letter, font = LETTERS[rng.integers(len(LETTERS))], FONTS[rng.integers(len(FONTS))]
    cv2.putText(page, letter, (22, 60), font, rng.uniform(1.2, 1.8), 255, int(rng.integers(2, 7)), cv2.LINE_AA)
    return _fit(page)


def _draw_scribble(rng: Generator, digit: Gray) -> Gray:
    """Draw to and fro, so often that it looks like no digit."""
    page, count = np.zeros((PAGE_SIDE_PX, PAGE_SIDE_PX), np.uint8), int(rng.integers(8, 16))
    steps = np.linspace(0, count - 1, count * 8)
    points = np.stack(
        [np.interp(steps, np.arange(count), rng.uniform(8, PAGE_SIDE_PX - 8, count)) for _ in range(2)], axis=1
    )
    if rng.random() < 0.7:
        points = cv2.blur(points, (1, 7))
    eighths = np.rint(points * 8).astype(np.int32)
    cv2.polylines(page, [eighths], rng.random() < 0.2, 255, int(rng.integers(3, 9)), cv2.LINE_AA, 3)
    return _fit(page)


def _draw_thing(rng: Generator, digit: Gray) -> Gray:
    """Draw a filled outline, which is often symmetric, with shade, texture or stripes."""
    outline = np.zeros(DIGIT_SHAPE, np.uint8)
    for _ in range(rng.integers(1, 4)):
        SHAPES[rng.integers(len(SHAPES))](outline, rng)
    if rng.random() < 0.5:
        outline = np.maximum(outline, outline[:, ::-1])
    surface = np.clip(rng.uniform(0.2, 1) + rng.uniform(0, 0.8) * (_draw_clouds(rng) - 0.5), 0, 1)
    if rng.random() < 0.15:
        surface *= (np.sin(np.arange(DIGIT_SIDE_PX) * rng.uniform(0.5, 2) + rng.uniform(0, 6)) > 0)[:, None]
    return (outline * surface).astype(np.uint8)


def _draw_ellipse(outline: Gray, rng: Generator) -> None:
    center, axes = rng.integers(8, 20, 2).tolist(), rng.integers(3, 13, 2).tolist()
    cv2.ellipse(outline, center, axes, rng.uniform(0, 180), 0, 360, 255, -1)


def _draw_polygon(outline: Gray, rng: Generator) -> None:
    count = rng.integers(3, 9)
    angles, radii = np.sort(rng.uniform(0, 2 * np.pi, count)), rng.uniform(4, 15, count)
    corners = DIGIT_SIDE_PX / 2 + np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii[:, None]
    cv2.fillPoly(outline, [np.rint(corners).astype(np.int32)], 255, cv2.LINE_AA)


def _draw_rectangle(outline: Gray, rng: Generator) -> None:
    (left, top), (width, height) = rng.integers(0, 18, 2), rng.integers(4, 24, 2)
    outline[top : top + height, left : left + width] = 255


SHAPES = (_draw_ellipse, _draw_polygon, _draw_rectangle)


def _scramble(rng: Generator, digit: Gray) -> Gray:
    """Cut a digit into sixteen squares, and shuffle them."""
    squares = digit.reshape(4, 7, 4, 7).swapaxes(1, 2).reshape(16, 7, 7)[rng.permutation(16)]
    return squares.reshape(4, 4, 7, 7).swapaxes(1, 2).reshape(DIGIT_SHAPE)


def _draw_noise(rng: Generator, digit: Gray) -> Gray:
    clouds = _draw_clouds(rng)
    if rng.random() < 0.3:
        return np.where(clouds > rng.uniform(0.3, 0.8), 255, 0).astype(np.uint8)
    visible = rng.random(DIGIT_SHAPE) < rng.uniform(0.05, 1)
    return (clouds.clip(0, 1) * rng.uniform(0.2, 1) * 255 * visible).astype(np.uint8)


def _draw_clouds(rng: Generator) -> NDArray[np.float32]:
    """Draw smooth noise of one of several sizes, float32 (28, 28) of about 0 to 1."""
    grid = rng.random((round(DIGIT_SIDE_PX / rng.choice([1, 2, 4, 7, 14])),) * 2).astype(np.float32)
    return cv2.resize(grid, DIGIT_SHAPE, interpolation=cv2.INTER_CUBIC)


def _fit(page: Gray) -> Gray:
    """Return ink resized to the size of MNIST's digits, in the middle, uint8 (28, 28)."""
    left, top, width, height = cv2.boundingRect(page)
    factor = BOX_SIDE_PX / max(width, height)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    ink = cv2.resize(page[top : top + height, left : left + width], size, interpolation=cv2.INTER_AREA)
    digit = np.zeros(DIGIT_SHAPE, np.uint8)
    row, column = (DIGIT_SIDE_PX - size[1]) // 2, (DIGIT_SIDE_PX - size[0]) // 2
    digit[row : row + size[1], column : column + size[0]] = ink
    return digit


# Each kind, and how often it is drawn.
KINDS: dict[Callable[[Generator, Gray], Gray], float] = {
    _draw_letter: 0.22, _draw_scribble: 0.22, _draw_thing: 0.34, _scramble: 0.11, _draw_noise: 0.11
}  # fmt: skip
