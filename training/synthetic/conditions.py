"""Pictures as people upload them, made of MNIST's images: what the service's preparation is measured by.

Every condition takes a digit, uint8 (28, 28), white on black, and a random generator, and gives a picture file.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from training.data.datasets import Digits
from training.synthetic.rendering import (
    BLACK,
    BLUE,
    WHITE,
    Array,
    Color,
    box,
    clouds,
    defocus,
    grain,
    lay,
    lines,
    paper,
    phone,
    place,
    save,
    shadow,
    slope,
    trace,
    write,
)  # fmt: skip

Digit = NDArray[np.uint8]


@dataclass(frozen=True)
class Upload:
    """A picture file, the digit it shows, and the condition it was made under."""

    condition: str
    label: int
    data: bytes


@dataclass(frozen=True)
class Task:
    """Digits to draw under one condition, and the random generator to do it with."""

    condition: str
    digits: Digits
    rng: Generator


def make(originals: Digits, count: int, seed: int) -> Iterator[Upload]:
    """Make uploads under every condition, of `count` digits each, or of all if these are fewer, chosen at random.

    The same seed gives the same files.
    """
    for task in tasks(originals, count, seed):
        yield from draw(task)


def tasks(originals: Digits, count: int, seed: int) -> Iterator[Task]:
    """Choose what to draw under each condition, so that conditions can be drawn side by side."""
    for number, condition in enumerate(CONDITIONS):
        rng = np.random.default_rng((seed, number))
        chosen = rng.choice(len(originals), min(count, len(originals)), replace=False)
        yield Task(condition, Digits(originals.images[chosen], originals.labels[chosen]), rng)


def draw(task: Task) -> Iterator[Upload]:
    """Draw the uploads of one condition."""
    for image, label in zip(task.digits.images, task.digits.labels, strict=True):
        yield Upload(task.condition, int(label), CONDITIONS[task.condition](image, task.rng))


def _mnist(digit: Digit, rng: Generator) -> bytes:
    return save(digit)


def _inverted(digit: Digit, rng: Generator) -> bytes:
    return save(255 - digit)


def _canvas(digit: Digit, rng: Generator, ink: Color, page: Color) -> bytes:
    side = int(rng.integers(150, 500))
    return save(lay(paper((side, side), page), write(digit, rng, (side, side), (0.4, 0.85), (-0.4, 0.8)), ink))


def _enlarged(digit: Digit, rng: Generator) -> bytes:
    factor = int(rng.integers(2, 20))
    picture = np.kron(digit, np.ones((factor, factor), np.uint8))
    return save(255 - picture if rng.random() < 0.5 else picture)


def _screenshot(digit: Digit, rng: Generator) -> bytes:
    shape = (int(rng.integers(200, 700)), int(rng.integers(200, 900)))
    page, ink = rng.uniform(0, 255, 3), rng.uniform(0, 255, 3)
    while abs(_luma(page) - _luma(ink)) < 70:
        page, ink = rng.uniform(0, 255, 3), rng.uniform(0, 255, 3)
    return save(lay(paper(shape, tuple(page)), write(digit, rng, shape, (0.25, 0.8)), tuple(ink)))


def _luma(color: NDArray[np.float64]) -> float:
    return float(color @ np.array([0.299, 0.587, 0.114]))


def _small(digit: Digit, rng: Generator) -> bytes:
    shape = (int(rng.integers(300, 600)), int(rng.integers(300, 800)))
    ink = write(digit, rng, shape, (0.09, 0.16), spread=0.9)
    return save(grain(lay(paper(shape, (244, 242, 238)), ink, BLACK), rng, 3), "JPEG", quality=85)


def _thumbnail(digit: Digit, rng: Generator) -> bytes:
    shape = (int(rng.integers(24, 64)), int(rng.integers(24, 64)))
    return save(lay(paper(shape, WHITE), write(digit, rng, shape, (0.6, 0.9)), BLACK))


def _filling(digit: Digit, rng: Generator) -> bytes:
    ink = trace(digit, rng.uniform(80, 400), rng.uniform(-0.4, 0.6))
    margin = rng.integers(0, 3, 4)
    page = np.pad(ink, ((margin[0], margin[1]), (margin[2], margin[3])))
    return save(lay(paper(page.shape, WHITE), page, BLACK))


def _edge(digit: Digit, rng: Generator) -> bytes:
    ink = trace(digit, rng.uniform(90, 200), rng.uniform(-0.4, 0.6))
    side = max(300, *(length + 1 for length in ink.shape))
    top, left = (rng.integers(0, side - np.array(ink.shape))) * rng.permutation([0, 1])
    page = np.zeros((side, side), np.float32)
    page[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return save(lay(paper(page.shape, (250, 250, 245)), page, BLACK), "JPEG", quality=90)


def _pen(digit: Digit, rng: Generator, pen: tuple[float, float]) -> bytes:
    shape = (int(rng.integers(250, 500)), int(rng.integers(250, 600)))
    ink = write(digit, rng, shape, (0.4, 0.75), pen)
    return save(grain(lay(paper(shape, (250, 248, 242)), ink, BLACK), rng, 2), "JPEG", quality=88)


def _photo(
    digit: Digit,
    rng: Generator,
    light: Callable[[tuple[int, int], Generator], Array],
    tall: tuple[float, float] = (0.25, 0.7),
) -> bytes:
    shape = (480, 640) if rng.random() < 0.5 else (640, 480)
    page = paper(shape, (235, 232, 222)) * (1 + 0.02 * clouds(shape, rng, 6))[..., None]
    page = lay(page, write(digit, rng, shape, tall), BLUE if rng.random() < 0.5 else BLACK, rng.uniform(0.75, 1))
    page = page * light(shape, rng)[..., None] * rng.uniform(0.6, 1.0)
    page = grain(defocus(page, rng.uniform(0.6, 1.5)), rng, rng.uniform(2, 7))
    return save(page, "JPEG", quality=int(rng.integers(60, 92)))


def _uneven(shape: tuple[int, int], rng: Generator) -> Array:
    return slope(shape, rng, rng.uniform(0.35, 0.7)) * (1 + 0.1 * clouds(shape, rng, 200))


def _shadowed(shape: tuple[int, int], rng: Generator) -> Array:
    return shadow(shape, rng, rng.uniform(0.45, 0.75), rng.uniform(2, 30)) * slope(shape, rng, 0.8)


def _under_a_phone(shape: tuple[int, int], rng: Generator) -> Array:
    return phone(shape, rng, rng.uniform(0.35, 0.7), rng.uniform(1, 12)) * slope(shape, rng, 0.7)


def _vignette(shape: tuple[int, int], rng: Generator) -> Array:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    radius = np.hypot(x / shape[1] - 0.5, y / shape[0] - 0.5)
    return (1 - rng.uniform(0.5, 1.2) * radius**2).astype(np.float32)


def _ruled(digit: Digit, rng: Generator, squared: bool = False) -> bytes:
    shape = (int(rng.integers(300, 500)), int(rng.integers(300, 640)))
    ink = write(digit, rng, shape, (0.3, 0.7), (-0.3, 0.8))
    gap, width = shape[0] * rng.uniform(0.08, 0.2), rng.uniform(1, 2.5)
    ruling = lines(shape, rng, gap, width=width)
    if squared:
        ruling = np.maximum(ruling, lines(shape, rng, gap, vertical=True, width=width))
    color = (rng.uniform(120, 190), rng.uniform(150, 200), rng.uniform(200, 235))
    page = lay(lay(paper(shape, (248, 247, 240)), ruling, color), ink, BLUE if rng.random() < 0.6 else BLACK)
    page = page * slope(shape, rng, rng.uniform(0.6, 1))[..., None]
    return save(grain(page, rng, rng.uniform(1, 4)), "JPEG", quality=80)


def _darkly_ruled(digit: Digit, rng: Generator) -> bytes:
    shape = (int(rng.integers(250, 450)), int(rng.integers(250, 600)))
    ink = write(digit, rng, shape, (0.35, 0.7), (0, 1))
    ruling = lines(shape, rng, shape[0] * rng.uniform(0.25, 0.5), width=rng.uniform(1, 2.5))
    return save(grain(lay(lay(paper(shape, WHITE), ruling, (60, 60, 60)), ink, BLACK), rng, 2), "JPEG", quality=85)


def _form(digit: Digit, rng: Generator) -> bytes:
    shape = (int(rng.integers(120, 400)), int(rng.integers(120, 400)))
    ink = write(digit, rng, shape, (0.45, 0.75), spread=0.7)
    field = box(shape, rng, int(rng.integers(1, 5)))
    return save(lay(lay(paper(shape, WHITE), field, (BLACK, (90, 90, 90), (200, 60, 60))[rng.integers(3)]), ink, BLACK))


def _touched_form(digit: Digit, rng: Generator) -> bytes:
    """Write over the border of a form's field."""
    shape = (int(rng.integers(200, 400)), int(rng.integers(200, 400)))
    ink = write(digit, rng, shape, (0.35, 0.55), spread=0.5)
    left, top, width, height = cv2.boundingRect((ink > 0.5).astype(np.uint8))
    reach = np.rint(max(width, height) * rng.uniform(-0.06, 0.25, 4)).astype(int)
    field = np.zeros(shape, np.float32)
    corners = (left - reach[0], top - reach[1]), (left + width + reach[2], top + height + reach[3])
    cv2.rectangle(field, *corners, 1.0, int(rng.integers(1, 4)), cv2.LINE_AA)
    return save(lay(lay(paper(shape, WHITE), field, (90, 90, 90)), ink, BLUE if rng.random() < 0.5 else BLACK))


def _underlined(digit: Digit, rng: Generator) -> bytes:
    shape = (int(rng.integers(200, 400)), int(rng.integers(250, 500)))
    ink = write(digit, rng, shape, (0.3, 0.5), spread=0.4)
    left, top, width, height = cv2.boundingRect((ink > 0.5).astype(np.uint8))
    foot = top + height + int(height * rng.uniform(-0.03, 0.15))
    ends = (left - int(height * rng.uniform(0.6, 1.2)), left + width + int(height * rng.uniform(0.6, 1.2)))
    line = cv2.line(np.zeros(shape, np.float32), (ends[0], foot), (ends[1], foot), 1.0, int(rng.integers(1, 4)))
    return save(grain(lay(lay(paper(shape, WHITE), line, (60, 60, 60)), ink, BLACK), rng, 2), "JPEG", quality=85)


def _chalk(digit: Digit, rng: Generator) -> bytes:
    shape = (480, 640)
    board = paper(shape, (38, 66, 54)) if rng.random() < 0.5 else paper(shape, (40, 42, 45))
    board = board * (1 + 0.15 * clouds(shape, rng, 90) + 0.08 * clouds(shape, rng, 10))[..., None]
    dust = np.clip(0.75 + 0.35 * clouds(shape, rng, 2.5), 0, 1)
    ink = write(digit, rng, shape, (0.3, 0.7), (0.2, 1.2)) * dust
    page = lay(board, ink, (225, 225, 215), 0.9) * slope(shape, rng, rng.uniform(0.5, 1))[..., None]
    return save(grain(defocus(page, 0.8), rng, 4), "JPEG", quality=80)


def _transparent(digit: Digit, rng: Generator, color: Color) -> bytes:
    side = int(rng.integers(100, 500))
    ink = write(digit, rng, (side, side), (0.4, 0.85))
    page = np.dstack([paper((side, side), color), ink * 255])
    return save(page, mode="RGBA" if rng.random() < 0.5 else "LA")


def _specks(digit: Digit, rng: Generator) -> bytes:
    shape = (int(rng.integers(250, 500)), int(rng.integers(250, 500)))
    ink = write(digit, rng, shape, (0.4, 0.7))
    dust = np.zeros(shape, np.float32)
    for _ in range(int(rng.integers(10, 60))):
        at = (int(rng.integers(shape[1])), int(rng.integers(shape[0])))
        cv2.circle(dust, at, int(rng.integers(1, 4)), float(rng.uniform(0.4, 1)), -1, cv2.LINE_AA)
    return save(lay(lay(paper(shape, (240, 238, 230)), dust, (70, 60, 50)), ink, BLACK), "JPEG", quality=85)


def _compressed(digit: Digit, rng: Generator) -> bytes:
    shape = (int(rng.integers(100, 300)), int(rng.integers(100, 300)))
    page = lay(paper(shape, (230, 230, 225)), write(digit, rng, shape, (0.35, 0.8)), BLUE)
    return save(grain(page, rng, 3), "JPEG", quality=int(rng.integers(10, 41)))


def _noisy(digit: Digit, rng: Generator) -> bytes:
    shape = (int(rng.integers(120, 480)), int(rng.integers(120, 640)))
    page = lay(paper(shape, (190, 190, 185)), write(digit, rng, shape, (0.4, 0.8), (-0.2, 0.8)), (50, 50, 60))
    return save(grain(page, rng, rng.uniform(15, 40)), "JPEG", quality=85)


def _salted(digit: Digit, rng: Generator) -> bytes:
    side = int(rng.integers(150, 400))
    page = lay(paper((side, side), WHITE), write(digit, rng, (side, side), (0.4, 0.8), (-0.2, 0.8)), BLACK)
    hit = rng.random((side, side)) < rng.uniform(0.01, 0.06)
    page[hit] = rng.choice([0, 255], (int(hit.sum()), 1))
    return save(page)


def _blurred(digit: Digit, rng: Generator) -> bytes:
    shape = (int(rng.integers(200, 480)), int(rng.integers(200, 640)))
    tall = rng.uniform(0.4, 0.8)
    page = lay(paper(shape, (235, 235, 230)), write(digit, rng, shape, (tall, tall)), BLACK)
    return save(grain(defocus(page, tall * shape[0] * rng.uniform(0.015, 0.04)), rng, 2), "JPEG", quality=80)


def _broken(digit: Digit, rng: Generator) -> bytes:
    shape = (300, 300)
    ink = trace(digit, rng.uniform(120, 220), rng.uniform(-0.3, 0.5))
    cut = int(ink.shape[0] * rng.uniform(0.25, 0.75))
    gap = max(2, int(ink.shape[0] * rng.uniform(0.02, 0.08)))
    ink[cut : cut + gap] = 0
    page = lay(paper(shape, (245, 245, 240)), place(ink, shape, rng, 0.8), BLACK)
    return save(grain(page, rng, 2), "JPEG", quality=85)


def _pencil(digit: Digit, rng: Generator) -> bytes:
    shape = (int(rng.integers(250, 480)), int(rng.integers(250, 640)))
    texture = np.clip(0.8 + 0.4 * clouds(shape, rng, 2), 0, 1)
    ink = write(digit, rng, shape, (0.35, 0.7), (-0.8, 0.2)) * texture
    page = lay(paper(shape, (238, 236, 230)), ink, (110, 110, 112), rng.uniform(0.35, 0.8))
    return save(grain(page * slope(shape, rng, 0.8)[..., None], rng, 2.5), "JPEG", quality=85)


def _textured(digit: Digit, rng: Generator) -> bytes:
    shape = (int(rng.integers(250, 480)), int(rng.integers(250, 640)))
    fibres = 0.10 * clouds(shape, rng, 2) + 0.10 * clouds(shape, rng, 5) + 0.10 * clouds(shape, rng, 30)
    page = paper(shape, ((205, 180, 140), (225, 220, 200), (180, 175, 170))[rng.integers(3)]) * (1 + fibres)[..., None]
    return save(lay(page, write(digit, rng, shape, (0.35, 0.75), (-0.2, 0.8)), BLACK, 0.92), "JPEG", quality=80)


def _on_table(digit: Digit, rng: Generator) -> bytes:
    """Photograph a sheet that lies on a dark table, turned a little, its edges in view."""
    shape = (480, 640)
    table = paper(shape, (70, 50, 38)) * (1 + 0.15 * clouds(shape, rng, 25))[..., None]
    corners = np.array([(90, 60), (550, 60), (550, 420), (90, 420)]) + rng.uniform(-50, 50, (4, 2))
    sheet = np.zeros(shape, np.float32)
    cv2.fillConvexPoly(sheet, np.rint(corners).astype(np.int32), 1.0, cv2.LINE_AA)
    ink = place(trace(digit, rng.uniform(110, 200), rng.uniform(-0.4, 0.6)), shape, rng, 0.25)
    page = lay(lay(table, sheet, (232, 230, 222)), ink, BLACK, 0.95) * slope(shape, rng, 0.7)[..., None]
    return save(grain(defocus(page, 0.8), rng, 4), "JPEG", quality=80)


def _note(digit: Digit, rng: Generator) -> bytes:
    """Photograph a note that lies on a desk, large enough for the digit on it."""
    shape, side = (480, 640), rng.uniform(150, 260)
    desk = paper(shape, (rng.uniform(40, 120), rng.uniform(40, 90), rng.uniform(30, 70)))
    desk = desk * (1 + 0.12 * clouds(shape, rng, 30))[..., None]
    middle = (rng.uniform(180, 460), rng.uniform(150, 330))
    corners = cv2.boxPoints((middle, (side, side * rng.uniform(0.9, 1.1)), rng.uniform(-12, 12)))
    sheet = np.zeros(shape, np.float32)
    cv2.fillConvexPoly(sheet, np.rint(corners).astype(np.int32), 1.0, cv2.LINE_AA)
    ink, page = trace(digit, side * rng.uniform(0.4, 0.6), rng.uniform(-0.4, 0.4)), np.zeros(shape, np.float32)
    left, top = (int(at - length / 2) for at, length in zip(middle, ink.shape[::-1], strict=True))
    page[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    note = lay(lay(desk, sheet, (240, 225, 120)), page, BLUE, 0.95) * slope(shape, rng, 0.7)[..., None]
    return save(grain(defocus(note, 0.8), rng, 4), "JPEG", quality=80)


def _window(digit: Digit, rng: Generator) -> bytes:
    """Draw in a window, light or dark, of a screen that is neither."""
    shape, side = (int(rng.integers(300, 600)), int(rng.integers(300, 800))), int(rng.integers(160, 280))
    dark = rng.random() < 0.5
    screen = paper(shape, (255, 255, 255) if dark else (70, 74, 80))
    window = paper((side, side), (0, 0, 0) if dark else WHITE)
    ink = write(digit, rng, (side, side), (0.45, 0.75), spread=0.5)
    top, left = (int(rng.integers(10, length - side - 10)) for length in shape)
    screen[top : top + side, left : left + side] = lay(window, ink, WHITE if dark else BLACK)
    return save(screen)


def _scan(digit: Digit, rng: Generator) -> bytes:
    """Scan a slip of paper: its edge is a dark band at one or two sides of the picture."""
    shape = (int(rng.integers(300, 600)), int(rng.integers(300, 600)))
    ink = write(digit, rng, shape, (0.3, 0.55), (-0.4, 0.6), spread=0.4)
    page = lay(paper(shape, (250, 250, 250)), ink, BLACK)
    band = int(rng.integers(3, 25))
    page[:band] = rng.uniform(0, 90)
    if rng.random() < 0.5:
        page[:, -band:] = rng.uniform(0, 90)
    return save(grain(page, rng, 2), "TIFF", "1" if rng.random() < 0.3 else "L")


# How a camera stores its pixels for each EXIF orientation: the opposite of what a reader must do.
STORED_AS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def _sideways(digit: Digit, rng: Generator) -> bytes:
    shape = (400, 300)
    page = lay(paper(shape, (240, 240, 235)), write(digit, rng, shape, (0.3, 0.6)), BLUE)
    orientation, exif = int(rng.integers(1, 9)), Image.Exif()
    exif[0x0112] = orientation
    return save(page, "JPEG", turn=STORED_AS.get(orientation), quality=85, exif=exif)


# Formats and modes of drawing programs.
DRAWN_AS = (
    ("PNG", "1"), ("PNG", "P"), ("GIF", "P"), ("JPEG", "CMYK"), ("TIFF", "CMYK"), ("WEBP", "RGB"), ("BMP", "L"),
    ("PPM", "RGB"),
)  # fmt: skip


def _gray_levels(digit: Digit, rng: Generator) -> bytes:
    """Save what a drawing program may: few colors, CMYK, a format of its own."""
    side = int(rng.integers(120, 400))
    page = lay(paper((side, side), (250, 250, 250)), write(digit, rng, (side, side), (0.4, 0.8)), BLACK)
    kind, mode = DRAWN_AS[rng.integers(len(DRAWN_AS))]
    return save(page, kind, mode)


CONDITIONS: dict[str, Callable[[Digit, Generator], bytes]] = {
    "MNIST's own file": _mnist,
    "MNIST's own, dark on light": _inverted,
    "MNIST's own, enlarged": _enlarged,
    "canvas, black on white": partial(_canvas, ink=BLACK, page=WHITE),
    "canvas, white on black": partial(_canvas, ink=WHITE, page=(0, 0, 0)),
    "screenshot, any colors": _screenshot,
    "a tenth of the height": _small,
    "thumbnail": _thumbnail,
    "filling the frame": _filling,
    "touching an edge": _edge,
    "thin pen": partial(_pen, pen=(-1.8, -1.0)),
    "thick marker": partial(_pen, pen=(1.2, 2.5)),
    "photo, uneven light": partial(_photo, light=_uneven),
    "photo, shadow": partial(_photo, light=_shadowed),
    "photo, a phone's shadow": partial(_photo, light=_under_a_phone),
    "photo, vignette": partial(_photo, light=_vignette),
    "photo from afar": partial(_photo, light=_uneven, tall=(0.1, 0.2)),
    "ruled paper": _ruled,
    "squared paper": partial(_ruled, squared=True),
    "dark ruling": _darkly_ruled,
    "form field": _form,
    "form field, written over": _touched_form,
    "underlined": _underlined,
    "chalk on a board": _chalk,
    "transparent, dark ink": partial(_transparent, color=(20, 20, 40)),
    "transparent, light ink": partial(_transparent, color=(250, 250, 250)),
    "specks and dust": _specks,
    "JPEG, quality 10 to 40": _compressed,
    "noise": _noisy,
    "salt and pepper": _salted,
    "blur": _blurred,
    "broken in two": _broken,
    "pencil": _pencil,
    "textured paper": _textured,
    "sheet on a dark table": _on_table,
    "note on a desk": _note,
    "window on a screen": _window,
    "scan with dark edges": _scan,
    "held sideways (EXIF)": _sideways,
    "other formats and modes": _gray_levels,
}
