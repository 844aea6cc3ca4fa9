"""The paper under the ink: which of the two is lighter, and how dark the ink is on it under any light."""

import cv2
import numpy as np
from numpy.typing import NDArray

from service.resampling import resize

Gray = NDArray[np.uint8]
Density = NDArray[np.float32]

# Of a picture of this side, strokes of every pen are narrower than the largest of these, most than the smallest.
POLARITY_SIDE = 64
POLARITY_WIDTHS = (3, 7, 11, 21)

# Darker paper than this is taken for such, so that noise in black corners does not become ink.
DARKEST = 60

# Where the light is uneven, paper under what is narrower than such a part of the picture's shorter side is filled up:
# under strokes of any pen, of most, or of fine ones. The less is filled, the more of a shadow is left as paper.
WIDE, NARROW, FINE = 0.28, 0.14, 0.07
# What they leave is shadow if it is nowhere as dark as this part of the ink: else it is of a broader pen. Below the
# last there is none to speak of.
SHADOW, FINE_SHADOW, NO_SHADOW = 0.75, 0.65, 0.3

# How much of the variance two levels explain where a picture has just ink and evenly lit paper.
TWO_LEVELS = 0.92

_CUBES = np.arange(256.0) ** 3


def is_light(picture: Gray) -> bool:
    """Tell whether a picture, uint8 (height, width), has dark ink on lighter paper, and not the reverse.

    Ink is where it is narrow. At each of several widths, what is narrower and dark (the black top-hat) is weighed
    against what is narrower and light (the white one); the narrower, the more it counts, since the insides of a
    digit's loops are narrow as well, but wider than its strokes.
    """
    small = resize(picture, min(1, POLARITY_SIDE / min(picture.shape)))
    room = max(POLARITY_WIDTHS) // 2  # paper goes on beyond the picture, or the rest beside a digit were narrow
    small = cv2.copyMakeBorder(small, room, room, room, room, cv2.BORDER_REPLICATE)
    balance = 0.0
    for width in POLARITY_WIDTHS:
        square = np.ones((width, width), np.uint8)
        dark = cv2.morphologyEx(small, cv2.MORPH_BLACKHAT, square)
        light = cv2.morphologyEx(small, cv2.MORPH_TOPHAT, square)
        balance += (_strength(dark) - _strength(light)) / width**1.75
    return balance >= 0


def _strength(hat: Gray) -> float:
    """Sum a top-hat up, contrast far before area, without what noise gives it everywhere."""
    levels = _levels(hat)
    noise = min(2 * _reached(levels, 0.5), 255)
    return float(levels[noise:] @ _CUBES[: 256 - noise])


def fills(picture: Gray) -> tuple[float | None, ...]:
    """Give the parts of a picture's shorter side to fill up paper under, the likelier first; None is for even light.

    The picture, uint8 (height, width), has dark ink on light paper.
    """
    half = cv2.blur(_half(picture), (3, 3))
    light = np.maximum(_close(half, WIDE), np.float32(DARKEST))
    left = half, _close(half, NARROW), _close(half, FINE)
    ink, not_narrow, not_fine = (1 - float((dark / light).min()) for dark in left)
    if NO_SHADOW * ink < not_fine < FINE_SHADOW * ink:
        return (FINE,)
    fill = NARROW if not_narrow < SHADOW * ink else WIDE
    # Where a picture has two levels, they may be those of ink and evenly lit paper (Otsu 1979).
    return (None, fill) if _explained(*_split(picture)) > TWO_LEVELS else (fill,)


def density(picture: Gray, fill: float | None) -> tuple[Density, float]:
    """Measure how much of the paper's light the ink takes, float32 (height, width) in [0, 1], and the noise in it.

    The picture, uint8 (height, width), has dark ink on light paper. `fill` is one that `fills` gives.
    """
    paper = _uneven_paper(picture, fill) if fill else _even_paper(picture)
    taken = (paper - picture) / np.maximum(paper, DARKEST)
    # Of the lower fifth, as far as ink leaves it alone, the spread is the noise's, and its upper end near the mean.
    sample = taken[::3, ::3]
    ends = sample.size * 2 // 100, sample.size * 20 // 100
    low, fifth = np.partition(sample, ends, axis=None)[[*ends]]
    noise = float(fifth - low) / 1.2
    return np.maximum(taken - np.float32(fifth + noise), 0), noise


def _even_paper(picture: Gray) -> Density:
    """Estimate the light of paper that is lit evenly, float32 (height, width): that of most of the lighter pixels."""
    _, _, light = _split(picture)
    return np.full(picture.shape, _reached(light, 0.5), np.float32)


def _uneven_paper(picture: Gray, fill: float) -> Density:
    """Estimate the light that paper gives everywhere, under the ink too, float32 (height, width).

    Closing fills what is narrower than its square, and leaves the edges of shadows, tables and sheets.
    """
    light = cv2.blur(_close(_half(picture), fill), (5, 5)).astype(np.float32)
    return cv2.resize(light, picture.shape[::-1])


def _half(picture: Gray) -> Gray:
    return cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def _close(picture: Gray, fill: float) -> Gray:
    """Fill up what is dark and narrower than a square of such a part of the picture's shorter side."""
    width = max(3, int(fill * min(picture.shape)) | 1)
    room = width // 2  # paper goes on beyond the picture
    wide = cv2.copyMakeBorder(picture, room, room, room, room, cv2.BORDER_REPLICATE)
    return cv2.morphologyEx(wide, cv2.MORPH_CLOSE, np.ones((width, width), np.uint8))[room:-room, room:-room]


def _split(picture: Gray) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Count the pixels of each level, (256,): of all, of the darker ones and of the lighter ones."""
    threshold, _ = cv2.threshold(picture, 0, 255, cv2.THRESH_OTSU)
    levels, values = _levels(picture), np.arange(256)
    return levels, levels * (values <= threshold), levels * (values > threshold)


def level(picture: Gray, part: float) -> int:
    """Give the level that such a part of a picture's pixels is not above."""
    return _reached(_levels(picture), part)


def _reached(levels: NDArray[np.float64], part: float) -> int:
    """Give the level up to which such a part of the counts (256,) lies."""
    return int(np.searchsorted(np.cumsum(levels), levels.sum() * part))


def _levels(picture: Gray) -> NDArray[np.float64]:
    """Count the pixels of each level, (256,)."""
    return cv2.calcHist([picture], [0], None, [256], [0, 256]).ravel().astype(np.float64)


def _explained(levels: NDArray[np.float64], *classes: NDArray[np.float64]) -> float:
    """Give the part of the variance that lies between classes of levels, of 256 counts each."""
    values = np.arange(256.0)
    mean = levels @ values / levels.sum()
    whole = levels @ (values - mean) ** 2
    between = sum(part.sum() * (part @ values / max(part.sum(), 1) - mean) ** 2 for part in classes)
    return float(between) / max(float(whole), 1)
