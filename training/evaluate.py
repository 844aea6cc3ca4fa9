"""How good probabilities are, against the labels."""

import numpy as np
from numpy.typing import NDArray


def accuracy(probabilities: NDArray[np.float32], labels: NDArray[np.uint8]) -> float:
    """Give the part of the rows of probabilities (n, 10) whose largest is their label's."""
    return float((probabilities.argmax(axis=1) == labels).mean())


def negative_log_likelihood(probabilities: NDArray[np.float32], labels: NDArray[np.uint8]) -> float:
    """Give the mean of -log of the probability that each row of (n, 10) gives its label, in nats."""
    likelihood = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(likelihood.clip(min=np.finfo(np.float32).tiny)).mean())
