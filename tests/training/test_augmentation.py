"""Augmentation moves and bends digits, and changes the pen, within bounds."""

import numpy as np

from training.data.augmentation import CENTER_PX, LOWER_BOUNDS, MAX_SHIFT_PX, UPPER_BOUNDS, augment
from training.data.datasets import Dataset


def center_of_mass(images: np.ndarray) -> np.ndarray:
    mass = images.sum(axis=(1, 2))
    places = np.arange(images.shape[1])
    return np.stack([(images.sum(axis=axis) * places).sum(axis=1) / mass for axis in (1, 2)], axis=1)


def test_a_blank_image_stays_blank() -> None:
    assert not augment(np.zeros((20, 28, 28), np.uint8), np.random.default_rng(0)).any()


def test_digits_are_shifted_little_and_around_the_center(mnist: Dataset) -> None:
    images = mnist.x_train[:500]
    shifts = center_of_mass(augment(images, np.random.default_rng(0)).astype(float)) - center_of_mass(
        images.astype(float)
    )
    assert np.abs(shifts.mean(axis=0)).max() < 0.3
    assert 0.3 < shifts.std() < MAX_SHIFT_PX
    assert np.abs(center_of_mass(images.astype(float)) - CENTER_PX).max() < 1.1  # as MNIST centers its digits


def test_the_bounds_leave_room_on_both_sides_of_no_change() -> None:
    assert (LOWER_BOUNDS < UPPER_BOUNDS).all()
    unchanged = np.array([0, 0, 1, 1, *[0] * 52])
    assert ((LOWER_BOUNDS[:-2] < unchanged) & (unchanged < UPPER_BOUNDS[:-2])).all()


def test_some_pens_are_thicker_and_some_thinner() -> None:
    bar = np.zeros((400, 28, 28), np.uint8)
    bar[:, 4:24, 12:16] = 255
    ink = augment(bar, np.random.default_rng(0)).astype(float).sum(axis=(1, 2)) / bar[0].sum()
    assert ink.max() > 1.4
    assert ink.min() < 0.7


def test_augmented_digits_vary_and_stay_digits(mnist: Dataset) -> None:
    rng = np.random.default_rng(0)
    varied = augment(np.repeat(mnist.x_train[:1], 50, axis=0), rng)
    assert varied.shape == (50, 28, 28)
    assert varied.dtype == np.uint8
    assert len({image.tobytes() for image in varied}) == 50
    assert 0.5 < varied.mean() / mnist.x_train[0].mean() < 2


def test_digits_are_varied_the_same_one_by_one_or_together(mnist: Dataset) -> None:
    one_by_one, together = np.random.default_rng(0), np.random.default_rng(0)
    varied = [augment(image[None], one_by_one)[0] for image in mnist.x_train[:50]]
    np.testing.assert_array_equal(varied, augment(mnist.x_train[:50], together))
