"""Charts are SVG files that stand alone, the same bytes each time."""

import base64
from xml.etree import ElementTree

import numpy as np
import pytest

from service.inference.visualization import SUPPORTING_COLOR
from training.evaluate import Predictions
from training.report import charts

HISTORY = {
    "loss": [0.5, 0.2, 0.1],
    "val_loss": [0.4, 0.3, 0.2],
    "accuracy": [0.8, 0.9, 0.95],
    "ink_loss": [1.0, 0.5, 0.2],
}
PREFIX = "data:image/svg+xml;base64,"


def read_text(url: str) -> str:
    """Return all text in the SVG file of a data: URL."""
    assert url.startswith(PREFIX)
    return " ".join(ElementTree.fromstring(base64.b64decode(url.removeprefix(PREFIX))).itertext())  # noqa: S314


def predictions() -> Predictions:
    probabilities = np.full((4, 10), 0.02, np.float32)
    probabilities[range(4), [3, 3, 5, 6]] = [0.82, 0.62, 0.97, 0.97]
    return Predictions(np.zeros((4, 28, 28), np.uint8), np.array([3, 4, 5, 6], np.uint8), probabilities)


@pytest.mark.parametrize(("key", "labels"), [("loss", {"training", "held out"}), ("accuracy", {"training"})])
def test_curves_have_a_label_for_each_part(key: str, labels: set[str]) -> None:
    chart = charts.draw_curves(HISTORY, key)
    for url in (chart.light, chart.dark):
        text = read_text(url)
        assert {label for label in ("training", "held out") if label in text} == labels
        assert key.capitalize() in text
    assert chart.light != chart.dark
    assert charts.draw_curves(HISTORY, key) == chart


def test_losses_are_named() -> None:
    text = read_text(charts.draw_losses(HISTORY, ("ink",), rounds=3).light)
    assert "ink" in text
    assert "epoch" in text


def test_losses_of_0_and_accuracies_of_1_are_drawn() -> None:
    for key, value in (("loss", 0.0), ("accuracy", 1.0)):
        assert "epoch" in read_text(charts.draw_curves({key: [value]}, key).light)


def test_the_reliability_diagram_has_both_axes() -> None:
    text = read_text(charts.draw_reliability(predictions()).dark)
    assert "accuracy" in text
    assert "confidence" in text


def test_the_largest_gradient_is_orange_and_no_gradient_leaves_the_dimmed_digit() -> None:
    digit, gradient = np.full((28, 28), 200, np.uint8), np.zeros((28, 28), np.float32)
    np.testing.assert_array_equal(charts.overlay_gradient(digit, gradient), 100)
    gradient[2, 3], gradient[4, 5] = -2, 1
    image = charts.overlay_gradient(digit, gradient)
    assert (image.shape, str(image.dtype)) == ((28, 28, 3), "uint8")
    np.testing.assert_array_equal(image[2, 3], SUPPORTING_COLOR)
    np.testing.assert_allclose(image[4, 5].astype(float), (100 + np.array(SUPPORTING_COLOR)) / 2, atol=0.5)
    np.testing.assert_array_equal(image[0, 0], 100)
