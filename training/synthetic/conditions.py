"""Uploads: held-out digits of MNIST in images as people send them. The service's preparation is measured on them.

A condition is a kind of image. Its function takes a digit, uint8 (28, 28), white on black, and a random generator, and
returns an image file.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.random import Generator

from service.preparation.types import Gray
from training.data.datasets import Digits
from training.synthetic import paper_images, photos, screen_images
from training.synthetic.rendering import BLACK, WHITE


@dataclass(frozen=True)
class Upload:
    """An image file, the digit that it shows, and its condition."""

    condition: str
    label: int
    data: bytes


@dataclass(frozen=True)
class ConditionTask:
    """Digits to draw in one condition, and the random generator for it."""

    condition: str
    digits: Digits
    rng: Generator


def draw_uploads(originals: Digits, count: int, seed: int) -> Iterator[Upload]:
    """Yield `count` uploads in every condition, or one of each digit if there are fewer digits.

    The same seed yields the same files.
    """
    for task in choose_tasks(originals, count, seed):
        yield from draw_task(task)


def choose_tasks(originals: Digits, count: int, seed: int) -> Iterator[ConditionTask]:
    """Yield a task for each condition, with digits chosen at random. Tasks may be drawn in parallel."""
    for number, condition in enumerate(CONDITIONS):
        rng = np.random.default_rng((seed, number))
        indexes = rng.choice(len(originals), min(count, len(originals)), replace=False)
        yield ConditionTask(condition, originals[indexes], rng)


def draw_task(task: ConditionTask) -> Iterator[Upload]:
    """Draw the uploads of one condition."""
    for image, label in zip(task.digits.images, task.digits.labels, strict=True):
        yield Upload(task.condition, int(label), CONDITIONS[task.condition](image, task.rng))


# The place of a condition in this table is part of its seed.
CONDITIONS: dict[str, Callable[[Gray, Generator], bytes]] = {
    "MNIST's own file": screen_images.draw_mnist,
    "MNIST's own, dark on light": screen_images.draw_inverted,
    "MNIST's own, enlarged": screen_images.draw_enlarged,
    "canvas, black on white": partial(screen_images.draw_canvas, ink_color=BLACK, page_color=WHITE),
    "canvas, white on black": partial(screen_images.draw_canvas, ink_color=WHITE, page_color=(0, 0, 0)),
    "screenshot, any colors": screen_images.draw_screenshot,
    "a tenth of the height": paper_images.draw_small,
    "thumbnail": screen_images.draw_thumbnail,
    "filling the frame": screen_images.draw_filling,
    "touching an edge": screen_images.draw_at_edge,
    "thin pen": partial(paper_images.draw_with_pen, pens=(-1.8, -1.0)),
    "thick marker": partial(paper_images.draw_with_pen, pens=(1.2, 2.5)),
    "photo, uneven light": partial(photos.draw_photo, light=photos.light_unevenly),
    "photo, shadow": partial(photos.draw_photo, light=photos.light_beside_shadow),
    "photo, a phone's shadow": partial(photos.draw_photo, light=photos.light_around_phone),
    "photo, vignette": partial(photos.draw_photo, light=photos.light_through_lens),
    "photo from afar": partial(photos.draw_photo, light=photos.light_unevenly, heights=(0.1, 0.2)),
    "ruled paper": paper_images.draw_ruled,
    "squared paper": partial(paper_images.draw_ruled, is_squared=True),
    "dark ruling": paper_images.draw_darkly_ruled,
    "form field": paper_images.draw_in_field,
    "form field, written over": paper_images.draw_over_field,
    "underlined": paper_images.draw_underlined,
    "chalk on a board": photos.draw_chalk,
    "transparent, dark ink": partial(screen_images.draw_transparent, color=(20, 20, 40)),
    "transparent, light ink": partial(screen_images.draw_transparent, color=(250, 250, 250)),
    "specks and dust": paper_images.draw_among_specks,
    "JPEG, quality 10 to 40": photos.draw_compressed,
    "noise": photos.draw_noisy,
    "salt and pepper": screen_images.draw_salted,
    "blur": photos.draw_blurred,
    "broken in two": paper_images.draw_broken,
    "pencil": paper_images.draw_with_pencil,
    "textured paper": paper_images.draw_on_textured,
    "sheet on a dark table": photos.draw_on_table,
    "note on a desk": photos.draw_note,
    "window on a screen": screen_images.draw_window,
    "scan with dark edges": paper_images.draw_scan,
    "held sideways (EXIF)": photos.draw_sideways,
    "other formats and modes": screen_images.draw_in_format,
}
