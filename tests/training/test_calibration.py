"""Temperature, threshold and the metrics of calibration."""

import keras
import numpy as np
import pytest

from service.preparation.normalize import to_vectors
from training.calibration import build_calibrated, find_temperature, find_threshold
from training.data.batches import NO_DIGIT
from training.data.datasets import Dataset
from training.evaluate import Predictions, expected_calibration_error
from training.model.recipes import build_convnet, build_dense


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: np.ndarray = (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(np.float32)
    return probabilities


@pytest.mark.parametrize("temperature", [0.5, 1, 2.5])
@pytest.mark.parametrize("answers", [10, 11])
def test_the_temperature_that_logits_were_divided_by_is_found(temperature: float, answers: int) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (50_000, answers)) - 20 * (np.arange(answers) == NO_DIGIT)
    labels = np.array([rng.choice(answers, p=row / row.sum()) for row in softmax(logits).astype(float)], np.uint8)
    result = find_temperature(softmax(logits * temperature), labels)
    assert result == pytest.approx(temperature, rel=0.03)


def test_the_calibrated_model_answers_with_logits_over_the_temperature(mnist: Dataset) -> None:
    keras.utils.set_random_seed(0)
    model, images = build_dense(), to_vectors(mnist.x_test[:100])
    before = model.predict(images, verbose=0)
    after = build_calibrated(model, 2.0).predict(images, verbose=0)
    np.testing.assert_allclose(after, softmax(np.log(before) / 2), atol=1e-6)
    np.testing.assert_array_equal(model.predict(images, verbose=0), before)


def test_an_eleventh_answer_is_spread_over_the_digits(mnist: Dataset) -> None:
    keras.utils.set_random_seed(0)
    model, images = build_convnet(), to_vectors(mnist.x_test[:100])
    eleven = softmax(np.log(model.predict(images, verbose=0)) / 0.7)
    ten = build_calibrated(model, 0.7).predict(images, verbose=0)
    assert ten.shape == (100, 10)
    np.testing.assert_allclose(ten, eleven[:, :10] + eleven[:, 10:] / 10, atol=1e-6)
    np.testing.assert_allclose(ten.sum(axis=1), 1, atol=1e-6)


def test_a_hundredth_of_the_answers_is_below_the_threshold() -> None:
    confidences = np.random.default_rng(0).uniform(0, 1, 10_000).astype(np.float32)
    assert (confidences < find_threshold(confidences)).mean() == pytest.approx(0.01, abs=1e-3)


def test_expected_calibration_error_by_hand() -> None:
    confidences = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55], np.float32)
    right = np.array([True, True, True, False, True, False])
    assert expected_calibration_error(confidences, right) == pytest.approx((4 * 0.2 + 2 * 0.05) / 6, abs=1e-6)
    assert expected_calibration_error(np.ones(3, np.float32), np.ones(3, bool)) == 0


def test_metrics_by_hand() -> None:
    probabilities = np.full((2, 10), 0.05, np.float32)
    probabilities[:, 3] = 0.55
    metrics = Predictions(np.zeros((2, 28, 28), np.uint8), np.array([3, 4], np.uint8), probabilities).metrics()
    assert metrics["accuracy"] == 0.5
    assert metrics["negative_log_likelihood"] == pytest.approx(-(np.log(0.55) + np.log(0.05)) / 2)
    assert metrics["expected_calibration_error"] == pytest.approx(0.05, abs=1e-6)
