"""Words and letters in print and in handwriting, which stand beside digits."""

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont

from service.preparation.types import Floats
from training.synthetic.outliers import FONTS


def draw_word(text: str, size: int, rng: Generator) -> Floats:
    """Draw a text in letters of about `size` pixels, ink float32 (height, width) in [0, 1]."""
    return (_draw_with_strokes if rng.random() < 0.5 else _draw_with_font)(text, size, rng)


def _draw_with_strokes(text: str, size: int, rng: Generator) -> Floats:
    """Draw a text in one of OpenCV's fonts, which are strokes of a pen."""
    scale, pen = size / 22, max(1, round(size * rng.uniform(0.03, 0.15)))
    face = FONTS[rng.integers(len(FONTS))]
    (width, height), below = cv2.getTextSize(text, face, scale, pen)
    ink = np.zeros((height + below + 2 * pen, width + 2 * pen), np.uint8)
    cv2.putText(ink, text, (pen, height + pen), face, scale, 255, pen, cv2.LINE_AA)
    return ink.astype(np.float32) / np.float32(255)


def _draw_with_font(text: str, size: int, rng: Generator) -> Floats:
    """Draw a text in one of the printed fonts."""
    fonts = _find_fonts()
    font = _load_font(fonts[rng.integers(len(fonts))], round(size * 1.3 / 4) * 4 + 4)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("L", (max(1, round(right - left)), max(1, round(bottom - top))))
    ImageDraw.Draw(image).text((-left, -top), text, 255, font)
    return np.asarray(image, np.float32) / np.float32(255)


@lru_cache
def _find_fonts() -> tuple[str, ...]:
    """Return the files of the fonts that come with matplotlib, except fonts of symbols."""
    from matplotlib import get_data_path

    paths = sorted((Path(get_data_path()) / "fonts" / "ttf").glob("DejaVu*.ttf"))
    return tuple(str(path) for path in paths if "Display" not in path.name)


@lru_cache(256)
def _load_font(file: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file, size)
