"""Time from an image file to the 28x28, beside Pillow's bare decode: python tests/benchmarks/picture_time.py.

All files are measured both ways in turn, on one thread.
"""

import io
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from PIL import Image

from service.preparation import finder
from service.preparation.decode import decode
from service.preparation.normalize import prepare
from service.settings import Settings
from training.data import datasets
from training.synthetic.rendering import (
    BLUE,
    add_grain,
    defocus,
    draw_clouds,
    encode_image,
    fill_page,
    lay_ink,
    light_from_side,
    write_digit,
)

SECONDS = 3.0  # for each file


def photo(digit: np.ndarray, shape: tuple[int, int]) -> bytes:
    """Photograph a digit on paper that is lit from one side."""
    rng = np.random.default_rng(0)
    page = fill_page(shape, (235, 232, 222)) * (1 + 0.02 * draw_clouds(shape, rng, 6))[..., None]
    page = lay_ink(page, write_digit(digit, rng, shape, (0.3, 0.6)), BLUE) * light_from_side(shape, rng, 0.6)[..., None]
    return encode_image(add_grain(defocus(page, 1), rng, 4), "JPEG", quality=90)


def milliseconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


def measure(file: bytes) -> tuple[float, float]:
    """Return the median milliseconds of Pillow's bare decode, and of the service's decode and preparation."""
    limits, bare, ours = Settings(), [], []
    loaded = finder.load(limits.models)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        bare.append(milliseconds(lambda: Image.open(io.BytesIO(file)).load()))
        ours.append(milliseconds(lambda: prepare(decode(file, limits.max_pixels, limits.max_frames), loaded)))
    return median(bare), median(ours)


def main() -> None:
    """Print a row for each file."""
    mnist = datasets.load()
    digit = mnist.x_train[0]
    files = {
        "12-megapixel photo, JPEG": photo(digit, (3000, 4000)),
        "640x480 photo, JPEG": photo(digit, (480, 640)),
        "MNIST's own, PNG": encode_image(digit),
        "the same, dark on light": encode_image(255 - digit),
    }
    print("| file | bare decode | to 28x28 | ratio |\n| --- | --: | --: | --: |")
    for name, file in files.items():
        bare, ours = measure(file)
        print(f"| {name} | {bare:.2f} ms | {ours:.2f} ms | {ours / bare:.2f} |")


if __name__ == "__main__":
    main()
