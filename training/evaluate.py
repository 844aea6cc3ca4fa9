"""A model's predictions on images that it was not fitted to, and their metrics."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from service.models.runtimes import Runtime
from service.preparation.normalize import to_vectors
from training.data.batches import NO_DIGIT
from training.data.datasets import Dataset, Digits
from training.synthetic.prepare import PreparedUploads

BINS = 15  # of the expected calibration error
EVALUATION_SEED = 10_000  # of the uploads and scenes that versions and finders are compared on


@dataclass(frozen=True)
class Predictions:
    """Digits uint8 (n, 28, 28), their labels uint8 (n,), and the model's probabilities float32 (n, 10)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    probabilities: NDArray[np.float32]

    @property
    def errors(self) -> NDArray[np.bool_]:
        """Whether the most probable digit differs from the label, (n,)."""
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
        """The highest probability of each prediction, float32 (n,)."""
        confidences: NDArray[np.float32] = self.probabilities.max(axis=1)
        return confidences

    def metrics(self) -> dict[str, float]:
        """Return accuracy, negative log-likelihood (nats) and expected calibration error."""
        return {
            "accuracy": float(1 - self.errors.mean()),
            "negative_log_likelihood": float(self.losses.mean()),
            "expected_calibration_error": expected_calibration_error(self.confidences, ~self.errors),
        }


@dataclass(frozen=True)
class Evaluation:
    """A model's predictions on the test images, and on uploads made of held-out training images."""

    test: Predictions
    uploads: Predictions
    conditions: list[str]  # the condition of each upload
    # Whether each of the user's held-out images is misread.
    misread: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))

    def metrics(self) -> dict[str, float]:
        """Return the metrics that a model card records."""
        metrics = {
            "test_images": len(self.test.labels),
            **{f"test_{name}": value for name, value in self.test.metrics().items()},
            "uploads": len(self.uploads.labels),
            "uploads_accuracy": self.uploads.metrics()["accuracy"],
        }
        extra = {"held_out_extra": len(self.misread), "held_out_extra_misread": int(self.misread.sum())}
        return {**metrics, **extra} if len(self.misread) else metrics


def evaluate(
    runtime: Runtime, dataset: Dataset, uploads: PreparedUploads, extra: Digits | None = None, threshold: float = 0
) -> Evaluation:
    """Return a model's predictions on the test images and on prepared uploads, and which of the user's it misreads.

    Args:
        runtime: the model.
        dataset: has the test images.
        uploads: the prepared uploads.
        extra: the user's held-out images.
        threshold: the model's, below which an answer is uncertain.

    """
    return Evaluation(
        predict_digits(runtime, dataset.test),
        predict_digits(runtime, uploads.digits),
        uploads.conditions,
        find_misread(runtime, extra, threshold) if extra else np.zeros(0, np.bool_),
    )


def find_misread(runtime: Runtime, digits: Digits, threshold: float) -> NDArray[np.bool_]:
    """Return whether each image (n,) is misread. One without a digit is misread if its answer is not uncertain."""
    predictions = predict_digits(runtime, digits)
    return np.where(digits.labels == NO_DIGIT, predictions.confidences >= threshold, predictions.errors)


def predict_digits(runtime: Runtime, digits: Digits) -> Predictions:
    """Return a model's predictions on digits."""
    return Predictions(digits.images, digits.labels, runtime.predict(to_vectors(digits.images)))


def bin_by_confidence(
    confidences: NDArray[np.float32], right: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return count, mean confidence and accuracy of each of 15 bins of confidence, all of equal width."""
    bins = np.minimum((confidences * BINS).astype(int), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    sums = (np.bincount(bins, weights, BINS) for weights in (confidences, right))
    confidence, accuracy = (total / counts.clip(min=1) for total in sums)
    return counts, confidence, accuracy


def expected_calibration_error(confidences: NDArray[np.float32], right: NDArray[np.bool_]) -> float:
    """Return the mean distance of confidence from accuracy, over the bins of `bin_by_confidence` (Guo et al. 2017)."""
    counts, confidence, accuracy = bin_by_confidence(confidences, right)
    return float(counts @ np.abs(confidence - accuracy) / counts.sum())
