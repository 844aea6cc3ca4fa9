"""Images of a digit as cameras take them: light and shadows, boards, tables, noise, blur and compression.

Every function that draws takes a digit, uint8 (28, 28), white on black, and a random generator, and returns an image
file. Every function that lights takes the shape of a page, and returns light float32 (height, width).
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image

from service.preparation.types import Floats, Gray
from training.synthetic.rendering import (
    BLACK,
    BLUE,
    CHALK,
    EXIF_TRANSPOSITIONS,
    Range,
    Shape,
    add_grain,
    cast_phone_shadow,
    cast_shadow,
    choose_shape,
    defocus,
    draw_board,
    draw_clouds,
    draw_page,
    draw_paper,
    draw_sheet,
    encode_image,
    fill_page,
    lay_ink,
    light_from_side,
    place_ink,
    stamp,
    take_clear_photo,
    take_photo,
    trace_digit,
    write_digit,
)

PHOTO_SHAPE = (480, 640)
EXIF_ORIENTATION = 0x0112

Light = Callable[[Shape, Generator], Floats]


def draw_photo(digit: Gray, rng: Generator, light: Light, heights: Range = (0.25, 0.7)) -> bytes:
    """Photograph a sheet of paper in some light."""
    shape = choose_photo_shape(rng)
    page = draw_paper(shape, rng)
    return photograph(page, write_digit(digit, rng, shape, heights), light, rng)


def choose_photo_shape(rng: Generator) -> Shape:
    """Return the shape of a photo, wide or tall."""
    return PHOTO_SHAPE if rng.random() < 0.5 else PHOTO_SHAPE[::-1]


def photograph(page: Floats, ink: Floats, light: Light, rng: Generator) -> bytes:
    """Return a photo of a page float32 (height, width, 3), with ink float32 (height, width) on it."""
    page = lay_ink(page, ink, BLUE if rng.random() < 0.5 else BLACK, rng.uniform(0.75, 1))
    return take_photo(page * light(ink.shape, rng)[..., None] * rng.uniform(0.6, 1.0), rng)


def light_unevenly(shape: Shape, rng: Generator) -> Floats:
    """Return light that falls from one side, and varies."""
    return light_from_side(shape, rng, rng.uniform(0.35, 0.7)) * (1 + 0.1 * draw_clouds(shape, rng, 200))


def light_beside_shadow(shape: Shape, rng: Generator) -> Floats:
    """Return light with a shadow, whose edge is sharp or soft."""
    return cast_shadow(shape, rng, rng.uniform(0.45, 0.75), rng.uniform(2, 30)) * light_from_side(shape, rng, 0.8)


def light_around_phone(shape: Shape, rng: Generator) -> Floats:
    """Return light with the shadow of a phone."""
    return cast_phone_shadow(shape, rng, rng.uniform(0.35, 0.7), rng.uniform(1, 12)) * light_from_side(shape, rng, 0.7)


def light_through_lens(shape: Shape, rng: Generator) -> Floats:
    """Return light that a lens darkens towards the corners: a vignette."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    radius = np.hypot(x / shape[1] - 0.5, y / shape[0] - 0.5)
    return (1 - rng.uniform(0.5, 1.2) * radius**2).astype(np.float32)


def draw_chalk(digit: Gray, rng: Generator) -> bytes:
    """Photograph a board that is written on with chalk."""
    board, dust = draw_board(PHOTO_SHAPE, (38, 66, 54) if rng.random() < 0.5 else (40, 42, 45), rng)
    ink = write_digit(digit, rng, PHOTO_SHAPE, (0.3, 0.7), (0.2, 1.2))
    page = lay_ink(board, ink * dust, CHALK, 0.9)
    return take_clear_photo(page * light_from_side(PHOTO_SHAPE, rng, rng.uniform(0.5, 1))[..., None], rng)


def draw_on_table(digit: Gray, rng: Generator) -> bytes:
    """Photograph a sheet that lies on a dark table, turned a little, its edges in view."""
    table = fill_page(PHOTO_SHAPE, (70, 50, 38)) * (1 + 0.15 * draw_clouds(PHOTO_SHAPE, rng, 25))[..., None]
    corners = np.array([(90, 60), (550, 60), (550, 420), (90, 420)]) + rng.uniform(-50, 50, (4, 2))
    page = lay_ink(table, draw_sheet(PHOTO_SHAPE, corners), (232, 230, 222))
    ink = place_ink(trace_digit(digit, rng.uniform(110, 200), rng.uniform(-0.4, 0.6)), PHOTO_SHAPE, rng, 0.25)
    page = lay_ink(page, ink, BLACK, 0.95)
    return take_clear_photo(page * light_from_side(PHOTO_SHAPE, rng, 0.7)[..., None], rng)


def draw_note(digit: Gray, rng: Generator) -> bytes:
    """Photograph a note that lies on a desk, large enough for the digit on it."""
    side = rng.uniform(150, 260)
    desk = fill_page(PHOTO_SHAPE, (rng.uniform(40, 120), rng.uniform(40, 90), rng.uniform(30, 70)))
    desk = desk * (1 + 0.12 * draw_clouds(PHOTO_SHAPE, rng, 30))[..., None]
    center = (rng.uniform(180, 460), rng.uniform(150, 330))
    corners = cv2.boxPoints((center, (side, side * rng.uniform(0.9, 1.1)), rng.uniform(-12, 12)))
    ink = _center_ink(trace_digit(digit, side * rng.uniform(0.4, 0.6), rng.uniform(-0.4, 0.4)), center)
    note = lay_ink(lay_ink(desk, draw_sheet(PHOTO_SHAPE, corners), (240, 225, 120)), ink, BLUE, 0.95)
    return take_clear_photo(note * light_from_side(PHOTO_SHAPE, rng, 0.7)[..., None], rng)


def _center_ink(ink: Floats, center: tuple[float, float]) -> Floats:
    """Return a photo's ink float32 (480, 640), with ink around a center, x and y."""
    page_ink = np.zeros(PHOTO_SHAPE, np.float32)
    left, top = (int(place - length / 2) for place, length in zip(center, ink.shape[::-1], strict=True))
    stamp(page_ink, ink, left, top)
    return page_ink


def draw_sideways(digit: Gray, rng: Generator) -> bytes:
    """Photograph with a camera held in any way, which records how it was held (EXIF)."""
    page = draw_page(write_digit(digit, rng, (400, 300), (0.3, 0.6)), (240, 240, 235), BLUE)
    orientation, exif = int(rng.integers(1, 9)), Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    return encode_image(page, "JPEG", turn=EXIF_TRANSPOSITIONS.get(orientation), quality=85, exif=exif)


def draw_compressed(digit: Gray, rng: Generator) -> bytes:
    """Draw a JPEG of low quality."""
    shape = choose_shape(rng, (100, 300), (100, 300))
    page = draw_page(write_digit(digit, rng, shape, (0.35, 0.8)), (230, 230, 225), BLUE)
    return encode_image(add_grain(page, rng, 3), "JPEG", quality=int(rng.integers(10, 41)))


def draw_noisy(digit: Gray, rng: Generator) -> bytes:
    """Photograph in little light: with much noise."""
    shape = choose_shape(rng, (120, 480), (120, 640))
    page = draw_page(write_digit(digit, rng, shape, (0.4, 0.8), (-0.2, 0.8)), (190, 190, 185), (50, 50, 60))
    return encode_image(add_grain(page, rng, rng.uniform(15, 40)), "JPEG", quality=85)


def draw_blurred(digit: Gray, rng: Generator) -> bytes:
    """Photograph out of focus, by 1.5% to 4% of the digit's height."""
    shape = choose_shape(rng, (200, 480), (200, 640))
    height = rng.uniform(0.4, 0.8)
    page = draw_page(write_digit(digit, rng, shape, (height, height)), (235, 235, 230), BLACK)
    page = defocus(page, height * shape[0] * rng.uniform(0.015, 0.04))
    return encode_image(add_grain(page, rng, 2), "JPEG", quality=80)
