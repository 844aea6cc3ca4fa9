"""The shipped version: its card, and floors for its accuracy and calibration."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from service.models import loading, store
from service.preparation.normalize import to_vectors
from training.data import datasets
from training.data.datasets import Dataset
from training.evaluate import Predictions, predict_digits

FASHION = Path("/usr/share/datasets/fashion-mnist")  # of Debian's package dataset-fashion-mnist; for measuring only


@pytest.fixture(scope="module")
def predictions(shipped: Path, mnist: Dataset) -> Predictions:
    return predict_digits(loading.load_runtime(shipped), mnist.test)


@pytest.fixture(scope="module")
def clothes(shipped: Path) -> np.ndarray:
    """The confidences of the predictions on Fashion-MNIST's test images."""
    if not FASHION.exists():
        pytest.skip(f"There is no {FASHION}: Debian's package dataset-fashion-mnist has it.")
    return predict_digits(loading.load_runtime(shipped), datasets.load(str(FASHION)).test).confidences


def test_the_card_records_the_metrics(shipped: Path, predictions: Predictions) -> None:
    card = json.loads((shipped / store.CARD).read_text())
    for name, value in predictions.metrics().items():
        assert card["metrics"][f"test_{name}"] == pytest.approx(value, rel=1e-3, abs=1e-6)


def test_it_is_accurate_and_calibrated(predictions: Predictions) -> None:
    metrics = predictions.metrics()
    assert metrics["accuracy"] >= 0.996
    assert metrics["negative_log_likelihood"] <= 0.015
    assert metrics["expected_calibration_error"] <= 0.003


def test_images_without_a_digit_have_low_confidence(predictions: Predictions, clothes: np.ndarray) -> None:
    digits = predictions.confidences
    is_digit = np.repeat([True, False], [len(digits), len(clothes)])
    assert roc_auc_score(is_digit, np.concatenate([digits, clothes])) >= 0.99


def test_the_threshold_separates_digits_from_clothes(
    shipped: Path, predictions: Predictions, clothes: np.ndarray
) -> None:
    threshold = store.read_card(shipped).calibration.threshold
    assert (predictions.confidences < threshold).mean() < 0.01
    assert (clothes < threshold).mean() > 0.9


def test_blank_and_noise_are_uncertain(shipped: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (100, 28, 28)).astype(np.uint8)
    confidences = loading.load_runtime(shipped).predict(to_vectors(noise)).max(axis=1)
    assert (confidences < store.read_card(shipped).calibration.threshold).all()
