"""The ink of the digit in a picture: told from paper, noise, ruled lines, borders, dust and what lies around."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from service import fields, marks, paper, ruling, sheet
from service.errors import NoDigit
from service.resampling import resize
from service.strokes import Strokes

Gray = NDArray[np.uint8]
Ink = NDArray[np.float32]

# The digit is looked for in a copy of such a size: wide enough to tell its parts, and small enough to be quick.
SHORT_SIDE = (112, 192)
LONG_SIDE = 768

# Less contrast than this is none, in levels of 255 between the lightest and the darkest.
CONTRAST = 16
# Marks are as dark as this part of the darkest ink, and darker than paper by this many times its noise.
FAINT = 0.2
CLEAR = 4
# Of shade there is so many times more than of ink.
SHADED = 1.5
# A hairline is at least this part as dark as other strokes.
HAIRLINE = 0.5

# What ink is, and shade, stain and noise are not; behind each, what nearly all of 2,000 uploads keep to.
FAINTEST, SURE = 0.06, 8  # times its noise, that ink is darker than paper: pencil at 0.16, and 10 times the noise
NOISIEST = 0.04  # that pictures are: in a scene, what is measured as noise is more than that
SMALLEST = 4  # pixels of the shorter side of a picture
GRAIN = 0.25  # of the variance that is left of a small picture when neighbours are averaged; noise leaves a ninth


def find(picture: Gray) -> Ink:
    """Find the digit in a picture uint8 (height, width), and give its ink alone, cropped, float32 in [0, 1].

    Raises:
        NoDigit: the picture shows nothing written.

    """
    # Intel's Canny, in OpenCV 5.0.0, writes past its buffer where there are many edges. The switch is the thread's own.
    cv2.ipp.setUseIPP(False)
    if int(picture.max()) - int(picture.min()) < CONTRAST or min(picture.shape) < SMALLEST or _is_grain(picture):
        raise NoDigit("There is no digit in the picture: it is blank, or noise.")
    reason = NoDigit("There is no digit in the picture: nothing in it stands out from the noise.")
    for page in sheet.cut_out(_without_impulses(picture)):
        try:
            return _read(page)
        except NoDigit as error:
            reason = error
    raise reason


def _read(page: Gray) -> Ink:
    """Find the digit on a page by the likeliest way to tell ink from paper.

    If that gives strokes of several widths, something else hangs on to them: then by the next that leaves it out.
    """
    first: Strokes | None = None
    reason = NoDigit("There is no digit in the picture: nothing in it stands out from the noise.")
    for density, noise, least in _ways(page):
        try:
            strokes = _pick(density, noise, least)
        except NoDigit as error:
            reason = error
            continue
        if strokes.are_of_one_pen:
            return strokes.ink
        first = first or strokes
    if first is None:
        raise reason
    return first.ink


def _ways(page: Gray) -> Iterator[tuple[Ink, float, float]]:
    """Give the ways to tell ink from paper, the likelier first: how dark it is, the noise in that, the least of ink."""
    smooth = _smooth(_resize(page))
    dark_on_light = smooth if paper.is_light(smooth) else 255 - smooth
    for fill in paper.fills(dark_on_light):
        density, noise = paper.density(dark_on_light, fill)
        for least in _levels(density, noise):
            yield density, noise, least


def _levels(density: Ink, noise: float) -> tuple[float, ...]:
    """Give two levels to look for the digit at, the likelier first: a faint one, and one between shade and ink.

    There is none where nothing stands out from the noise.
    """
    gray = cv2.convertScaleAbs(density, alpha=255)
    faint = max(CLEAR * noise, 0.05, FAINT * paper.level(gray, 0.999) / 255)
    dark = gray > faint * 255
    if not dark.any():
        return ()
    between = cv2.threshold(gray[dark], 0, 255, cv2.THRESH_OTSU)[0] / 255  # Otsu 1979
    darker = (density > between).astype(np.uint8)
    fainter = dark & (cv2.dilate(darker, np.ones((3, 3), np.uint8)) == 0)  # without the gray of the ink's edges
    is_shaded = np.count_nonzero(fainter) > SHADED * np.count_nonzero(darker)
    return (between, faint) if is_shaded else (faint, between)


def _pick(density: Ink, noise: float, least: float) -> Strokes:
    """Pick the digit out of all that is darker than `least`."""
    dark = (density > least).astype(np.uint8)
    found = marks.measure(dark, density)
    # Frames go first: without one of its sides a frame is harder to tell.
    written = ruling.erase(marks.without_frames(dark, found))
    if written is not dark:
        found = marks.measure(written, density)
    digit = marks.choose(found)
    digit, written = fields.leave_out(digit, written, density)
    box = _box(digit)
    ink = density[box] * (cv2.dilate(digit[box], np.ones((5, 5), np.uint8)) & (written | (dark ^ 1))[box])
    level = float(np.percentile(ink[digit[box] > 0], 80))
    if level < FAINTEST + SURE * min(noise, NOISIEST):
        raise NoDigit("There is no digit in the picture: nothing in it stands out from the noise.")
    # Ink of full strength becomes 1, and paper 0, steep between: a blurred stroke ends where it is half as dark. A
    # hairline is never as dark as the rest, and has a full strength of its own.
    full = np.clip(cv2.dilate(ink, np.ones((7, 7), np.uint8)), HAIRLINE * level, level)
    sharp = np.clip((ink / full - 0.5) * 2.5 + 0.5, 0, 1)
    strokes = Strokes(sharp, density[box] / level)
    if not strokes.are_written:
        raise NoDigit("There is no digit in the picture: it has light and shade, but no strokes.")
    return strokes


def _is_grain(picture: Gray) -> bool:
    """Tell whether a small picture is noise; in a larger one noise is smoothed away."""
    if min(picture.shape) >= SHORT_SIDE[0]:
        return False
    left = cv2.blur(picture, (3, 3)).var() / picture.var()
    return float(left) < GRAIN


def _box(mask: Gray) -> tuple[slice, slice]:
    left, top, width, height = cv2.boundingRect(mask)
    return slice(max(top - 3, 0), top + height + 3), slice(max(left - 3, 0), left + width + 3)


def _without_impulses(picture: Gray) -> Gray:
    """Take single light and dark pixels out, where there are many of both: the median would thin fine strokes."""
    height, width = picture.shape
    middle = picture[height // 4 : -(height // 4) or None, width // 4 : -(width // 4) or None]
    median = cv2.medianBlur(middle, 3)
    darker = np.count_nonzero(cv2.subtract(median, middle) > 50)
    lighter = np.count_nonzero(cv2.subtract(middle, median) > 50)
    return cv2.medianBlur(picture, 3) if min(darker, lighter) > 0.003 * middle.size else picture


def _resize(picture: Gray) -> Gray:
    short, long = min(picture.shape), max(picture.shape)
    factor = min(max(SHORT_SIDE[0] / short, min(1, SHORT_SIDE[1] / short)), LONG_SIDE / long)
    return resize(picture, factor)


def _smooth(picture: Gray) -> Gray:
    noise = _noise(picture)
    return cv2.GaussianBlur(picture, (0, 0), 0.8 if noise < 5 else 1.4 if noise < 12 else 2.0)


def _noise(picture: Gray) -> float:
    """Estimate the standard deviation of a picture's noise, in levels (Immerkaer 1996, with a median for the mean)."""
    second = np.array([1, -2, 1], np.float32)
    differences = cv2.convertScaleAbs(cv2.sepFilter2D(picture, cv2.CV_16S, second, second))[::2, ::2]
    return float(paper.level(differences, 0.5)) / 0.6745 / 6
