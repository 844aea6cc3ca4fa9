"""Calibrated probabilities: a temperature, and the confidence below which an answer is uncertain."""

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

CLASSES = 10  # the digits; a network may have an eleventh output, for no digit
TEMPERATURE_BOUNDS = (0.2, 5.0)
UNCERTAIN_RATIO = 0.01  # of the answers to held-out digits


def find_temperature(probabilities: NDArray[np.float32], labels: NDArray[np.uint8]) -> float:
    """Return the temperature that makes labels uint8 (n,) most likely under probabilities (n, 10), or (n, 11).

    Logits are divided by it (Guo, Pleiss, Sun and Weinberger 2017, On Calibration of Modern Neural Networks).
    """
    logits = np.log(probabilities.astype(np.float64).clip(min=1e-30))
    rows = np.arange(len(labels))

    def loss(temperature: float) -> float:
        scaled = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
        digits = (scaled / scaled.sum(axis=1, keepdims=True)) @ _spread_matrix(logits.shape[1])
        return float(-np.log(digits[rows, labels]).mean())

    return float(minimize_scalar(loss, bounds=TEMPERATURE_BOUNDS).x)


def build_calibrated(model: keras.Model, temperature: float) -> keras.Model:
    """Build the model that returns calibrated probabilities of the ten digits, float32 (n, 10).

    The weights of the last layer are divided by the temperature, so that calibration takes no time. If the model has
    an eleventh output, for no digit, its probability is spread evenly over the ten.
    """
    last_weights = model.layers[-1].get_weights()
    scaled = keras.models.clone_model(model)
    scaled.set_weights([*model.get_weights()[: -len(last_weights)], *(weight / temperature for weight in last_weights)])
    if model.output_shape[-1] == CLASSES:
        return scaled
    spread = layers.Dense(CLASSES, use_bias=False, trainable=False, name="spread")
    calibrated = keras.Sequential([scaled, spread], name=model.name)
    spread.set_weights([_spread_matrix(model.output_shape[-1])])
    return calibrated


def _spread_matrix(outputs: int) -> NDArray[np.float32]:
    """Return the matrix (outputs, 10) that passes on the digits' probabilities and spreads an eleventh over them."""
    return np.concatenate([np.eye(CLASSES), np.full((outputs - CLASSES, CLASSES), 1 / CLASSES)]).astype(np.float32)


def find_threshold(confidences: NDArray[np.float32]) -> float:
    """Return the confidence that all but 1% of the confidences of answers to held-out digits (n,) reach."""
    return float(np.quantile(confidences, UNCERTAIN_RATIO))
