"""Whether a new version may take the place of the highest one there."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluate import Evaluation

STANDARD_ERRORS = 2.0  # that a mean must be worse by, so that a version as good is refused once in 44 times
CALIBRATION = 0.005  # that the expected calibration error, which has no mean to compare, may grow by


def objections(new: Evaluation, old: Evaluation) -> list[str]:
    """Say in what the new version is worse than the old one, on the same pictures; nothing if it is not.

    It is worse where it errs more often on the test images or on uploads, or has a higher negative log-likelihood on
    the test images, by more than two standard errors of the mean of the paired differences; or where its expected
    calibration error is higher by over 0.005.
    """
    pairs = {
        "error rate on the test images": (old.test.errors, new.test.errors),
        "negative log-likelihood on the test images": (old.test.losses, new.test.losses),
        "error rate on uploads": (old.uploads.errors, new.uploads.errors),
    }
    found = [f"{name} {was.mean():.4f} -> {now.mean():.4f}" for name, (was, now) in pairs.items() if is_worse(now, was)]
    was, now = (evaluation.test.metrics()["expected_calibration_error"] for evaluation in (old, new))
    if now - was > CALIBRATION:
        found.append(f"expected calibration error on the test images {was:.4f} -> {now:.4f}")
    return found


def is_worse(new: NDArray[Any], old: NDArray[Any]) -> bool:
    """Check whether errors or losses (n,) have a higher mean, by over two standard errors of the paired difference."""
    difference = new.astype(np.float64) - old
    return bool(difference.mean() > STANDARD_ERRORS * difference.std() / np.sqrt(len(difference)))
