"""What a network is shown, batch by batch: images in a new order each epoch, varied, among pictures that are none."""

from collections.abc import Iterator

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from service.preparation.normalize import scale
from training.data.augmentation import augment
from training.data.datasets import Digits
from training.synthetic import outliers

NO_DIGIT = 10  # the label of a picture that shows none

Batch = tuple[NDArray[np.float32], NDArray[np.uint8]]


def epoch(digits: Digits, size: int, rng: Generator) -> Iterator[Batch]:
    """Give every digit once, as vectors float32 (size, 784) and labels uint8 (size,); the last batch may be smaller."""
    for images, labels in _shuffled(digits, size, rng):
        yield scale(images), labels


def augmented_epoch(digits: Digits, size: int, others: int, rng: Generator) -> Iterator[Batch]:
    """Give digits as `augment` varies them, in whole batches, and with each batch so many pictures that are none."""
    for images, labels in _shuffled(digits, size, rng):
        if len(labels) < size:
            return  # those left over are others in each epoch
        shown = np.concatenate([augment(images, rng), outliers.draw(others, digits.images, rng)])
        yield scale(shown), np.append(labels, np.full(others, NO_DIGIT, np.uint8))


def _shuffled(digits: Digits, size: int, rng: Generator) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    order = rng.permutation(len(digits))
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        yield digits.images[chosen], digits.labels[chosen]
