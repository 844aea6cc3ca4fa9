"""Digits that the finder finds in scenes: networks are fitted to them beside MNIST."""

import numpy as np
import pytest

from service.models import loading
from service.preparation.normalize import DIGIT_SHAPE, VECTOR_SIZE
from service.settings import DEFAULT_MODELS, Settings
from training.data.batches import NO_DIGIT
from training.data.datasets import Dataset, Digits
from training.synthetic import scene_digits
from training.synthetic.scene_digits import SceneCounts


@pytest.fixture(scope="module")
def located(mnist: Dataset) -> Digits:
    return scene_digits.find_digits(mnist.train, SceneCounts(60, 120, 10, 60), seed=0, models=DEFAULT_MODELS)


def test_most_digits_are_found_and_few_in_scenes_without_digits(located: Digits) -> None:
    assert located.images.shape[1:] == DIGIT_SHAPE
    assert located.images.max(axis=(1, 2)).min() > 0
    counts = np.bincount(located.labels, minlength=NO_DIGIT + 1)
    assert counts[:NO_DIGIT].sum() > 0.9 * 180
    assert counts[:NO_DIGIT].min() > 0
    assert counts[NO_DIGIT] < 0.6 * 60


@pytest.mark.slow
def test_the_same_seed_gives_the_same_digits(located: Digits, mnist: Dataset) -> None:
    again, other = (
        scene_digits.find_digits(mnist.train, SceneCounts(60, 120, 10, 60), seed, DEFAULT_MODELS) for seed in (0, 1)
    )
    assert again.checksums() == located.checksums()
    assert other.checksums() != located.checksums()


def test_letterforms_alone_need_none_of_the_images(mnist: Dataset) -> None:
    located = scene_digits.find_digits(mnist.train, SceneCounts(0, 20, 0, 0), seed=0, models=DEFAULT_MODELS)
    assert 15 <= len(located) <= 20
    assert NO_DIGIT not in located.labels


def test_the_model_recognizes_letterforms(located: Digits, shipped_model: loading.Model) -> None:
    is_digit = located.labels != NO_DIGIT
    vectors = located.images[is_digit].reshape(-1, VECTOR_SIZE).astype(np.float32) / 255
    right = shipped_model.predict(vectors).argmax(axis=1) == located.labels[is_digit]
    assert right.mean() > 0.85  # many scenes are hard on purpose


@pytest.fixture(scope="module")
def shipped_model() -> loading.Model:
    return loading.load_default(Settings())
