"""A version takes the place of one that it is not worse than."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from training.evaluate import Answers, Evaluation
from training.promotion import objections

LABELS = np.random.default_rng(0).integers(0, 10, 10_000).astype(np.uint8)


def answers(wrong: np.ndarray, confidence: float = 0.99) -> Answers:
    """Answer all as labelled, but those at some places wrong, with one confidence."""
    probabilities = np.full((len(LABELS), 10), (1 - confidence) / 9, np.float32)
    said = LABELS.copy()
    said[wrong] = (said[wrong] + 1) % 10
    probabilities[np.arange(len(LABELS)), said] = confidence
    return Answers(np.zeros((len(LABELS), 28, 28), np.uint8), LABELS, probabilities)


OLD = Evaluation(answers(np.arange(0, 100)), answers(np.arange(0, 200)), ["any"] * len(LABELS))


def test_the_same_and_a_better_one_are_welcome() -> None:
    assert objections(OLD, OLD) == []
    assert objections(replace(OLD, test=answers(np.arange(0, 50))), OLD) == []


def test_a_few_more_errors_are_noise() -> None:
    assert objections(replace(OLD, test=answers(np.arange(60, 165))), OLD) == []


@pytest.mark.parametrize(
    ("change", "objection"),
    [
        ({"test": answers(np.arange(0, 140))}, "error rate on the test images 0.0100 -> 0.0140"),
        ({"uploads": answers(np.arange(0, 250))}, "error rate on uploads 0.0200 -> 0.0250"),
        ({"test": answers(np.arange(0, 100), confidence=0.9)}, "expected calibration error on the test images"),
        ({"test": answers(np.arange(0, 100), confidence=0.9999)}, "negative log-likelihood on the test images"),
    ],
)
def test_what_is_worse_is_named(change: dict[str, Any], objection: str) -> None:
    assert any(sentence.startswith(objection) for sentence in objections(replace(OLD, **change), OLD))
