"""Pictures that are no digits, drawn by chance: what a network learns to be unsure of.

Each kind takes a random generator and a digit uint8 (28, 28), and gives uint8 (28, 28). No picture of any data set but
MNIST is in them. After Hendrycks, Mazeika and Dietterich 2019, Deep Anomaly Detection with Outlier Exposure.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from service.preparation.normalize import SIDE

Gray = NDArray[np.uint8]

PAGE = 84  # pixels, three times a digit's side: letters and scribbles are drawn large
BOX = 20  # pixels, the longer side of what is written, as of MNIST's digits
# Those that no digit looks like, in any hand: not o, s, z, nor y (a 4), h (a 6), r (a 7) and their like.
LETTERS = "ACEFHKMNPRTUVWXYadefkmnptuvwx&%#@+=*"
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)  # fmt: skip


def draw(count: int, digits: Gray, rng: Generator) -> Gray:
    """Draw pictures that are no digits, uint8 (count, 28, 28); some are cut of digits uint8 (n, 28, 28)."""
    kinds = rng.choice(len(KINDS), count, p=list(KINDS.values()))
    pictures = [list(KINDS)[kind](rng, digits[rng.integers(len(digits))]) for kind in kinds]
    return np.array(pictures, np.uint8).reshape(count, SIDE, SIDE)


def _letter(rng: Generator, digit: Gray) -> Gray:
    page = np.zeros((PAGE, PAGE), np.uint8)
    letter, font = LETTERS[rng.integers(len(LETTERS))], FONTS[rng.integers(len(FONTS))]
    cv2.putText(page, letter, (22, 60), font, rng.uniform(1.2, 1.8), 255, int(rng.integers(2, 7)), cv2.LINE_AA)
    return _fit(page)


def _scribble(rng: Generator, digit: Gray) -> Gray:
    """Draw to and fro often enough that no digit comes of it."""
    page, count = np.zeros((PAGE, PAGE), np.uint8), int(rng.integers(8, 16))
    steps = np.linspace(0, count - 1, count * 8)
    points = np.stack([np.interp(steps, np.arange(count), rng.uniform(8, PAGE - 8, count)) for _ in range(2)], axis=1)
    if rng.random() < 0.7:
        points = cv2.blur(points, (1, 7))
    eighths = np.rint(points * 8).astype(np.int32)
    cv2.polylines(page, [eighths], rng.random() < 0.2, 255, int(rng.integers(3, 9)), cv2.LINE_AA, 3)
    return _fit(page)


def _thing(rng: Generator, digit: Gray) -> Gray:
    """Draw a thing that fills its outline, often as symmetric as things are, with shade, texture or stripes."""
    outline = np.zeros((SIDE, SIDE), np.uint8)
    for _ in range(rng.integers(1, 4)):
        PARTS[rng.integers(len(PARTS))](outline, rng)
    if rng.random() < 0.5:
        outline = np.maximum(outline, outline[:, ::-1])
    surface = np.clip(rng.uniform(0.2, 1) + rng.uniform(0, 0.8) * (_clouds(rng) - 0.5), 0, 1)
    if rng.random() < 0.15:
        surface *= (np.sin(np.arange(SIDE) * rng.uniform(0.5, 2) + rng.uniform(0, 6)) > 0)[:, None]
    return (outline * surface).astype(np.uint8)


def _ellipse(outline: Gray, rng: Generator) -> None:
    middle, axes = rng.integers(8, 20, 2).tolist(), rng.integers(3, 13, 2).tolist()
    cv2.ellipse(outline, middle, axes, rng.uniform(0, 180), 0, 360, 255, -1)


def _polygon(outline: Gray, rng: Generator) -> None:
    count = rng.integers(3, 9)
    angles, radii = np.sort(rng.uniform(0, 2 * np.pi, count)), rng.uniform(4, 15, count)
    corners = SIDE / 2 + np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii[:, None]
    cv2.fillPoly(outline, [np.rint(corners).astype(np.int32)], 255, cv2.LINE_AA)


def _rectangle(outline: Gray, rng: Generator) -> None:
    (left, top), (width, height) = rng.integers(0, 18, 2), rng.integers(4, 24, 2)
    outline[top : top + height, left : left + width] = 255


PARTS = (_ellipse, _polygon, _rectangle)


def _scrambled(rng: Generator, digit: Gray) -> Gray:
    """Cut a digit into sixteen squares and lay them in any order."""
    squares = digit.reshape(4, 7, 4, 7).swapaxes(1, 2).reshape(16, 7, 7)[rng.permutation(16)]
    return squares.reshape(4, 4, 7, 7).swapaxes(1, 2).reshape(SIDE, SIDE)


def _noise(rng: Generator, digit: Gray) -> Gray:
    clouds = _clouds(rng)
    if rng.random() < 0.3:
        return np.where(clouds > rng.uniform(0.3, 0.8), 255, 0).astype(np.uint8)
    kept = rng.random((SIDE, SIDE)) < rng.uniform(0.05, 1)
    return (clouds.clip(0, 1) * rng.uniform(0.2, 1) * 255 * kept).astype(np.uint8)


def _clouds(rng: Generator) -> NDArray[np.float32]:
    """Draw smooth noise of about 0 to 1, of one of several sizes, float32 (28, 28)."""
    grid = rng.random((round(SIDE / rng.choice([1, 2, 4, 7, 14])),) * 2).astype(np.float32)
    return cv2.resize(grid, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def _fit(page: Gray) -> Gray:
    """Fit what is written into MNIST's box."""
    left, top, width, height = cv2.boundingRect(page)
    factor = BOX / max(width, height)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    ink = cv2.resize(page[top : top + height, left : left + width], size, interpolation=cv2.INTER_AREA)
    digit, (row, column) = np.zeros((SIDE, SIDE), np.uint8), ((SIDE - size[1]) // 2, (SIDE - size[0]) // 2)
    digit[row : row + size[1], column : column + size[0]] = ink
    return digit


KINDS: dict[Callable[[Generator, Gray], Gray], float] = {
    _letter: 0.22, _scribble: 0.22, _thing: 0.34, _scrambled: 0.11, _noise: 0.11
}  # fmt: skip
