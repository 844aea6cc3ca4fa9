"""Opened images of any mode into gray pixels, reduced to the size that shows a digit."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.preparation.types import Gray

# Larger images are reduced by a whole factor, to at least this width and height: a digit shows no more in more pixels.
MIN_REDUCED_SIDE_PX = 512

# Contrast is measured between these quantiles of an image that is reduced to about this side, which removes noise.
CONTRAST_QUANTILES = np.array([0.002, 0.998])
CONTRAST_SIDE_PX = 128

# A partly transparent image with more contrast, in levels of 255, has a background of its own: ink alone varies less.
MIN_BACKGROUND_CONTRAST = 40


def to_lightness(image: Image.Image) -> Gray:
    """Return the lightness of an image of any mode, uint8 (height, width)."""
    if image.mode.startswith("I;16"):
        return np.asarray(_reduce(Image.fromarray(_convert_16_bits(np.asarray(image)))))
    if image.mode in ("I", "F"):
        return _convert_32_bits(np.asarray(_reduce(image)))
    if image.has_transparency_data:
        return _flatten(image)
    if image.mode == "LAB":  # CIELab, whose L is the lightness
        return np.asarray(_reduce(image.getchannel("L")))
    return np.asarray(_reduce(image if image.mode == "L" else image.convert("L")))


def to_strongest_channel(image: Image.Image) -> Gray:
    """Return the color channel of most contrast, uint8 (height, width); of a transparent image, the lightness."""
    if image.has_transparency_data:
        return _flatten(image)
    color = _reduce(image if image.mode in ("LAB", "RGB") else image.convert("RGB"))
    return np.asarray(max(color.split(), key=measure_contrast))


def measure_contrast(gray: Image.Image) -> float:
    """Return the difference between the light and the dark parts of a gray image, in levels of 255."""
    small = gray.reduce(max(1, min(gray.size) // CONTRAST_SIDE_PX))
    counts = np.cumsum(small.histogram())
    dark, light = np.searchsorted(counts, CONTRAST_QUANTILES * counts[-1])
    return float(light - dark)


def _convert_16_bits(values: NDArray[np.uint16]) -> Gray:
    """Convert 16-bit values by the full scale of their source, which may have 8 or 12 bits."""
    bits = int(values.max()).bit_length()
    return (values >> (0 if bits <= 8 else 4 if bits <= 12 else 8)).astype(np.uint8)


def _convert_32_bits(values: NDArray[np.generic]) -> Gray:
    """Convert 32-bit values, which have no full scale, by the largest of them."""
    # In place: a narrow image of 12 megapixels, which is not reduced, takes 100 MB as float64.
    finite = np.nan_to_num(values.astype(np.float64), copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    finite -= min(finite.min(), 0)
    finite *= 255 / (finite.max() or 1)
    return np.rint(finite, out=finite).astype(np.uint8)


def _reduce(image: Image.Image) -> Image.Image:
    factor = min(image.size) // MIN_REDUCED_SIDE_PX
    return image.reduce(factor) if factor > 1 else image


def _flatten(image: Image.Image) -> Gray:
    """Return the lightness of an image with transparency, on a background on which its ink shows."""
    if "A" not in image.getbands():
        image = image.convert("RGBA")
    alpha, gray = _reduce(image.getchannel("A")), _reduce(image.convert("L"))
    background = Image.new("L", gray.size, _choose_background(gray, alpha))
    return np.asarray(Image.composite(gray, background, alpha))


def _choose_background(gray: Image.Image, alpha: Image.Image) -> int:
    """Return the level that shows where an image is transparent."""
    counts = np.cumsum(gray.histogram(alpha))  # of the pixels that are not wholly transparent
    dark, median, light = np.searchsorted(counts, np.array([0.05, 0.5, 0.95]) * counts[-1])
    if counts[-1] > gray.width * gray.height / 2 and light - dark > MIN_BACKGROUND_CONTRAST:
        return int(median)  # the image has its own background, and is transparent around it
    return 0 if median > 127 else 255  # the image is ink alone: light ink shows on black
