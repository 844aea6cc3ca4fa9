"""Pictures of numbers as people upload them, made of MNIST's images: what reading all digits is measured by.

Every condition takes MNIST's images with their labels, and a random generator, and returns a picture file and the
lines that are to be read in it. Pages, light and cameras are those of conditions.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.data.datasets import Digits
from training.synthetic.glyphs import stamp
from training.synthetic.rendering import (
    BLACK,
    BLUE,
    WHITE,
    Array,
    clouds,
    defocus,
    grain,
    lay,
    lines,
    paper,
    phone,
    save,
    shadow,
    slope,
    trace,
)  # fmt: skip

FONT = cv2.FONT_HERSHEY_SIMPLEX
Picture = tuple[bytes, list[str]]
Light = Callable[[tuple[int, int], Generator], Array]


@dataclass(frozen=True)
class Number:
    """A picture file, and the lines of digits that it shows."""

    lines: list[str]
    data: bytes


@dataclass(frozen=True)
class Ink:
    """Lines of digits, written: float32 (height, width) in [0, 1], what they are, and the box of each digit."""

    page: Array
    lines: list[str]
    boxes: NDArray[np.int64]  # (n, 4): left, top, right, bottom
    height: float  # of a digit, in pixels


def make(originals: Digits, condition: str, count: int, seed: int) -> Iterator[Number]:
    """Make `count` numbers under a condition; the same seed makes the same files."""
    rng = np.random.default_rng((seed, list(CONDITIONS).index(condition)))
    for _ in range(count):
        data, lines_ = CONDITIONS[condition](originals, rng)
        yield Number(lines_, data)


def write(
    originals: Digits,
    rng: Generator,
    counts: list[int],
    *,
    tall: tuple[float, float] = (60, 140),
    pen: tuple[float, float] = (-0.5, 0.7),
    gap: tuple[float, float] = (0.12, 0.4),
    tilt_deg: float = 1.5,
    sizes: tuple[float, float] = (0.85, 1.1),
    leading: tuple[float, float] = (1.4, 2.0),
) -> Ink:
    """Write lines of so many digits each, by one pen, with a margin around them.

    Args:
        originals: MNIST's images to choose from, and their labels.
        rng: of all that is random.
        counts: digits in each line.
        tall: the height of digits, in pixels.
        pen: how much wider than MNIST's, in its pixels.
        gap: between digits, in parts of their height; where it is less than 0, they overlap.
        tilt_deg: how far lines may slope.
        sizes: of a digit, in parts of the height.
        leading: from line to line, in parts of the height.

    """
    height, width_of_pen = rng.uniform(*tall), rng.uniform(*pen)
    tilt, lead = np.tan(np.radians(rng.uniform(-tilt_deg, tilt_deg))), rng.uniform(*leading) * height
    room = round(height * rng.uniform(0.4, 1.0))
    rows = [[int(place) for place in rng.integers(len(originals), size=count)] for count in counts]
    side = int(max(counts) * height * (0.9 + gap[1]) + 2 * room + height)
    page = np.zeros((int(lead * len(counts) + 2 * room + height + abs(tilt) * side), side), np.float32)
    boxes = []
    for number, row in enumerate(rows):
        left = room + rng.uniform(0, 0.5) * height
        for place in row:
            ink = trace(originals.images[place], height * rng.uniform(*sizes), width_of_pen)
            top = room + number * lead + height - ink.shape[0] + tilt * left + max(-tilt, 0) * side
            at = max(int(top + rng.normal(0, 0.03) * height), 0), int(left)
            stamp(page, ink, at[1], at[0])
            boxes.append((at[1], at[0], at[1] + ink.shape[1], at[0] + ink.shape[0]))
            left += ink.shape[1] + rng.uniform(*gap) * height
    right = int(max(box[2] for box in boxes)) + room
    texts = ["".join(str(originals.labels[place]) for place in row) for row in rows]
    return Ink(page[:, :right], texts, np.array(boxes), height)


def _row(originals: Digits, rng: Generator, most: int = 5, least: int = 2, **style: tuple[float, float]) -> Ink:
    return write(originals, rng, [int(rng.integers(least, most + 1))], **style)  # type: ignore[arg-type]


def _plain(originals: Digits, rng: Generator, most: int = 5, least: int = 2, **style: tuple[float, float]) -> Picture:
    ink = _row(originals, rng, most, least, **style)
    page = lay(paper(ink.page.shape, (248, 247, 243)), ink.page, BLUE if rng.random() < 0.4 else BLACK)
    return save(grain(page, rng, 2), "JPEG", quality=88), ink.lines


def _screen(originals: Digits, rng: Generator) -> Picture:
    ink = _row(originals, rng, tall=(40, 200))
    return save(lay(paper(ink.page.shape, (0, 0, 0)), ink.page, WHITE)), ink.lines


def _sloping(originals: Digits, rng: Generator) -> Picture:
    ink = write(originals, rng, [int(rng.integers(3, 8))], tilt_deg=9)
    return save(lay(paper(ink.page.shape, WHITE), ink.page, BLACK)), ink.lines


def _several_lines(originals: Digits, rng: Generator) -> Picture:
    ink = write(originals, rng, rng.integers(1, 7, int(rng.integers(2, 6))).tolist(), tall=(40, 90))
    return save(grain(lay(paper(ink.page.shape, WHITE), ink.page, BLACK), rng, 3), "JPEG", quality=85), ink.lines


def _in_boxes(originals: Digits, rng: Generator) -> Picture:
    """Write each digit in a box of its own, as forms have them."""
    ink = _row(originals, rng, 6, gap=(0.45, 0.6), sizes=(0.85, 1.0))
    form, size = np.zeros(ink.page.shape, np.float32), int(ink.height)
    top, bottom = int(ink.boxes[:, 1].min() - 0.18 * size), int(ink.boxes[:, 3].max() + 0.18 * size)
    width = int(rng.integers(1, 4))
    for left, _, right, _ in ink.boxes.tolist():
        cv2.rectangle(form, (left - size // 6, top), (right + size // 6, bottom), 1.0, width)
    shade = rng.uniform(60, 180)
    page = lay(lay(paper(ink.page.shape, WHITE), form, (shade, shade, shade)), ink.page, BLACK)
    return save(grain(page, rng, 2), "JPEG", quality=85), ink.lines


def _on_ruling(originals: Digits, rng: Generator) -> Picture:
    """Write on the lines of a ledger, with its columns."""
    ink = write(originals, rng, rng.integers(2, 6, int(rng.integers(1, 4))).tolist(), tall=(50, 90), leading=(1.5, 1.7))
    shape = ink.page.shape
    ruling = lines(shape, rng, ink.height * rng.uniform(1.2, 1.8), width=rng.uniform(1, 2.5))
    if rng.random() < 0.5:
        ruling = np.maximum(ruling, lines(shape, rng, shape[1] * rng.uniform(0.3, 0.6), vertical=True, width=1.5))
    color = (rng.uniform(110, 190), rng.uniform(120, 200), rng.uniform(150, 230))
    page = lay(lay(paper(shape, (246, 243, 232)), ruling, color), ink.page, BLUE if rng.random() < 0.5 else BLACK)
    return save(grain(page, rng, 3), "JPEG", quality=80), ink.lines


def _sum(originals: Digits, rng: Generator) -> Picture:
    """Write two numbers, and a sign of sums between them."""
    left, right = (
        write(originals, rng, [int(rng.integers(1, 4))], tall=(90, 110), pen=(0, 0.4), leading=(1.5, 1.5))
        for _ in range(2)
    )
    sign = np.zeros((90, 90), np.float32)
    _draw_sign(sign, rng)
    height = max(ink.page.shape[0] for ink in (left, right))
    parts = [cv2.resize(np.zeros((1, 1), np.float32), (1, height))]
    for part in (left.page, sign, right.page):
        above = (height - part.shape[0]) // 2 if part is sign else 0
        parts.append(np.pad(part, ((above, height - part.shape[0] - above), (0, 0))))
    ink = np.concatenate(parts, axis=1)
    return save(lay(paper(ink.shape, WHITE), ink, BLACK)), [left.lines[0] + right.lines[0]]


def _draw_sign(patch: Array, rng: Generator) -> None:
    """Draw a plus, a minus, a cross or an equals sign."""
    strokes = [
        [((20, 45), (70, 45)), ((45, 20), (45, 70))], [((20, 45), (70, 45))],
        [((25, 25), (65, 65)), ((65, 25), (25, 65))], [((20, 35), (70, 35)), ((20, 58), (70, 58))],
    ][rng.integers(4)]  # fmt: skip
    for start, end in strokes:
        cv2.line(patch, start, end, 1.0, int(rng.integers(5, 10)), cv2.LINE_AA)


def _price(originals: Digits, rng: Generator) -> Picture:
    """Write a number with a point or comma in it, or a dash behind it."""
    ink = _row(originals, rng, 5, 3, gap=(0.3, 0.4))
    page, size, place = ink.page.copy(), ink.height, int(rng.integers(1, len(ink.boxes)))
    foot = int(ink.boxes[:, 3].max())
    if rng.random() < 0.6:
        at = int((ink.boxes[place - 1, 2] + ink.boxes[place, 0]) / 2)
        cv2.line(page, (at, foot - 3), (at - int(rng.integers(0, 6)), foot + int(rng.integers(0, 10))), 1.0,
                 max(4, int(size * 0.08)), cv2.LINE_AA)  # fmt: skip
    else:
        at = int(ink.boxes[-1, 2] + 0.12 * size)
        page = np.pad(page, ((0, 0), (0, int(size * 0.5))))
        cv2.line(page, (at, int(foot - size / 2)), (at + int(size * 0.35), int(foot - size / 2)), 1.0,
                 max(3, int(size * 0.07)), cv2.LINE_AA)  # fmt: skip
    return save(lay(paper(page.shape, WHITE), page, BLACK)), ink.lines


def _labelled(originals: Digits, rng: Generator) -> Picture:
    """Print a word above, and a unit behind the number."""
    ink = _row(originals, rng, 5, 2)
    size = ink.height
    page = np.pad(ink.page, ((int(size * 0.5), 0), (0, int(size * 1.3))))
    printed = np.zeros(page.shape, np.uint8)
    word = ("Name", "Total", "kWh", "Date", "No.")[rng.integers(5)]
    cv2.putText(printed, word, (6, int(size * 0.45)), FONT, size / 75, 255, max(1, int(size / 35)), cv2.LINE_AA)
    unit = ("kg", "EUR", "cm", "m", "km")[rng.integers(5)]
    at = int(ink.boxes[-1, 2] + 0.3 * size), int(ink.boxes[-1, 3] + size * 0.5)
    cv2.putText(printed, unit, at, FONT, size / 70, 255, max(1, int(size / 30)), cv2.LINE_AA)
    shade = rng.uniform(40, 150)
    return save(
        lay(lay(paper(page.shape, WHITE), printed.astype(np.float32) / np.float32(255), (shade,) * 3), page, BLACK)
    ), ink.lines


def _photo(originals: Digits, rng: Generator, light: Light) -> Picture:
    ink = write(originals, rng, rng.integers(2, 6, int(rng.integers(1, 3))).tolist(), tall=(60, 140))
    shape = ink.page.shape
    page = paper(shape, (235, 232, 222)) * (1 + 0.02 * clouds(shape, rng, 6))[..., None]
    page = lay(page, ink.page, BLUE if rng.random() < 0.5 else BLACK, rng.uniform(0.75, 1))
    page = page * light(shape, rng)[..., None] * rng.uniform(0.6, 1.0)
    page = grain(defocus(page, rng.uniform(0.6, 1.5)), rng, rng.uniform(2, 7))
    return save(page, "JPEG", quality=int(rng.integers(60, 92))), ink.lines


def _uneven(shape: tuple[int, int], rng: Generator) -> Array:
    return slope(shape, rng, rng.uniform(0.35, 0.7)) * (1 + 0.1 * clouds(shape, rng, 200))


def _shadowed(shape: tuple[int, int], rng: Generator) -> Array:
    return shadow(shape, rng, rng.uniform(0.45, 0.75), rng.uniform(2, 30))


def _under_a_phone(shape: tuple[int, int], rng: Generator) -> Array:
    return phone(shape, rng, rng.uniform(0.4, 0.75), rng.uniform(1, 12))


def _small(originals: Digits, rng: Generator) -> Picture:
    """Write a number that takes a small part of a sheet."""
    ink = _row(originals, rng, tall=(28, 45))
    page = np.zeros((int(rng.integers(400, 700)), int(rng.integers(500, 800))), np.float32)
    top, left = (
        int(rng.integers(0, max(side - length, 1))) for side, length in zip(page.shape, ink.page.shape, strict=True)
    )
    part = page[top : top + ink.page.shape[0], left : left + ink.page.shape[1]]
    part[:] = ink.page[: part.shape[0], : part.shape[1]]
    return save(grain(lay(paper(page.shape, (244, 242, 238)), page, BLACK), rng, 3), "JPEG", quality=85), ink.lines


def _thumbnail(originals: Digits, rng: Generator) -> Picture:
    """Draw a number so small that each digit has 10 to 20 pixels."""
    ink = _row(originals, rng, 4, tall=(60, 80))
    factor = rng.uniform(10, 20) / ink.height
    page = cv2.resize(ink.page, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return save(lay(paper(page.shape, WHITE), page, BLACK)), ink.lines


def _chalk(originals: Digits, rng: Generator) -> Picture:
    ink = _row(originals, rng, tall=(80, 140), pen=(0.2, 1.2))
    shape = ink.page.shape
    board = paper(shape, (38, 66, 54)) * (1 + 0.15 * clouds(shape, rng, 90) + 0.08 * clouds(shape, rng, 10))[..., None]
    dust = np.clip(0.75 + 0.35 * clouds(shape, rng, 2.5), 0, 1)
    page = lay(board, ink.page * dust, (225, 225, 215), 0.9)
    return save(grain(defocus(page, 0.8), rng, 4), "JPEG", quality=80), ink.lines


def _sheet(originals: Digits, rng: Generator) -> Picture:
    """Write a sheet of 36 to 100 digits in rows."""
    columns = int(rng.integers(6, 11))
    counts = [columns] * int(rng.integers(6, 11))
    ink = write(originals, rng, counts, tall=(45, 70), gap=(0.25, 0.5), leading=(1.4, 1.8), tilt_deg=0.7)
    return save(grain(lay(paper(ink.page.shape, WHITE), ink.page, BLACK), rng, 3), "JPEG", quality=85), ink.lines


CONDITIONS: dict[str, Callable[[Digits, Generator], Picture]] = {
    "one digit": partial(_plain, most=1, least=1),
    "2 to 5 digits": _plain,
    "6 to 12 digits": partial(_plain, most=12, least=6),
    "a touching pair": partial(_plain, most=2, least=2, gap=(-0.1, -0.02)),
    "touching digits": partial(_plain, most=5, least=3, gap=(-0.08, 0.08)),
    "white on black": _screen,
    "sloping line": _sloping,
    "several lines": _several_lines,
    "different sizes": partial(_plain, sizes=(0.6, 1.1)),
    "a box for each digit": _in_boxes,
    "ledger ruling": _on_ruling,
    "sum": _sum,
    "point, comma or dash": _price,
    "word and unit": _labelled,
    "thin pen": partial(_plain, pen=(-1.6, -0.9)),
    "thick marker": partial(_plain, pen=(1.0, 2.0), gap=(0.25, 0.4)),
    "photo, uneven light": partial(_photo, light=_uneven),
    "photo, shadow": partial(_photo, light=_shadowed),
    "photo, a phone's shadow": partial(_photo, light=_under_a_phone),
    "small on a sheet": _small,
    "thumbnail": _thumbnail,
    "chalk on a board": _chalk,
    "sheet of digits": _sheet,
}
