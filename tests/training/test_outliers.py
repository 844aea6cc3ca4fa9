"""Pictures that are no digits, and batches that hold some."""

from collections import Counter

import numpy as np

from training.data import batches
from training.data.datasets import Dataset, Digits
from training.synthetic import outliers


def test_outliers_are_pictures_of_every_kind_by_the_generator_alone(mnist: Dataset) -> None:
    first, again, other = (outliers.draw(200, mnist.x_train, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first.shape, str(first.dtype)) == ((200, 28, 28), "uint8")
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len({picture.tobytes() for picture in first}) > 190
    assert outliers.draw(0, mnist.x_train, np.random.default_rng(0)).shape == (0, 28, 28)


def test_no_outlier_is_a_training_image(mnist: Dataset) -> None:
    images = {image.tobytes() for image in mnist.x_train}
    drawn = outliers.draw(2000, mnist.x_train, np.random.default_rng(3))
    assert not any(picture.tobytes() in images for picture in drawn)


def test_an_epoch_gives_every_digit_once_in_an_order_of_the_generator(mnist: Dataset) -> None:
    digits = mnist.train[:70]
    first, again, other = (list(batches.epoch(digits, 32, np.random.default_rng(seed))) for seed in (1, 1, 2))
    assert [vectors.shape for vectors, _ in first] == [(32, 784), (32, 784), (6, 784)]
    assert Counter(np.concatenate([labels for _, labels in first])) == Counter(digits.labels)
    for (vectors, _), (same, _), (shuffled, _) in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(vectors, same)
        assert not np.array_equal(vectors, shuffled)


def test_augmented_batches_hold_outliers_with_the_eleventh_label(mnist: Dataset) -> None:
    digits = Digits(mnist.x_train[:64], np.arange(64, dtype=np.uint8) % 10)
    for vectors, labels in batches.augmented_epoch(digits, 32, 3, np.random.default_rng(0)):
        assert (vectors.shape, str(vectors.dtype)) == ((35, 784), "float32")
        assert labels[-3:].tolist() == [batches.NO_DIGIT] * 3
        assert labels[:32].max() < 10
    assert [len(labels) for _, labels in batches.augmented_epoch(digits, 32, 0, np.random.default_rng(0))] == [32, 32]
