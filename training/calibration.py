"""Probabilities that mean what they say: a temperature, and the confidence below which an answer is uncertain."""

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

DIGITS = 10
TEMPERATURES = (0.2, 5.0)
UNCERTAIN = 0.01  # part of the answers to held-out digits that may be called uncertain


def find_temperature(probabilities: NDArray[np.float32], labels: NDArray[np.uint8]) -> float:
    """Find the temperature that makes labels uint8 (n,) most likely under probabilities (n, 10), or (n, 11) with none.

    Logits are divided by it (Guo, Pleiss, Sun and Weinberger 2017, On Calibration of Modern Neural Networks).
    """
    logits = np.log(probabilities.astype(np.float64).clip(min=1e-30))
    rows = np.arange(len(labels))

    def loss(temperature: float) -> float:
        scaled = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
        answer = (scaled / scaled.sum(axis=1, keepdims=True)) @ _spreading(logits.shape[1])
        return float(-np.log(answer[rows, labels]).mean())

    return float(minimize_scalar(loss, bounds=TEMPERATURES).x)


def calibrated(model: keras.Model, temperature: float) -> keras.Model:
    """Build the model that answers with calibrated probabilities of the ten digits, float32 (n, 10).

    The weights of the last layer are divided by the temperature, so that it costs nothing. Where the model has an
    eleventh answer, that there is no digit, its probability is spread evenly over the ten.
    """
    last = model.layers[-1]
    weights = last.get_weights()
    answers = keras.models.clone_model(model)
    answers.set_weights([*model.get_weights()[: -len(weights)], *(weight / temperature for weight in weights)])
    if model.output_shape[-1] == DIGITS:
        return answers
    spread = layers.Dense(DIGITS, use_bias=False, trainable=False, name="spread")
    whole = keras.Sequential([answers, spread], name=model.name)
    spread.set_weights([_spreading(model.output_shape[-1])])
    return whole


def _spreading(answers: int) -> NDArray[np.float32]:
    """Give the matrix (answers, 10) that leaves the digits' probabilities and spreads an eleventh over them."""
    return np.concatenate([np.eye(DIGITS), np.full((answers - DIGITS, DIGITS), 1 / DIGITS)]).astype(np.float32)


def find_threshold(confidences: NDArray[np.float32]) -> float:
    """Find the confidence that all but a hundredth of the answers to held-out digits reach, from theirs (n,)."""
    return float(np.quantile(confidences, UNCERTAIN))
