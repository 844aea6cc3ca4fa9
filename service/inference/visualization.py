"""Images to show: the located ink, and the importance of each region of a digit. PNG files as data: URLs."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.inference.occlusion import STRIDE_PX
from service.preparation.finder import LocatedDigit

MAX_SIDE_PX = 280

# Orange, blue and bluish green are told apart with every kind of color vision (Okabe and Ito 2008).
ORANGE, BLUE, GREEN = (255, 130, 20), (50, 140, 255), (0, 175, 120)
SUPPORTING_COLOR, CONTRADICTING_COLOR = np.array(ORANGE, np.float32), np.array(BLUE, np.float32)
INK_COLOR = GREEN  # stands out on light and dark backgrounds, and over light and dark ink
OPACITY = 0.85  # of color, so that the image below shows


def overlay_importance(digit: NDArray[np.uint8], importance: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a digit uint8 (28, 28) with its importance float32 (28, 28) in color over it, RGB uint8 (280, 280, 3).

    Orange is positive and blue negative. The color is the stronger, the nearer to the largest absolute value.
    """
    # Patches move by STRIDE_PX, so the importance has one value in each square of that side.
    squares = Image.fromarray(importance / (np.abs(importance).max() or 1)).reduce(STRIDE_PX)
    share = _enlarge(squares, Image.Resampling.BILINEAR)
    # The digit is dimmed, so that color stands out on it; the root makes small shares visible next to the largest.
    gray = 0.6 * _enlarge(Image.fromarray(digit), Image.Resampling.NEAREST)
    color, strength = np.where(share > 0, SUPPORTING_COLOR, CONTRADICTING_COLOR), np.sqrt(np.abs(share)) * OPACITY
    blended: NDArray[np.uint8] = np.rint(gray + (color - gray) * strength).astype(np.uint8)
    return blended


def highlight_ink(image: NDArray[np.uint8], digit: LocatedDigit) -> NDArray[np.uint8]:
    """Return an image uint8 (height, width) with a digit's ink in color over it, RGB uint8 (height, width, 3).

    An image larger than 280 pixels is reduced to that longer side. A smaller image is enlarged by the largest whole
    factor that fits.
    """
    shown = _fit(Image.fromarray(image))
    left, top, width, height = np.array(digit.box) * shown.width / image.shape[1]
    size = max(1, round(width)), max(1, round(height))
    share = Image.fromarray(np.rint(digit.ink * (255 * OPACITY)).astype(np.uint8))
    mask = Image.new("L", shown.size)
    mask.paste(share.resize(size, Image.Resampling.BILINEAR), (round(left), round(top)))
    return np.asarray(Image.composite(Image.new("RGB", shown.size, INK_COLOR), shown.convert("RGB"), mask))


def _fit(image: Image.Image) -> Image.Image:
    """Return an image with a longer side of at most 280 pixels."""
    longer = max(image.size)
    if factor := MAX_SIDE_PX // longer:
        return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    size = max(1, image.width * MAX_SIDE_PX // longer), max(1, image.height * MAX_SIDE_PX // longer)
    return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


def to_data_url(image: NDArray[np.uint8]) -> str:
    """Return an image, uint8 (height, width) or RGB (height, width, 3), as a data: URL of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _enlarge(image: Image.Image, filter_: Image.Resampling) -> NDArray[np.float32]:
    """Return a square image enlarged to float32 (280, 280, 1)."""
    return np.asarray(image.resize((MAX_SIDE_PX, MAX_SIDE_PX), filter_), np.float32)[:, :, np.newaxis]
