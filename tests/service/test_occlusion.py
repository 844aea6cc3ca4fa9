"""The importance of each region of a digit."""

import numpy as np
import pytest

from service.inference.occlusion import compute_importance
from service.preparation.normalize import to_vectors
from service.preparation.types import Floats


def test_importance_is_the_probability_lost_by_hand() -> None:
    """A model that reads a 1 from one pixel's ink alone: only patches over that pixel cost anything."""

    def predict(vectors: Floats) -> Floats:
        ink = vectors.reshape(-1, 28, 28)[:, 14, 14]
        probabilities = np.zeros((len(vectors), 10), np.float32)
        probabilities[:, 1], probabilities[:, 7] = 0.1 + 0.8 * ink, 0.9 - 0.8 * ink
        return probabilities

    digit = np.full((28, 28), 255, np.uint8)
    importance = compute_importance(digit, predict)
    assert predict(to_vectors(digit))[0, 1] == pytest.approx(0.9)
    assert importance.shape == (28, 28)
    assert importance.dtype == np.float32
    assert importance[14, 14] == pytest.approx(0.8)
    assert importance[0, 0] == importance[14, 27] == 0
    assert importance[14, 14] == importance.max() > importance[14, 16] > importance[14, 18] == 0


def test_saturated_answer_still_has_a_map() -> None:
    """Its probability rounds to 1 with and without a pixel, so the loss shows in the other digits only."""

    def predict(vectors: Floats) -> Floats:
        probabilities = np.zeros((len(vectors), 10), np.float32)
        probabilities[:, 3] = 1
        probabilities[:, 5] = np.float32(2e-12) - np.float32(1e-12) * vectors[:, 0]
        return probabilities

    assert compute_importance(np.full((28, 28), 255, np.uint8), predict)[0, 0] == pytest.approx(1e-12)
