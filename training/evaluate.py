"""How good a model is: its answers on pictures that it was not fitted to, and the metrics of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.models.runtimes import Runtime
from service.preparation.normalize import scale
from training.data.datasets import Dataset, Digits
from training.synthetic.prepare import Prepared

BINS = 15  # of the expected calibration error


@dataclass(frozen=True)
class Answers:
    """Digits uint8 (n, 28, 28), their labels uint8 (n,), and the probabilities float32 (n, 10) that a model gave."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    probabilities: NDArray[np.float32]

    @property
    def errors(self) -> NDArray[np.bool_]:
        """Where the most probable digit is not the label, (n,)."""
        errors: NDArray[np.bool_] = self.probabilities.argmax(axis=1) != self.labels
        return errors

    @property
    def losses(self) -> NDArray[np.float64]:
        """The negative log-likelihood of each label, float64 (n,), in nats."""
        likelihood = self.probabilities[np.arange(len(self.labels)), self.labels].astype(np.float64)
        losses: NDArray[np.float64] = -np.log(likelihood.clip(min=np.finfo(np.float32).tiny))
        return losses

    @property
    def confidences(self) -> NDArray[np.float32]:
        """The highest probability of each answer, float32 (n,)."""
        confidences: NDArray[np.float32] = self.probabilities.max(axis=1)
        return confidences

    def metrics(self) -> dict[str, float]:
        """Give accuracy, negative log-likelihood (nats) and expected calibration error."""
        return {
            "accuracy": float(1 - self.errors.mean()),
            "negative_log_likelihood": float(self.losses.mean()),
            "expected_calibration_error": expected_calibration_error(self.confidences, ~self.errors),
        }


@dataclass(frozen=True)
class Evaluation:
    """A model's answers on the test images, and on uploads made of held-out training images."""

    test: Answers
    uploads: Answers
    conditions: list[str]  # that of each upload

    def metrics(self) -> dict[str, float]:
        """Give the metrics that a model card has."""
        return {
            "test_images": len(self.test.labels),
            **{f"test_{name}": value for name, value in self.test.metrics().items()},
            "uploads": len(self.uploads.labels),
            "uploads_accuracy": self.uploads.metrics()["accuracy"],
        }


def evaluate(runtime: Runtime, dataset: Dataset, uploads: Prepared) -> Evaluation:
    """Ask a model about the test images and about prepared uploads."""
    return Evaluation(
        answer(runtime, dataset.test),
        answer(runtime, uploads.digits),
        uploads.conditions,
    )


def answer(runtime: Runtime, digits: Digits) -> Answers:
    """Ask a model about digits."""
    return Answers(digits.images, digits.labels, runtime.predict(scale(digits.images)))


def reliability(
    confidences: NDArray[np.float32], right: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Sort answers into 15 bins of equal width by confidence, and give count, mean confidence and accuracy of each."""
    bins = np.minimum((confidences * BINS).astype(int), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    sums = (np.bincount(bins, weights, BINS) for weights in (confidences, right))
    confidence, accuracy = (total / counts.clip(min=1) for total in sums)
    return counts, confidence, accuracy


def expected_calibration_error(confidences: NDArray[np.float32], right: NDArray[np.bool_]) -> float:
    """Give the mean distance of confidence from accuracy, over the bins of `reliability` (Guo et al. 2017)."""
    counts, confidence, accuracy = reliability(confidences, right)
    return float(counts @ np.abs(confidence - accuracy) / counts.sum())
