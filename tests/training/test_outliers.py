"""Outliers: images that show no digit."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator

from service.preparation.types import Gray
from training.data.datasets import Dataset
from training.synthetic import outliers


def test_outliers_vary_and_depend_on_the_seed_alone(mnist: Dataset) -> None:
    first, again, other = (outliers.draw(200, mnist.x_train, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first.shape, str(first.dtype)) == ((200, 28, 28), "uint8")
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len({image.tobytes() for image in first}) > 190
    assert outliers.draw(0, mnist.x_train, np.random.default_rng(0)).shape == (0, 28, 28)


def test_no_outlier_is_a_training_image(mnist: Dataset) -> None:
    originals = {image.tobytes() for image in mnist.x_train}
    drawn = outliers.draw(2000, mnist.x_train, np.random.default_rng(3))
    assert not any(image.tobytes() in originals for image in drawn)


@pytest.mark.parametrize("draw_outlier", outliers.KINDS)
def test_every_kind_of_outlier_has_ink(draw_outlier: Callable[[Generator, Gray], Gray], mnist: Dataset) -> None:
    rng = np.random.default_rng(0)
    for digit in mnist.x_train[:100]:
        image = draw_outlier(rng, digit)
        assert (image.shape, str(image.dtype)) == ((28, 28), "uint8")
        assert not np.array_equal(image, digit)
    assert image.max() > 0
