"""Uploads as the service prepares them, and how well it reads them."""

import numpy as np
import pytest

from service.errors import ServiceError
from service.inference.predictor import Predictor
from service.models import loading
from service.preparation.finder import Finder
from service.settings import DEFAULT_MODELS, Settings
from training.data.datasets import HELD_OUT, Dataset
from training.synthetic import prepare
from training.synthetic.conditions import CONDITIONS, draw_uploads


@pytest.mark.slow
def test_uploads_are_read_in_every_condition(mnist: Dataset) -> None:
    uploads = prepare.prepare_uploads(mnist.train[-HELD_OUT:], 20, seed=5, models=DEFAULT_MODELS)
    rows = list(prepare.measure_accuracies(uploads, loading.load_default(Settings())))
    assert len(rows) == len(CONDITIONS) >= 20
    prepared = [row[2] for row in rows]
    assert np.mean(prepared) >= 0.985  # 0.9975
    assert min(prepared) >= 0.85  # 0.95
    assert np.mean([row[1] for row in rows]) < 0.6


def test_uploads_are_prepared_in_parallel_as_one_by_one(mnist: Dataset, finder: Finder) -> None:
    prepared = prepare.prepare_uploads(mnist.train[:100], 1, seed=3, models=DEFAULT_MODELS)
    uploads = list(draw_uploads(mnist.train[:100], 1, seed=3))
    assert prepared.conditions == [upload.condition for upload in uploads]
    assert prepared.digits.labels.tolist() == [upload.label for upload in uploads]
    predictor = Predictor(loading.load_default(Settings()), finder, Settings())
    answers = predictor.predict_files([upload.data for upload in uploads])
    assert sum(isinstance(answer, ServiceError) for answer in answers) <= 3
    for upload, answer, digit in zip(uploads, answers, prepared.digits.images, strict=True):
        is_rejected = isinstance(answer, ServiceError)
        np.testing.assert_array_equal(np.zeros((28, 28)) if is_rejected else predictor.normalize(upload.data), digit)


@pytest.mark.parametrize("count", [1, 3])
def test_plain_resizing_is_to_28x28(count: int) -> None:
    assert prepare.resize(np.zeros((28 * count, 40), np.uint8)).shape == (28, 28)


def test_images_without_a_digit_become_blank(finder: Finder) -> None:
    assert not prepare.prepare_image(np.full((60, 80), 255, np.uint8), finder).any()
    assert prepare.load_finder(DEFAULT_MODELS) is prepare.load_finder(DEFAULT_MODELS)
