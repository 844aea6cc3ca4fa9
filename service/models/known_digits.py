"""A few of MNIST's test images that every version should read, and the fault of a version that doesn't.

The file holds the first three images of each digit that all versions of the package read right.
"""

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.models.runtimes import Predict
from service.preparation.normalize import to_vectors
from service.preparation.types import Floats

FILE = Path(__file__).with_name("known_digits.npz")
COMMON_WHITE_VALUES = (1, 255)  # the usual values of a white pixel
BATCH_SIZE = 2  # LiteRT keeps the memory of the largest batch: 1.6 MB more for all digits at once


@cache
def load() -> tuple[Floats, NDArray[np.uint8]]:
    """Load the digits, as vectors float32 (30, 784) in [0, 1], and their labels uint8 (30,)."""
    with np.load(FILE) as arrays:
        return to_vectors(arrays["images"]), arrays["labels"]


def find_fault(predict: Predict, white: float) -> str:
    """Return how a model misreads the known digits, in sentences; empty if it reads at least half of them right.

    Args:
        predict: returns the probabilities float32 (n, 10) of vectors float32 (n, 784) in [0, 1].
        white: the value of a white pixel that `predict` scales its vectors to.

    """
    wrong, count = _count_wrong(predict, 1), len(load()[1])
    if 2 * wrong <= count:
        return ""
    fault = f"It reads {wrong} of {count} known digits wrong."
    better = _find_better_white(predict, white)
    if better is None:
        return fault
    return (
        f"{fault} It reads most of them right where white is {better}: say so in assets.extra/model.json,"
        f' {{"input": {{"scale": {better}}}}}, or by MNIST_INPUT_SCALE={better}, for all without a card.'
    )


def _find_better_white(predict: Predict, white: float) -> int | None:
    """Return another value of a white pixel with which the model reads at least half of the digits right, if any."""
    count = len(load()[1])
    values = (value for value in COMMON_WHITE_VALUES if value != white)
    return next((value for value in values if 2 * _count_wrong(predict, value / white) <= count), None)


def _count_wrong(predict: Predict, factor: float) -> int:
    """Return how many known digits a model reads wrong if their vectors are multiplied by a factor."""
    vectors, labels = load()
    batches = np.split(vectors * np.float32(factor), len(vectors) // BATCH_SIZE)
    digits = np.concatenate([predict(batch).argmax(axis=1) for batch in batches])
    return int((digits != labels).sum())
