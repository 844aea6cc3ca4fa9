"""The metrics of a finder, computed by hand."""

from dataclasses import replace

import numpy as np
import pytest

from training.evaluate import Predictions
from training.finder.evaluate import FinderEvaluation, MarkCounts, UploadReading

BLANK = np.zeros((28, 28), np.uint8)


def evaluation() -> FinderEvaluation:
    """Return an evaluation of four uploads: one is refused, one is read wrong."""
    reading = UploadReading("photo", 3, BLANK, BLANK, BLANK)
    readings = [
        reading,
        replace(reading, ink=None),
        replace(reading, condition="scan"),
        replace(reading, condition="scan"),
    ]
    probabilities = np.full((4, 10), 0.01, np.float32)
    probabilities[range(4), [3, 3, 3, 8]] = 0.91
    predictions = Predictions(np.stack([BLANK] * 4), np.full(4, 3, np.uint8), probabilities)
    return FinderEvaluation(readings, predictions, MarkCounts(2, 100, 90, 80, 5, 4, 1))


def test_a_refused_upload_is_an_error() -> None:
    result = evaluation()
    assert result.refused.tolist() == [False, True, False, False]
    assert result.errors.tolist() == [False, True, False, True]


def test_conditions_are_in_the_order_of_the_uploads() -> None:
    conditions = evaluation().conditions()
    assert list(conditions) == ["photo", "scan"]
    assert conditions["scan"].tolist() == [False, False, True, True]


def test_metrics_by_hand() -> None:
    metrics = evaluation().metrics()
    assert metrics.pop("conditions") == {
        "photo": {"accuracy": 0.5, "refused": 0.5},
        "scan": {"accuracy": 0.5, "refused": 0.0},
    }
    assert metrics == pytest.approx(
        {
            "uploads": 4,
            "uploads_accuracy": 0.5,
            "uploads_refused": 0.25,
            "scenes": 2,
            "ink_found": 0.8,
            "ink_invented": 1 - 80 / 90,
            "ink_dice": 160 / 190,
            "centers": 5,
            "centers_found": 4,
            "centers_missed": 1,
            "centers_invented": 1,
        }
    )


def test_counts_add_up_and_nothing_is_divided_by_0() -> None:
    counts = MarkCounts(2, 100, 90, 80, 5, 4, 1)
    assert counts + MarkCounts() == counts
    assert (counts + counts).centers_found == 8
    assert MarkCounts().metrics()["ink_dice"] == 0
