"""Images of a digit as programs and screens make them: canvases, screenshots, thumbnails, files of drawing programs.

Every function takes a digit, uint8 (28, 28), white on black, and a random generator, and returns an image file.
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from service.preparation.types import Gray
from training.synthetic.rendering import (
    BLACK,
    WHITE,
    Color,
    choose_shape,
    draw_page,
    encode_image,
    fill_page,
    lay_ink,
    stamp,
    trace_digit,
    write_digit,
)

MIN_LUMA_DIFFERENCE = 70  # levels between ink and page
# Formats and modes of drawing programs.
DRAWING_FORMATS = (
    ("PNG", "1"), ("PNG", "P"), ("GIF", "P"), ("JPEG", "CMYK"), ("TIFF", "CMYK"), ("WEBP", "RGB"), ("BMP", "L"),
    ("PPM", "RGB"),
)  # fmt: skip


def draw_mnist(digit: Gray, rng: Generator) -> bytes:
    """Draw the digit as MNIST has it."""
    return encode_image(digit)


def draw_inverted(digit: Gray, rng: Generator) -> bytes:
    """Draw the digit as MNIST has it, but dark on light."""
    return encode_image(255 - digit)


def draw_enlarged(digit: Gray, rng: Generator) -> bytes:
    """Enlarge each pixel of MNIST to a square, dark on light or light on dark."""
    factor = int(rng.integers(2, 20))
    image = np.kron(digit, np.ones((factor, factor), np.uint8))
    return encode_image(255 - image if rng.random() < 0.5 else image)


def draw_canvas(digit: Gray, rng: Generator, ink_color: Color, page_color: Color) -> bytes:
    """Draw on a square canvas, as web pages have it."""
    side = int(rng.integers(150, 500))
    ink = write_digit(digit, rng, (side, side), (0.4, 0.85), (-0.4, 0.8))
    return encode_image(draw_page(ink, page_color, ink_color))


def draw_screenshot(digit: Gray, rng: Generator) -> bytes:
    """Draw in any two colors that differ enough."""
    shape = choose_shape(rng, (200, 700), (200, 900))
    page_color, ink_color = rng.uniform(0, 255, 3), rng.uniform(0, 255, 3)
    while abs(_luma(page_color) - _luma(ink_color)) < MIN_LUMA_DIFFERENCE:
        page_color, ink_color = rng.uniform(0, 255, 3), rng.uniform(0, 255, 3)
    ink = write_digit(digit, rng, shape, (0.25, 0.8))
    return encode_image(draw_page(ink, tuple(page_color), tuple(ink_color)))


def _luma(color: NDArray[np.float64]) -> float:
    return float(color @ np.array([0.299, 0.587, 0.114]))


def draw_thumbnail(digit: Gray, rng: Generator) -> bytes:
    """Draw an image of 24 to 63 pixels a side."""
    shape = choose_shape(rng, (24, 64), (24, 64))
    return encode_image(draw_page(write_digit(digit, rng, shape, (0.6, 0.9)), WHITE, BLACK))


def draw_filling(digit: Gray, rng: Generator) -> bytes:
    """Draw a digit that fills the frame, with margins of 0 to 2 pixels."""
    ink = trace_digit(digit, rng.uniform(80, 400), rng.uniform(-0.4, 0.6))
    margin = rng.integers(0, 3, 4)
    ink = np.pad(ink, ((margin[0], margin[1]), (margin[2], margin[3])))
    return encode_image(draw_page(ink, WHITE, BLACK))


def draw_at_edge(digit: Gray, rng: Generator) -> bytes:
    """Draw a digit that touches the top or the left edge."""
    ink = trace_digit(digit, rng.uniform(90, 200), rng.uniform(-0.4, 0.6))
    side = max(300, *(length + 1 for length in ink.shape))
    top, left = (rng.integers(0, side - np.array(ink.shape))) * rng.permutation([0, 1])
    page_ink = np.zeros((side, side), np.float32)
    stamp(page_ink, ink, left, top)
    return encode_image(draw_page(page_ink, (250, 250, 245), BLACK), "JPEG", quality=90)


def draw_transparent(digit: Gray, rng: Generator, color: Color) -> bytes:
    """Draw on a transparent background."""
    side = int(rng.integers(100, 500))
    ink = write_digit(digit, rng, (side, side), (0.4, 0.85))
    page = np.dstack([fill_page((side, side), color), ink * 255])
    return encode_image(page, mode="RGBA" if rng.random() < 0.5 else "LA")


def draw_window(digit: Gray, rng: Generator) -> bytes:
    """Draw in a window, light or dark, of a screen that is neither."""
    shape, side = choose_shape(rng, (300, 600), (300, 800)), int(rng.integers(160, 280))
    is_dark = rng.random() < 0.5
    screen = fill_page(shape, (255, 255, 255) if is_dark else (70, 74, 80))
    window = fill_page((side, side), (0, 0, 0) if is_dark else WHITE)
    ink = write_digit(digit, rng, (side, side), (0.45, 0.75), spread=0.5)
    top, left = (int(rng.integers(10, length - side - 10)) for length in shape)
    screen[top : top + side, left : left + side] = lay_ink(window, ink, WHITE if is_dark else BLACK)
    return encode_image(screen)


def draw_in_format(digit: Gray, rng: Generator) -> bytes:
    """Draw as drawing programs save: in few colors, in CMYK, in several formats."""
    side = int(rng.integers(120, 400))
    page = draw_page(write_digit(digit, rng, (side, side), (0.4, 0.8)), (250, 250, 250), BLACK)
    file_format, mode = DRAWING_FORMATS[rng.integers(len(DRAWING_FORMATS))]
    return encode_image(page, file_format, mode)


def draw_salted(digit: Gray, rng: Generator) -> bytes:
    """Draw with salt and pepper: some pixels are black or white at random."""
    side = int(rng.integers(150, 400))
    page = draw_page(write_digit(digit, rng, (side, side), (0.4, 0.8), (-0.2, 0.8)), WHITE, BLACK)
    hit = rng.random((side, side)) < rng.uniform(0.01, 0.06)
    page[hit] = rng.choice([0, 255], (int(hit.sum()), 1))
    return encode_image(page)
