"""The quality gate: a version is promoted unless it is worse than the default version."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from training.evaluate import Evaluation, Predictions
from training.promotion import find_regressions

LABELS = np.random.default_rng(0).integers(0, 10, 10_000).astype(np.uint8)


def predictions(wrong: np.ndarray, confidence: float = 0.99) -> Predictions:
    """Return predictions that are wrong at the indices `wrong` and right elsewhere, with one confidence."""
    probabilities = np.full((len(LABELS), 10), (1 - confidence) / 9, np.float32)
    digits = LABELS.copy()
    digits[wrong] = (digits[wrong] + 1) % 10
    probabilities[np.arange(len(LABELS)), digits] = confidence
    return Predictions(np.zeros((len(LABELS), 28, 28), np.uint8), LABELS, probabilities)


OLD = Evaluation(predictions(np.arange(0, 100)), predictions(np.arange(0, 200)), ["any"] * len(LABELS))


def test_an_equal_and_a_better_version_have_no_regressions() -> None:
    assert find_regressions(OLD, OLD) == []
    assert find_regressions(replace(OLD, test=predictions(np.arange(0, 50))), OLD) == []


def test_a_few_more_errors_are_noise() -> None:
    assert find_regressions(replace(OLD, test=predictions(np.arange(60, 165))), OLD) == []


@pytest.mark.parametrize(("before", "after", "is_better"), [(5, 0, True), (5, 4, True), (5, 5, False), (0, 0, True)])
def test_of_the_users_held_out_images_fewer_must_be_misread_or_none(before: int, after: int, is_better: bool) -> None:
    old, new = (replace(OLD, misread=np.arange(6) < count) for count in (before, after))
    regressions = [] if is_better else [f"misread of 6 held-out images {before} -> {after}"]
    assert find_regressions(new, old) == regressions


@pytest.mark.parametrize(
    ("change", "regression"),
    [
        ({"test": predictions(np.arange(0, 140))}, "error rate on the test images 0.0100 -> 0.0140"),
        ({"uploads": predictions(np.arange(0, 250))}, "error rate on uploads 0.0200 -> 0.0250"),
        ({"test": predictions(np.arange(0, 100), confidence=0.9)}, "expected calibration error on the test images"),
        ({"test": predictions(np.arange(0, 100), confidence=0.9999)}, "negative log-likelihood on the test images"),
    ],
)
def test_the_worse_metric_is_named(change: dict[str, Any], regression: str) -> None:
    assert any(phrase.startswith(regression) for phrase in find_regressions(replace(OLD, **change), OLD))
