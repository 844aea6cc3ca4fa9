"""Batches of digits: vectors and labels belong together, and every epoch has its own order."""

from collections import Counter

import numpy as np

from service.preparation.normalize import to_vectors
from training.data.batches import NO_DIGIT, make_augmented_batches, make_batches
from training.data.datasets import Dataset, Digits


def test_each_vector_has_the_label_of_its_image(mnist: Dataset) -> None:
    digits = mnist.train[:50]
    labels_by_vector = {
        vector.tobytes(): label for vector, label in zip(to_vectors(digits.images), digits.labels, strict=True)
    }
    for vectors, labels in make_batches(digits, 16, np.random.default_rng(0)):
        assert [labels_by_vector[vector.tobytes()] for vector in vectors] == labels.tolist()


def test_augmented_batches_are_full_and_vary_with_the_seed_alone(mnist: Dataset) -> None:
    first, again, other = (
        list(make_augmented_batches(mnist.train[:50], 16, 2, np.random.default_rng(seed))) for seed in (1, 1, 2)
    )
    assert [vectors.shape for vectors, _ in first] == [(18, 784)] * 3
    for (vectors, labels), (same, _), (changed, _) in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(vectors, same)
        assert not np.array_equal(vectors, changed)
        assert (labels == NO_DIGIT).sum() == 2


def test_fewer_digits_than_a_batch_make_no_augmented_batch(mnist: Dataset) -> None:
    assert list(make_augmented_batches(mnist.train[:15], 16, 2, np.random.default_rng(0))) == []


def test_batches_hold_every_digit_once_in_an_order_of_the_seed(mnist: Dataset) -> None:
    digits = mnist.train[:70]
    first, again, other = (list(make_batches(digits, 32, np.random.default_rng(seed))) for seed in (1, 1, 2))
    assert [vectors.shape for vectors, _ in first] == [(32, 784), (32, 784), (6, 784)]
    assert Counter(np.concatenate([labels for _, labels in first])) == Counter(digits.labels)
    for (vectors, _), (same, _), (shuffled, _) in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(vectors, same)
        assert not np.array_equal(vectors, shuffled)


def test_augmented_batches_hold_outliers_with_the_eleventh_label(mnist: Dataset) -> None:
    digits = Digits(mnist.x_train[:64], np.arange(64, dtype=np.uint8) % 10)
    for vectors, labels in make_augmented_batches(digits, 32, 3, np.random.default_rng(0)):
        assert (vectors.shape, str(vectors.dtype)) == ((35, 784), "float32")
        assert labels[-3:].tolist() == [NO_DIGIT] * 3
        assert labels[:32].max() < 10
    assert [len(labels) for _, labels in make_augmented_batches(digits, 32, 0, np.random.default_rng(0))] == [
        32,
        32,
    ]
