"""Pictures to show: the ink that was found, what the model saw and what mattered in it, as PNG files in data: URLs."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.inference.occlusion import STRIDE
from service.preparation.finder import Found

SIZE = 280

# Orange, blue and bluish green are told apart with every kind of color vision (Okabe and Ito 2008).
ORANGE, BLUE, GREEN = (255, 130, 20), (50, 140, 255), (0, 175, 120)
HELPED, HINDERED = np.array(ORANGE, np.float32), np.array(BLUE, np.float32)
INK = GREEN  # stands out on light and dark paper, and over light and dark ink
STRENGTH = 0.85  # of color, so that what is below shows


def overlay(digit: NDArray[np.uint8], importance: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Lay what mattered, float32 (28, 28), in colour over a digit uint8 (28, 28): RGB uint8 (280, 280, 3).

    Orange is positive and blue negative, the stronger the nearer to the largest absolute value.
    """
    # Patches move by STRIDE, so the importance has one value for each square of that side.
    squares = Image.fromarray(importance / (np.abs(importance).max() or 1)).reduce(STRIDE)
    share = _enlarge(squares, Image.Resampling.BILINEAR)
    # The digit is dimmed, so that colour stands out on it; the root lets small shares show beside the largest.
    gray = 0.6 * _enlarge(Image.fromarray(digit), Image.Resampling.NEAREST)
    colour, strength = np.where(share > 0, HELPED, HINDERED), np.sqrt(np.abs(share)) * STRENGTH
    blended: NDArray[np.uint8] = np.rint(gray + (colour - gray) * strength).astype(np.uint8)
    return blended


def tint(image: NDArray[np.uint8], found: Found) -> NDArray[np.uint8]:
    """Lay the ink that was found in color over an image uint8 (height, width): RGB uint8 (height, width, 3).

    A larger image is reduced to a longer side of 280 pixels, and a smaller one enlarged by the whole factor that fits.
    """
    shown = _fit(Image.fromarray(image))
    left, top, width, height = np.array(found.box) * shown.width / image.shape[1]
    size = max(1, round(width)), max(1, round(height))
    share = Image.fromarray(np.rint(found.ink * (255 * STRENGTH)).astype(np.uint8))
    mask = Image.new("L", shown.size)
    mask.paste(share.resize(size, Image.Resampling.BILINEAR), (round(left), round(top)))
    return np.asarray(Image.composite(Image.new("RGB", shown.size, INK), shown.convert("RGB"), mask))


def _fit(image: Image.Image) -> Image.Image:
    longer = max(image.size)
    if factor := SIZE // longer:
        return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    size = max(1, image.width * SIZE // longer), max(1, image.height * SIZE // longer)
    return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


def data_url(picture: NDArray[np.uint8]) -> str:
    """Encode a picture, uint8 (height, width) or RGB (height, width, 3), as a data: URL of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _enlarge(picture: Image.Image, filter_: Image.Resampling) -> NDArray[np.float32]:
    """Enlarge a picture to float32 (280, 280, 1)."""
    return np.asarray(picture.resize((SIZE, SIZE), filter_), np.float32)[:, :, np.newaxis]
