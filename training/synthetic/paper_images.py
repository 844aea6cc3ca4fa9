"""Images of a digit on paper, close to the page: pens, ruled paper, form fields, scans.

Every function takes a digit, uint8 (28, 28), white on black, and a random generator, and returns an image file.
"""

import cv2
import numpy as np
from numpy.random import Generator

from service.preparation.types import Floats, Gray
from training.synthetic.rendering import (
    BLACK,
    BLUE,
    WHITE,
    Range,
    Shape,
    add_grain,
    choose_shape,
    draw_box,
    draw_clouds,
    draw_lines,
    draw_page,
    draw_ruled_lines,
    encode_image,
    fill_page,
    lay_ink,
    light_from_side,
    place_ink,
    trace_digit,
    write_digit,
)


def draw_small(digit: Gray, rng: Generator) -> bytes:
    """Write a digit about a tenth as tall as the page."""
    shape = choose_shape(rng, (300, 600), (300, 800))
    ink = write_digit(digit, rng, shape, (0.09, 0.16), spread=0.9)
    return encode_image(add_grain(draw_page(ink, (244, 242, 238), BLACK), rng, 3), "JPEG", quality=85)


def draw_with_pen(digit: Gray, rng: Generator, pens: Range) -> bytes:
    """Write with a pen that is wider than MNIST's by one of `pens` of its pixels."""
    shape = choose_shape(rng, (250, 500), (250, 600))
    ink = write_digit(digit, rng, shape, (0.4, 0.75), pens)
    return encode_image(add_grain(draw_page(ink, (250, 248, 242), BLACK), rng, 2), "JPEG", quality=88)


def draw_ruled(digit: Gray, rng: Generator, is_squared: bool = False) -> bytes:
    """Write on ruled or squared paper."""
    shape = choose_shape(rng, (300, 500), (300, 640))
    ink = write_digit(digit, rng, shape, (0.3, 0.7), (-0.3, 0.8))
    gap, width = shape[0] * rng.uniform(0.08, 0.2), rng.uniform(1, 2.5)
    ruling = draw_ruled_lines(shape, rng, gap, width, is_squared)
    color = (rng.uniform(120, 190), rng.uniform(150, 200), rng.uniform(200, 235))
    page = draw_page(ruling, (248, 247, 240), color)
    page = lay_ink(page, ink, BLUE if rng.random() < 0.6 else BLACK)
    page = page * light_from_side(shape, rng, rng.uniform(0.6, 1))[..., None]
    return encode_image(add_grain(page, rng, rng.uniform(1, 4)), "JPEG", quality=80)


def draw_darkly_ruled(digit: Gray, rng: Generator) -> bytes:
    """Write on paper whose lines are nearly as dark as ink."""
    shape = choose_shape(rng, (250, 450), (250, 600))
    ink = write_digit(digit, rng, shape, (0.35, 0.7), (0, 1))
    ruling = draw_lines(shape, rng, shape[0] * rng.uniform(0.25, 0.5), width=rng.uniform(1, 2.5))
    return _scan_with_lines(ink, ruling, rng)


def _scan_with_lines(ink: Floats, lines: Floats, rng: Generator) -> bytes:
    page = lay_ink(draw_page(lines, WHITE, (60, 60, 60)), ink, BLACK)
    return encode_image(add_grain(page, rng, 2), "JPEG", quality=85)


def draw_underlined(digit: Gray, rng: Generator) -> bytes:
    """Write a digit, and a line under it that goes on to both sides."""
    shape = choose_shape(rng, (200, 400), (250, 500))
    ink = write_digit(digit, rng, shape, (0.3, 0.5), spread=0.4)
    left, top, width, height = _find_box(ink)
    foot = top + height + int(height * rng.uniform(-0.03, 0.15))
    ends = (left - int(height * rng.uniform(0.6, 1.2)), left + width + int(height * rng.uniform(0.6, 1.2)))
    line = cv2.line(np.zeros(shape, np.float32), (ends[0], foot), (ends[1], foot), 1.0, int(rng.integers(1, 4)))
    return _scan_with_lines(ink, line, rng)


def _find_box(ink: Floats) -> tuple[int, int, int, int]:
    """Return left, top, width and height of the ink."""
    left, top, width, height = cv2.boundingRect((ink > 0.5).astype(np.uint8))
    return left, top, width, height


def draw_in_field(digit: Gray, rng: Generator) -> bytes:
    """Write into a form's field."""
    shape = choose_shape(rng, (120, 400), (120, 400))
    ink = write_digit(digit, rng, shape, (0.45, 0.75), spread=0.7)
    field = draw_box(shape, rng, int(rng.integers(1, 5)))
    color = (BLACK, (90, 90, 90), (200, 60, 60))[rng.integers(3)]
    return encode_image(lay_ink(draw_page(field, WHITE, color), ink, BLACK))


def draw_over_field(digit: Gray, rng: Generator) -> bytes:
    """Write over the border of a form's field."""
    shape = choose_shape(rng, (200, 400), (200, 400))
    ink = write_digit(digit, rng, shape, (0.35, 0.55), spread=0.5)
    page = draw_page(_draw_field_around(ink, shape, rng), WHITE, (90, 90, 90))
    return encode_image(lay_ink(page, ink, BLUE if rng.random() < 0.5 else BLACK))


def _draw_field_around(ink: Floats, shape: Shape, rng: Generator) -> Floats:
    """Return the border of a field that is a little larger than the ink, or a little smaller."""
    left, top, width, height = _find_box(ink)
    reach = np.rint(max(width, height) * rng.uniform(-0.06, 0.25, 4)).astype(int)
    corners = (left - reach[0], top - reach[1]), (left + width + reach[2], top + height + reach[3])
    return cv2.rectangle(np.zeros(shape, np.float32), *corners, 1.0, int(rng.integers(1, 4)), cv2.LINE_AA)


def draw_among_specks(digit: Gray, rng: Generator) -> bytes:
    """Write on paper with specks and dust."""
    shape = choose_shape(rng, (250, 500), (250, 500))
    ink = write_digit(digit, rng, shape, (0.4, 0.7))
    specks = np.zeros(shape, np.float32)
    for _ in range(int(rng.integers(10, 60))):
        center = (int(rng.integers(shape[1])), int(rng.integers(shape[0])))
        cv2.circle(specks, center, int(rng.integers(1, 4)), float(rng.uniform(0.4, 1)), -1, cv2.LINE_AA)
    page = lay_ink(draw_page(specks, (240, 238, 230), (70, 60, 50)), ink, BLACK)
    return encode_image(page, "JPEG", quality=85)


def draw_broken(digit: Gray, rng: Generator) -> bytes:
    """Write a digit that a gap breaks in two."""
    ink = trace_digit(digit, rng.uniform(120, 220), rng.uniform(-0.3, 0.5))
    cut = int(ink.shape[0] * rng.uniform(0.25, 0.75))
    gap = max(2, int(ink.shape[0] * rng.uniform(0.02, 0.08)))
    ink[cut : cut + gap] = 0
    page = draw_page(place_ink(ink, (300, 300), rng, 0.8), (245, 245, 240), BLACK)
    return encode_image(add_grain(page, rng, 2), "JPEG", quality=85)


def draw_with_pencil(digit: Gray, rng: Generator) -> bytes:
    """Write with a pencil: gray and uneven."""
    shape = choose_shape(rng, (250, 480), (250, 640))
    texture = np.clip(0.8 + 0.4 * draw_clouds(shape, rng, 2), 0, 1)
    ink = write_digit(digit, rng, shape, (0.35, 0.7), (-0.8, 0.2)) * texture
    page = lay_ink(fill_page(shape, (238, 236, 230)), ink, (110, 110, 112), rng.uniform(0.35, 0.8))
    return encode_image(add_grain(page * light_from_side(shape, rng, 0.8)[..., None], rng, 2.5), "JPEG", quality=85)


def draw_on_textured(digit: Gray, rng: Generator) -> bytes:
    """Write on coarse or colored paper."""
    shape = choose_shape(rng, (250, 480), (250, 640))
    fibres = 0.1 * draw_clouds(shape, rng, 2) + 0.1 * draw_clouds(shape, rng, 5) + 0.1 * draw_clouds(shape, rng, 30)
    color = ((205, 180, 140), (225, 220, 200), (180, 175, 170))[rng.integers(3)]
    page = fill_page(shape, color) * (1 + fibres)[..., None]
    ink = write_digit(digit, rng, shape, (0.35, 0.75), (-0.2, 0.8))
    return encode_image(lay_ink(page, ink, BLACK, 0.92), "JPEG", quality=80)


def draw_scan(digit: Gray, rng: Generator) -> bytes:
    """Scan a slip of paper, whose edge is a dark band at one or two sides of the image."""
    shape = choose_shape(rng, (300, 600), (300, 600))
    page = draw_page(write_digit(digit, rng, shape, (0.3, 0.55), (-0.4, 0.6), spread=0.4), (250, 250, 250), BLACK)
    band = int(rng.integers(3, 25))
    page[:band] = rng.uniform(0, 90)
    if rng.random() < 0.5:
        page[:, -band:] = rng.uniform(0, 90)
    return encode_image(add_grain(page, rng, 2), "TIFF", "1" if rng.random() < 0.3 else "L")
