"""Time from an image file to all digits in it: python tests/benchmarks/number_time.py.

All files are decoded and read in turn, on one thread; reading includes decoding. The goal for a row of ten digits is 3
times the time of one digit; for a page of a hundred it is 60 ms more than its decoding.
"""

import time
from collections.abc import Callable
from statistics import median

import numpy as np

from service.inference.predictor import Predictor
from service.models import loading
from service.preparation import finder
from service.preparation.decode import decode
from service.preparation.types import Floats
from service.settings import Settings
from training.data import datasets
from training.synthetic.rendering import (
    BLUE,
    add_grain,
    defocus,
    encode_image,
    fill_page,
    lay_ink,
    light_from_side,
    trace_digit,
)

SECONDS = 4.0  # for each file


def photo(digits: np.ndarray, rows: int, columns: int, shape: tuple[int, int], height: float) -> bytes:
    """Photograph rows of digits on paper that is lit from one side."""
    rng, ink = np.random.default_rng(0), np.zeros(shape, np.float32)
    for place, digit in enumerate(digits[: rows * columns]):
        center = (shape[0] * (place // columns + 0.5) / rows, shape[1] * (place % columns + 0.5) / columns)
        write(ink, trace_digit(digit, height), center)
    page = lay_ink(fill_page(shape, (235, 232, 222)), ink, BLUE) * light_from_side(shape, rng, 0.6)[..., None]
    return encode_image(add_grain(defocus(page, 1), rng, 4), "JPEG", quality=90)


def write(page: Floats, digit: Floats, center: tuple[float, float]) -> None:
    """Write a digit around a center (y, x)."""
    top, left = (round(middle - side / 2) for middle, side in zip(center, digit.shape, strict=True))
    page[top : top + digit.shape[0], left : left + digit.shape[1]] = digit


def milliseconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


def measure(file: bytes, predictor: Predictor) -> tuple[float, float]:
    """Return the median milliseconds of decoding a file, and of reading its digits."""
    limits, bare, whole = predictor.settings, list[float](), list[float]()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        bare.append(milliseconds(lambda: decode(file, limits.max_pixels, limits.max_frames)))
        whole.append(milliseconds(lambda: predictor.read(file)))
    return median(bare), median(whole)


def main() -> None:
    """Print a row for each file."""
    settings, digits = Settings(), datasets.load().x_test
    predictor = Predictor(loading.load_default(settings), finder.load(settings.models), settings)
    files = {
        "one digit, 640x480": photo(digits, 1, 1, (480, 640), 200),
        "a row of 10, 640x480": photo(digits, 1, 10, (480, 640), 45),
        "a page of 100, 1600x1200": photo(digits, 10, 10, (1200, 1600), 70),
    }
    times = {name: measure(file, predictor) for name, file in files.items()}
    (_, first), *_ = times.values()
    print("| JPEG | digits read | decode | whole | beside decoding | ratio |\n| --- | --: | --: | --: | --: | --: |")
    for name, (bare, whole) in times.items():
        count = sum(len(line.digits) for line in predictor.read(files[name]).lines)
        beside = whole - bare
        print(f"| {name} | {count} | {bare:.2f} ms | {whole:.2f} ms | {beside:.2f} ms | {whole / first:.2f} |")


if __name__ == "__main__":
    main()
