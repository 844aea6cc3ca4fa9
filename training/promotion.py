"""The quality gate: whether a new version may replace the default version."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluate import Evaluation

MAX_Z = 2.0  # standard errors that a mean may be worse by: a version as good is kept out once in 44 times
MAX_ECE_INCREASE = 0.005  # the expected calibration error is no mean of images, and so has no standard error


def find_regressions(new: Evaluation, old: Evaluation) -> list[str]:
    """Return a phrase for each metric in which the new version is worse than the old one, on the same images.

    A version is worse if its error rate on the test images or on uploads, or its negative log-likelihood on the test
    images, is higher by more than two standard errors of the mean paired difference; or if its expected calibration
    error is higher by more than 0.005; or if it misreads held-out images of the user, and no fewer of them.
    """
    pairs = {
        "error rate on the test images": (old.test.errors, new.test.errors),
        "negative log-likelihood on the test images": (old.test.losses, new.test.losses),
        "error rate on uploads": (old.uploads.errors, new.uploads.errors),
    }
    regressions = [
        f"{name} {before.mean():.4f} -> {after.mean():.4f}"
        for name, (before, after) in pairs.items()
        if is_worse(after, before)
    ]
    before, after = (evaluation.test.metrics()["expected_calibration_error"] for evaluation in (old, new))
    if after - before > MAX_ECE_INCREASE:
        regressions.append(f"expected calibration error on the test images {before:.4f} -> {after:.4f}")
    misread_before, misread_after = int(old.misread.sum()), int(new.misread.sum())
    if misread_after and misread_after >= misread_before:
        regressions.append(f"misread of {len(new.misread)} held-out images {misread_before} -> {misread_after}")
    return regressions


def is_worse(new: NDArray[Any], old: NDArray[Any]) -> bool:
    """Return whether the mean of errors or losses (n,) is higher by over two standard errors of the difference."""
    difference = new.astype(np.float64) - old
    return bool(difference.mean() > MAX_Z * difference.std() / np.sqrt(len(difference)))
