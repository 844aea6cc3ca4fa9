"""Explain a prediction by occlusion sensitivity: blank each region once (Zeiler and Fergus 2014, arXiv:1311.2901)."""

import numpy as np
from numpy.typing import NDArray

from service.models.runtimes import Predict
from service.preparation.normalize import DIGIT_SHAPE, DIGIT_SIDE_PX, to_vectors

# A patch hides a stroke and little else. The last patches end at the digit's edge, so that every pixel is covered.
PATCH_SIDE_PX = 4
STRIDE_PX = 2


def compute_importance(digit: NDArray[np.uint8], predict: Predict) -> NDArray[np.float32]:
    """Return how much each pixel of a digit uint8 (28, 28) matters to its prediction, float32 (28, 28).

    Each patch of the digit is blanked once. The value of a pixel is the probability that the predicted digit loses, as
    the mean over the patches that cover the pixel: positive if its ink supports the prediction, negative if it
    contradicts it.

    Args:
        digit: light on dark.
        predict: returns the probabilities float32 (n, 10) of vectors float32 (n, 784). It is called once.

    """
    patches = _make_patches()
    digits = np.concatenate([digit[np.newaxis], np.where(patches, np.uint8(0), digit)])
    probabilities = predict(to_vectors(digits))
    # The other nine digits gain what the predicted digit loses. Their sum is exact where its probability rounds to 1.
    remainders = np.delete(probabilities, probabilities[0].argmax(), axis=1).sum(axis=1)
    losses = np.tensordot(remainders[1:] - remainders[0], patches.astype(np.float32), axes=1)
    mean: NDArray[np.float32] = np.divide(losses, patches.sum(axis=0, dtype=np.float32))
    return mean


def _make_patches() -> NDArray[np.bool_]:
    """Return the masks of all patches, bool (patches, 28, 28)."""
    starts = np.arange(0, DIGIT_SIDE_PX - PATCH_SIDE_PX + 1, STRIDE_PX)[:, np.newaxis]
    spans = (np.arange(DIGIT_SIDE_PX) >= starts) & (np.arange(DIGIT_SIDE_PX) < starts + PATCH_SIDE_PX)
    return (spans[:, np.newaxis, :, np.newaxis] & spans[np.newaxis, :, np.newaxis, :]).reshape(-1, *DIGIT_SHAPE)
