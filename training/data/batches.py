"""The batches that a network is fitted to: digits in a new order each epoch, augmented, and outliers."""

from collections.abc import Iterator

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from service.preparation.normalize import to_vectors
from training.data.augmentation import augment
from training.data.datasets import Digits
from training.synthetic import outliers

NO_DIGIT = 10  # the label of an outlier

Batch = tuple[NDArray[np.float32], NDArray[np.uint8]]


def make_batches(digits: Digits, size: int, rng: Generator) -> Iterator[Batch]:
    """Yield every digit once: vectors float32 (size, 784) and labels uint8 (size,). The last batch may be smaller."""
    for images, labels in _shuffle(digits, size, rng):
        yield to_vectors(images), labels


def make_augmented_batches(digits: Digits, size: int, outlier_count: int, rng: Generator) -> Iterator[Batch]:
    """Yield full batches of augmented digits, each with a number of outliers appended."""
    for images, labels in _shuffle(digits, size, rng):
        if len(labels) < size:
            return  # the order is new in each epoch, so each leaves out other digits
        augmented = np.concatenate([augment(images, rng), outliers.draw(outlier_count, digits.images, rng)])
        yield to_vectors(augmented), np.append(labels, np.full(outlier_count, NO_DIGIT, np.uint8))


def _shuffle(digits: Digits, size: int, rng: Generator) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    order = rng.permutation(len(digits))
    for start in range(0, len(order), size):
        indices = order[start : start + size]
        yield digits.images[indices], digits.labels[indices]
