"""A few of MNIST's test images that any version should read, and what is wrong with one that doesn't.

The first three of each digit that all versions of the package read right.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.preparation.normalize import scale

FILE = Path(__file__).with_name("known_digits.npz")
SCALES = (1, 255)  # what white often is to a model
PAIR = 2  # digits at once: LiteRT keeps the memory of the largest batch, 1.6 MB more for all at once

Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@cache
def load() -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Load the digits, as vectors float32 (30, 784) in [0, 1], and their labels uint8 (30,)."""
    with np.load(FILE) as arrays:
        return scale(arrays["images"]), arrays["labels"]


def find_fault(predict: Predict, white: float) -> str:
    """Say how a model misreads the known digits; nothing where it reads most of them.

    Args:
        predict: gives the probabilities float32 (n, 10) of vectors float32 (n, 784) in [0, 1].
        white: the scale that it is given its pixels in, as far as is known.

    """
    wrong, count = _wrong(predict, 1), len(load()[1])
    if 2 * wrong <= count:
        return ""
    fault = f"It reads {wrong} of {count} known digits wrong."
    better = next((other for other in SCALES if other != white and 2 * _wrong(predict, other / white) <= count), None)
    if better is None:
        return fault
    return (
        f"{fault} It reads most of them right where white is {better}: say so in assets.extra/model.json,"
        f' {{"input": {{"scale": {better}}}}}, or by MNIST_INPUT_SCALE={better}, for all without a card.'
    )


def _wrong(predict: Predict, factor: float) -> int:
    vectors, labels = load()
    pairs = np.split(vectors * np.float32(factor), len(vectors) // PAIR)
    digits = np.concatenate([predict(pair).argmax(axis=1) for pair in pairs])
    return int((digits != labels).sum())
