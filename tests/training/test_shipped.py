"""What is said of the shipped version is so."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from service.models import loading, store
from service.preparation.normalize import scale
from training.data import datasets
from training.data.datasets import Dataset
from training.evaluate import Answers, answer

FASHION = Path("/usr/share/datasets/fashion-mnist")  # of Debian's package dataset-fashion-mnist; for measuring only


@pytest.fixture(scope="module")
def answers(shipped: Path, mnist: Dataset) -> Answers:
    return answer(loading.open_runtime(shipped), mnist.test)


@pytest.fixture(scope="module")
def shoes_and_shirts(shipped: Path) -> np.ndarray:
    """The confidences of the answers to Fashion-MNIST's test images."""
    if not FASHION.exists():
        pytest.skip(f"There is no {FASHION}: Debian's package dataset-fashion-mnist has it.")
    return answer(loading.open_runtime(shipped), datasets.load(str(FASHION)).test).confidences


def test_its_card_tells_its_metrics(shipped: Path, answers: Answers) -> None:
    card = json.loads((shipped / store.CARD).read_text())
    for name, value in answers.metrics().items():
        assert card["metrics"][f"test_{name}"] == pytest.approx(value, rel=1e-3, abs=1e-6)


def test_it_is_right_and_honest(answers: Answers) -> None:
    metrics = answers.metrics()
    assert metrics["accuracy"] >= 0.996
    assert metrics["negative_log_likelihood"] <= 0.015
    assert metrics["expected_calibration_error"] <= 0.003


def test_what_is_no_digit_has_low_confidence(answers: Answers, shoes_and_shirts: np.ndarray) -> None:
    digits = answers.confidences
    is_digit = np.repeat([True, False], [len(digits), len(shoes_and_shirts)])
    assert roc_auc_score(is_digit, np.concatenate([digits, shoes_and_shirts])) >= 0.99


def test_the_threshold_parts_digits_from_others(shipped: Path, answers: Answers, shoes_and_shirts: np.ndarray) -> None:
    threshold = store.read_card(shipped).calibration.threshold
    assert (answers.confidences < threshold).mean() < 0.01
    assert (shoes_and_shirts < threshold).mean() > 0.9


def test_blank_and_noise_are_uncertain(shipped: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (100, 28, 28)).astype(np.uint8)
    confidences = loading.open_runtime(shipped).predict(scale(noise)).max(axis=1)
    assert (confidences < store.read_card(shipped).calibration.threshold).all()
