"""Digits found in scenes, and images without a digit: what a network is fitted to beside MNIST, and measured on."""

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
def read(mnist: Dataset) -> Digits:
    return scene_digits.find_digits(mnist.train, SceneCounts(60, 120, 10, 60), seed=0, models=DEFAULT_MODELS)


def test_most_digits_are_found_and_few_where_there_are_none(read: Digits) -> None:
    assert read.images.shape[1:] == DIGIT_SHAPE
    assert read.images.max(axis=(1, 2)).min() > 0
    counts = np.bincount(read.labels, minlength=NO_DIGIT + 1)
    assert counts[:NO_DIGIT].sum() > 0.9 * 180
    assert counts[:NO_DIGIT].min() > 0
    assert counts[NO_DIGIT] < 0.6 * 60


def test_the_same_seed_gives_the_same_digits(read: Digits, mnist: Dataset) -> None:
    again, other = (
        scene_digits.find_digits(mnist.train, SceneCounts(60, 120, 10, 60), seed, DEFAULT_MODELS) for seed in (0, 1)
    )
    assert again.checksums() == read.checksums()
    assert other.checksums() != read.checksums()


def test_letterforms_alone_need_none_of_the_images(mnist: Dataset) -> None:
    read = scene_digits.find_digits(mnist.train, SceneCounts(0, 20, 0, 0), seed=0, models=DEFAULT_MODELS)
    assert 15 <= len(read) <= 20
    assert NO_DIGIT not in read.labels


def test_the_model_recognizes_letterforms(read: Digits, shipped_model: loading.Model) -> None:
    is_digit = read.labels != NO_DIGIT
    vectors = read.images[is_digit].reshape(-1, VECTOR_SIZE).astype(np.float32) / 255
    right = shipped_model.predict(vectors).argmax(axis=1) == read.labels[is_digit]
    assert right.mean() > 0.85  # many scenes are hard on purpose


@pytest.fixture(scope="module")
def shipped_model() -> loading.Model:
    return loading.load_default(Settings())
