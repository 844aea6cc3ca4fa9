"""Numbers made of MNIST's digits, in images as people send them. Reading all digits of an image is measured on them.

A condition is a kind of image. Its function takes MNIST's images with their labels, and a random generator, and returns
a number. Pages, light and cameras are those of the conditions for one digit.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.random import Generator

from service.preparation.types import Floats
from training.data.datasets import Digits
from training.synthetic import photos
from training.synthetic.photos import Light
from training.synthetic.rendering import (
    BLACK,
    BLUE,
    CHALK,
    WHITE,
    Shape,
    add_grain,
    cast_phone_shadow,
    cast_shadow,
    draw_board,
    draw_lines,
    draw_page,
    draw_paper,
    encode_image,
    lay_ink,
    stamp,
    take_clear_photo,
)
from training.synthetic.written_lines import DEFAULT_STYLE, LineStyle, WrittenLines, write_lines

FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class Number:
    """An image file, and the lines of digits that it shows."""

    lines: list[str]
    data: bytes


def draw_numbers(originals: Digits, condition: str, count: int, seed: int) -> Iterator[Number]:
    """Yield `count` numbers in a condition; the same seed yields the same files."""
    rng = np.random.default_rng((seed, list(CONDITIONS).index(condition)))
    for _ in range(count):
        yield CONDITIONS[condition](originals, rng)


def _write_row(
    originals: Digits, rng: Generator, most: int = 5, least: int = 2, style: LineStyle = DEFAULT_STYLE
) -> WrittenLines:
    """Write one line of `least` to `most` digits."""
    return write_lines(originals, rng, [int(rng.integers(least, most + 1))], style)


def _draw_row(
    originals: Digits, rng: Generator, most: int = 5, least: int = 2, style: LineStyle = DEFAULT_STYLE
) -> Number:
    written = _write_row(originals, rng, most, least, style)
    page = draw_page(written.page, (248, 247, 243), BLUE if rng.random() < 0.4 else BLACK)
    return Number(written.lines, encode_image(add_grain(page, rng, 2), "JPEG", quality=88))


def _draw_white_on_black(originals: Digits, rng: Generator) -> Number:
    written = _write_row(originals, rng, style=LineStyle(heights=(40, 200)))
    return Number(written.lines, encode_image(draw_page(written.page, (0, 0, 0), WHITE)))


def _draw_sloping(originals: Digits, rng: Generator) -> Number:
    written = write_lines(originals, rng, [int(rng.integers(3, 8))], LineStyle(max_tilt_deg=9))
    return Number(written.lines, encode_image(draw_page(written.page, WHITE, BLACK)))


def _draw_several_lines(originals: Digits, rng: Generator) -> Number:
    counts = rng.integers(1, 7, int(rng.integers(2, 6))).tolist()
    return _scan(write_lines(originals, rng, counts, LineStyle(heights=(40, 90))), rng)


def _scan(written: WrittenLines, rng: Generator) -> Number:
    page = draw_page(written.page, WHITE, BLACK)
    return Number(written.lines, encode_image(add_grain(page, rng, 3), "JPEG", quality=85))


def _draw_sheet(originals: Digits, rng: Generator) -> Number:
    """Draw a sheet of 36 to 100 digits in rows."""
    columns = int(rng.integers(6, 11))
    counts = [columns] * int(rng.integers(6, 11))
    style = LineStyle(heights=(45, 70), gaps=(0.25, 0.5), leadings=(1.4, 1.8), max_tilt_deg=0.7)
    return _scan(write_lines(originals, rng, counts, style), rng)


def _draw_in_boxes(originals: Digits, rng: Generator) -> Number:
    """Draw each digit in a box, as forms have them."""
    written = _write_row(originals, rng, 6, style=LineStyle(gaps=(0.45, 0.6), sizes=(0.85, 1.0)))
    form = _draw_boxes(written, int(rng.integers(1, 4)))
    shade = rng.uniform(60, 180)
    page = lay_ink(draw_page(form, WHITE, (shade, shade, shade)), written.page, BLACK)
    return Number(written.lines, encode_image(add_grain(page, rng, 2), "JPEG", quality=85))


def _draw_boxes(written: WrittenLines, line_width: int) -> Floats:
    form, size = np.zeros(written.page.shape, np.float32), int(written.height)
    top, bottom = int(written.edges[:, 1].min() - 0.18 * size), int(written.edges[:, 3].max() + 0.18 * size)
    for left, _, right, _ in written.edges.tolist():
        cv2.rectangle(form, (left - size // 6, top), (right + size // 6, bottom), 1.0, line_width)
    return form


def _draw_on_ruling(originals: Digits, rng: Generator) -> Number:
    """Write on the lines of a ledger, with its columns."""
    counts = rng.integers(2, 6, int(rng.integers(1, 4))).tolist()
    written = write_lines(originals, rng, counts, LineStyle(heights=(50, 90), leadings=(1.5, 1.7)))
    shape = written.page.shape
    ruling = draw_lines(shape, rng, written.height * rng.uniform(1.2, 1.8), width=rng.uniform(1, 2.5))
    if rng.random() < 0.5:
        ruling = np.maximum(ruling, draw_lines(shape, rng, shape[1] * rng.uniform(0.3, 0.6), vertical=True, width=1.5))
    color = (rng.uniform(110, 190), rng.uniform(120, 200), rng.uniform(150, 230))
    page = lay_ink(draw_page(ruling, (246, 243, 232), color), written.page, BLUE if rng.random() < 0.5 else BLACK)
    return Number(written.lines, encode_image(add_grain(page, rng, 3), "JPEG", quality=80))


def _draw_sum(originals: Digits, rng: Generator) -> Number:
    """Write two numbers, and a sign of sums between them."""
    style = LineStyle(heights=(90, 110), pens=(0, 0.4), leadings=(1.5, 1.5))
    left, right = (write_lines(originals, rng, [int(rng.integers(1, 4))], style) for _ in range(2))
    sign = _draw_sign(rng)
    height = max(left.page.shape[0], right.page.shape[0])
    above = (height - sign.shape[0]) // 2
    parts = [_pad_to(height, left.page, 0), _pad_to(height, sign, above), _pad_to(height, right.page, 0)]
    ink = np.concatenate([np.zeros((height, 1), np.float32), *parts], axis=1)
    return Number([left.lines[0] + right.lines[0]], encode_image(draw_page(ink, WHITE, BLACK)))


def _pad_to(height: int, part: Floats, above: int) -> Floats:
    """Return a part of a page with rows added, `above` of them above it."""
    return np.pad(part, ((above, height - part.shape[0] - above), (0, 0)))


def _draw_sign(rng: Generator) -> Floats:
    """Draw a plus, a minus, a cross or an equals sign, float32 (90, 90)."""
    sign = np.zeros((90, 90), np.float32)
    strokes = [
        [((20, 45), (70, 45)), ((45, 20), (45, 70))], [((20, 45), (70, 45))],
        [((25, 25), (65, 65)), ((65, 25), (25, 65))], [((20, 35), (70, 35)), ((20, 58), (70, 58))],
    ][rng.integers(4)]  # fmt: skip
    for start, end in strokes:
        cv2.line(sign, start, end, 1.0, int(rng.integers(5, 10)), cv2.LINE_AA)
    return sign


def _draw_price(originals: Digits, rng: Generator) -> Number:
    """Write a number with a point or a comma in it, or a dash behind it."""
    written = _write_row(originals, rng, least=3, style=LineStyle(gaps=(0.3, 0.4)))
    place = int(rng.integers(1, len(written.edges)))
    page = _add_point(written, place, rng) if rng.random() < 0.6 else _add_dash(written)
    return Number(written.lines, encode_image(draw_page(page, WHITE, BLACK)))


def _add_point(written: WrittenLines, place: int, rng: Generator) -> Floats:
    """Return the page with a point or a comma before the digit at `place`."""
    x, foot = int((written.edges[place - 1, 2] + written.edges[place, 0]) / 2), int(written.edges[:, 3].max())
    end = (x - int(rng.integers(0, 6)), foot + int(rng.integers(0, 10)))
    width = max(4, int(written.height * 0.08))
    return cv2.line(written.page.copy(), (x, foot - 3), end, 1.0, width, cv2.LINE_AA)


def _add_dash(written: WrittenLines) -> Floats:
    """Return the page with a dash behind the last digit."""
    size = written.height
    x, y = int(written.edges[-1, 2] + 0.12 * size), int(int(written.edges[:, 3].max()) - size / 2)
    page = np.pad(written.page, ((0, 0), (0, int(size * 0.5))))
    return cv2.line(page, (x, y), (x + int(size * 0.35), y), 1.0, max(3, int(size * 0.07)), cv2.LINE_AA)


def _draw_labelled(originals: Digits, rng: Generator) -> Number:
    """Print a word above the number, and a unit behind it."""
    written = _write_row(originals, rng)
    size = written.height
    page = np.pad(written.page, ((int(size * 0.5), 0), (0, int(size * 1.3))))
    printed = np.zeros(page.shape, np.uint8)
    word = ("Name", "Total", "kWh", "Date", "No.")[rng.integers(5)]
    cv2.putText(printed, word, (6, int(size * 0.45)), FONT, size / 75, 255, max(1, int(size / 35)), cv2.LINE_AA)
    unit = ("kg", "EUR", "cm", "m", "km")[rng.integers(5)]
    start = int(written.edges[-1, 2] + 0.3 * size), int(written.edges[-1, 3] + size * 0.5)
    cv2.putText(printed, unit, start, FONT, size / 70, 255, max(1, int(size / 30)), cv2.LINE_AA)
    color = (rng.uniform(40, 150),) * 3
    print_ink = printed.astype(np.float32) / np.float32(255)
    return Number(written.lines, encode_image(lay_ink(draw_page(print_ink, WHITE, color), page, BLACK)))


def _draw_photo(originals: Digits, rng: Generator, light: Light) -> Number:
    written = write_lines(originals, rng, rng.integers(2, 6, int(rng.integers(1, 3))).tolist())
    paper = draw_paper(written.page.shape, rng)
    return Number(written.lines, photos.photograph(paper, written.page, light, rng))


def _light_beside_shadow(shape: Shape, rng: Generator) -> Floats:
    return cast_shadow(shape, rng, rng.uniform(0.45, 0.75), rng.uniform(2, 30))


def _light_around_phone(shape: Shape, rng: Generator) -> Floats:
    return cast_phone_shadow(shape, rng, rng.uniform(0.4, 0.75), rng.uniform(1, 12))


def _draw_small(originals: Digits, rng: Generator) -> Number:
    """Write a number that takes a small part of a sheet."""
    written = _write_row(originals, rng, style=LineStyle(heights=(28, 45)))
    page = np.zeros((int(rng.integers(400, 700)), int(rng.integers(500, 800))), np.float32)
    top, left = (
        int(rng.integers(0, max(side - length, 1))) for side, length in zip(page.shape, written.page.shape, strict=True)
    )
    stamp(page, written.page, left, top)
    page = draw_page(page, (244, 242, 238), BLACK)
    return Number(written.lines, encode_image(add_grain(page, rng, 3), "JPEG", quality=85))


def _draw_thumbnail(originals: Digits, rng: Generator) -> Number:
    """Draw a number so small that each digit is 10 to 20 pixels tall."""
    written = _write_row(originals, rng, 4, style=LineStyle(heights=(60, 80)))
    factor = rng.uniform(10, 20) / written.height
    ink = cv2.resize(written.page, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return Number(written.lines, encode_image(draw_page(ink, WHITE, BLACK)))


def _draw_chalk(originals: Digits, rng: Generator) -> Number:
    written = _write_row(originals, rng, style=LineStyle(heights=(80, 140), pens=(0.2, 1.2)))
    board, dust = draw_board(written.page.shape, (38, 66, 54), rng)
    page = lay_ink(board, written.page * dust, CHALK, 0.9)
    return Number(written.lines, take_clear_photo(page, rng))


# The place of a condition in this table is part of its seed.
CONDITIONS: dict[str, Callable[[Digits, Generator], Number]] = {
    "one digit": partial(_draw_row, most=1, least=1),
    "2 to 5 digits": _draw_row,
    "6 to 12 digits": partial(_draw_row, most=12, least=6),
    "a touching pair": partial(_draw_row, most=2, least=2, style=LineStyle(gaps=(-0.1, -0.02))),
    "touching digits": partial(_draw_row, least=3, style=LineStyle(gaps=(-0.08, 0.08))),
    "white on black": _draw_white_on_black,
    "sloping line": _draw_sloping,
    "several lines": _draw_several_lines,
    "different sizes": partial(_draw_row, style=LineStyle(sizes=(0.6, 1.1))),
    "a box for each digit": _draw_in_boxes,
    "ledger ruling": _draw_on_ruling,
    "sum": _draw_sum,
    "point, comma or dash": _draw_price,
    "word and unit": _draw_labelled,
    "thin pen": partial(_draw_row, style=LineStyle(pens=(-1.6, -0.9))),
    "thick marker": partial(_draw_row, style=LineStyle(pens=(1.0, 2.0), gaps=(0.25, 0.4))),
    "photo, uneven light": partial(_draw_photo, light=photos.light_unevenly),
    "photo, shadow": partial(_draw_photo, light=_light_beside_shadow),
    "photo, a phone's shadow": partial(_draw_photo, light=_light_around_phone),
    "small on a sheet": _draw_small,
    "thumbnail": _draw_thumbnail,
    "chalk on a board": _draw_chalk,
    "sheet of digits": _draw_sheet,
}
