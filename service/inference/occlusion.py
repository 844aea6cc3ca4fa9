"""Which regions of a digit its prediction rests on: occlusion sensitivity (Zeiler and Fergus 2014, arXiv:1311.2901)."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from service.preparation.normalize import SIDE, scale

# A patch hides a stroke and little else. The last ones end at the picture's edge, so that no pixel is left out.
PATCH = 4
STRIDE = 2

Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def importance(digit: NDArray[np.uint8], predict: Predict) -> NDArray[np.float32]:
    """Measure how much each region of a digit uint8 (28, 28) mattered to its prediction, float32 (28, 28).

    Every patch of the digit is blanked once. A pixel's value is the probability that the predicted digit lost by
    it, the mean over the patches that cover the pixel: positive where ink speaks for the answer, negative where it
    speaks against it. `predict` gives the probabilities float32 (n, 10) of vectors float32 (n, 784); it is called once.
    """
    patches = _patches()
    pictures = np.concatenate([digit[np.newaxis], np.where(patches, np.uint8(0), digit)])
    probabilities = predict(scale(pictures))
    # What the answer loses, the other nine gain: the same number, but exact where the answer's is rounded to 1.
    others = np.delete(probabilities, probabilities[0].argmax(), axis=1).sum(axis=1)
    lost = np.tensordot(others[1:] - others[0], patches.astype(np.float32), axes=1)
    mean: NDArray[np.float32] = np.divide(lost, patches.sum(axis=0, dtype=np.float32))
    return mean


def _patches() -> NDArray[np.bool_]:
    """Mark the pixels of each patch, bool (patches, 28, 28)."""
    starts = np.arange(0, SIDE - PATCH + 1, STRIDE)[:, np.newaxis]
    spans = (np.arange(SIDE) >= starts) & (np.arange(SIDE) < starts + PATCH)
    return (spans[:, np.newaxis, :, np.newaxis] & spans[np.newaxis, :, np.newaxis, :]).reshape(-1, SIDE, SIDE)
