"""Likely slips of the pen: corrections of answers that the model was sure of, and that look like what it answered."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics.pairwise import euclidean_distances

from service.errors import ServiceError
from service.preparation import normalize
from service.preparation.finder import Finder
from service.preparation.types import Floats, Gray
from training.data import image_folders
from training.data.batches import NO_DIGIT
from training.data.datasets import Digits
from training.data.user_digits import LABELS
from training.feedback.corrections import StoredCorrection
from training.synthetic import outliers

MIN_CONFIDENCE = 0.9  # of the answer that was corrected
# The distance to the nearest image of the correction, divided by the distance to the nearest of the answer. This bound
# finds nine in ten wrong labels of uploads, and takes for a slip none of the 32 test images of MNIST that version 3
# misreads, nor of 30 images in a hand that it misreads.
MIN_DISTANCE_RATIO = 1.4
BLUR_PX = 1.0  # the standard deviation; images whose strokes are a pixel apart are then near each other
OUTLIERS = 6_000  # as many as MNIST has of each digit
CHUNK = 256  # suspects compared at once, with 17 million distances


def find(
    folder: Path, corrections: Sequence[StoredCorrection], finder: Finder, originals: Digits
) -> list[StoredCorrection]:
    """Return the corrections that are likely slips.

    The model was sure of another answer, and the image is clearly nearer to one that shows this answer than to one
    that shows the correction. These are MNIST's images and the other corrections, so an image in a hand that the model
    misreads is near to others in this hand. After Jiang, Kim, Guan and Gupta 2018, To Trust Or Not To Trust A
    Classifier.

    Args:
        folder: of the corrections.
        corrections: all that are in it.
        finder: finds the digits in them.
        originals: MNIST's images.

    """
    prepared = [
        (correction, digit) for correction in corrections if (digit := _prepare(folder, correction, finder)) is not None
    ]
    answers = [_find_sure_answer(correction) for correction, _ in prepared]
    suspects = np.flatnonzero([answer is not None for answer in answers])
    if not len(suspects):
        return []
    labels = np.array([LABELS[correction.digit] for correction, _ in prepared], np.uint8)
    digits = Digits(np.stack([digit for _, digit in prepared]), labels)
    sure_answers = np.array([answers[place] for place in suspects], np.uint8)
    likely = _compare_distances(digits, suspects, sure_answers, originals + _draw_outliers(originals))
    return [prepared[place][0] for place in suspects[likely]]


def _prepare(folder: Path, correction: StoredCorrection, finder: Finder) -> Gray | None:
    try:
        return normalize.prepare(image_folders.decode_image((folder / correction.path).read_bytes()), finder)
    except (ServiceError, OSError):
        return None


def _find_sure_answer(correction: StoredCorrection) -> int | None:
    """Return the digit that the model was sure of, if the correction is another digit or none."""
    record = correction.record
    if record is None or record.confidence is None or record.confidence < MIN_CONFIDENCE:
        return None
    return None if record.predicted == LABELS[correction.digit] else record.predicted


def _draw_outliers(originals: Digits) -> Digits:
    images = outliers.draw(OUTLIERS, originals.images, np.random.default_rng(0))
    return Digits(images, np.full(OUTLIERS, NO_DIGIT, np.uint8))


def _compare_distances(
    digits: Digits, suspects: NDArray[np.intp], answers: NDArray[np.uint8], originals: Digits
) -> NDArray[np.bool_]:
    """Return whether each suspect (n,), a place in `digits`, is clearly nearer to its answer than to its label."""
    everything = digits + originals
    vectors, parts = _blur(everything.images), range(0, len(suspects), CHUNK)
    return np.concatenate(
        [
            _is_nearer(vectors, everything.labels, suspects[start : start + CHUNK], answers[start : start + CHUNK])
            for start in parts
        ]
    )


def _is_nearer(
    vectors: Floats, labels: NDArray[np.uint8], suspects: NDArray[np.intp], answers: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    distances = euclidean_distances(vectors[suspects], vectors)
    distances[np.arange(len(suspects)), suspects] = np.inf  # each from itself
    to_answer, to_label = (
        np.where(labels == wanted[:, None], distances, np.inf).min(axis=1) for wanted in (answers, labels[suspects])
    )
    is_nearer: NDArray[np.bool_] = to_label > MIN_DISTANCE_RATIO * to_answer
    return is_nearer


def _blur(images: Gray) -> Floats:
    """Return digits uint8 (n, 28, 28) as blurred vectors float32 (n, 784)."""
    return normalize.to_vectors(np.stack([cv2.GaussianBlur(image, (0, 0), BLUR_PX) for image in images]))
