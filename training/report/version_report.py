"""The report of a version: one HTML file that shows how the version was fitted, and what it reads wrong."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from service.inference.visualization import to_data_url
from service.models.runtimes import TensorFlow
from service.models.store import REPORT, read_card
from service.preparation.normalize import DIGIT_SHAPE, to_vectors
from training.evaluate import Evaluation, Predictions, bin_by_confidence
from training.report import charts

LABELS = np.arange(10)
TOP_ERRORS = 24  # shown
EXPLAINED_ERRORS = 5  # shown with their saliency


@dataclass(frozen=True)
class ReportImage:
    """A test image as the page shows it."""

    index: int
    url: str  # data:
    label: int
    answer: int
    label_probability: float
    answer_probability: float


@dataclass(frozen=True)
class ConditionErrors:
    """Counts of the uploads of one condition."""

    name: str
    uploads: int
    errors: int

    @property
    def accuracy(self) -> float:
        """The part of the uploads that is read right."""
        return 1 - self.errors / self.uploads


def write(version: Path, card: dict[str, Any], evaluation: Evaluation) -> Path:
    """Write the report of a version into its folder, and return the page's path.

    The same version, card and evaluation give the same bytes.

    Args:
        version: the folder of the SavedModel, whose gradients are the saliency.
        card: the model card; the page leaves out whatever the card lacks.
        evaluation: the version's predictions.

    """
    test, history = evaluation.test, card.get("history", {})
    worst = _find_worst(test)
    confusion = confusion_matrix(test.labels, test.probabilities.argmax(axis=1), labels=LABELS)
    page = load_template("report.html").render(
        making=_describe_card(card),
        card=card,
        test=test,
        metrics=test.metrics(),
        uploads=evaluation.uploads.metrics(),
        charts={key: charts.draw_curves(history, key) for key in ("loss", "accuracy") if history.get(key)},
        confusion=confusion.tolist(),
        most_confused=np.where(np.eye(10), 0, confusion).max(),
        scores=_score_digits(test),
        diagram=charts.draw_reliability(test),
        bins=_list_bins(test),
        mistakes=[_make_image(test, index) for index in worst],
        conditions=_count_conditions(evaluation),
        explained=_explain(version, test, _find_first_of_each(test) + worst[:EXPLAINED_ERRORS]),
    )
    path = version / REPORT
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path


def compute_saliency(version: Path, digits: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the gradient of the answered digit's score by the pixels of digits uint8 (n, 28, 28), float32 (n, 28, 28).

    Simonyan, Vedaldi and Zisserman 2013 use the score before the softmax: near 1 a probability is flat, and its
    gradient vanishes in float32. A SavedModel returns only probabilities. Their logarithms, less the mean of the ten
    logarithms, are equal to the scores less the mean score.
    """
    runtime = TensorFlow(version, read_card(version).input.scale)
    pixels = tf.constant(to_vectors(digits).reshape(-1, *runtime.signature.shape))
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        scores = tf.math.log(tf.maximum(runtime.function(pixels), np.finfo(np.float32).tiny))
        score = tf.reduce_max(scores, axis=1) - tf.reduce_mean(scores, axis=1)
    gradient: NDArray[np.float32] = tape.gradient(score, pixels).numpy()
    return gradient.reshape(-1, *DIGIT_SHAPE)


def load_template(name: str) -> jinja2.Template:
    """Load the template of a report."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.ChainableUndefined,  # a card may lack anything
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = _format_percent
    return environment.get_template(name)


def _format_percent(share: float) -> str:
    """Format a probability; only 0 and 1 are formatted as 0.0% and 100.0%."""
    if 0 < share < 0.001:
        return "<0.1%"
    return ">99.9%" if 0.999 < share < 1 else f"{share:.1%}"


def _describe_card(card: dict[str, Any]) -> list[str]:
    """Return phrases that describe how a version was fitted, as far as its card records it."""
    facts = [f"{key} {card[key]}" for key in ("recipe", "seed") if key in card]
    if epochs := len(card.get("history", {}).get("loss", [])):
        facts.append(f"{epochs} epoch{'s' * (epochs > 1)}")
    return facts + describe_fit(card)


def describe_fit(card: dict[str, Any]) -> list[str]:
    """Return phrases for the duration and the libraries of a fit, as far as a card records them."""
    facts = [f"{name} {version}" for name, version in card.get("libraries", {}).items()]
    if "seconds" not in card:
        return facts
    minutes, seconds = divmod(round(card["seconds"]), 60)
    return [f"fitted in {minutes} min {seconds} s", *facts]


def _score_digits(predictions: Predictions) -> list[tuple[int, float, float, float, int]]:
    """Return for each digit its precision, recall and F1, and its number of images; NaN is 0 divided by 0."""
    table = precision_recall_fscore_support(
        predictions.labels, predictions.probabilities.argmax(axis=1), labels=LABELS, zero_division=np.nan
    )
    return list(zip(LABELS.tolist(), *(column.tolist() for column in table), strict=True))


def _list_bins(predictions: Predictions) -> list[tuple[int, float, float]]:
    """Return count, mean confidence and accuracy of each bin of confidence that is not empty."""
    columns = bin_by_confidence(predictions.confidences, ~predictions.errors)
    return [row for row in zip(*(column.tolist() for column in columns), strict=True) if row[0]]


def _count_conditions(evaluation: Evaluation) -> list[ConditionErrors]:
    """Count the errors of each condition, the worst first."""
    names, errors = np.array(evaluation.conditions), evaluation.uploads.errors
    conditions = [
        ConditionErrors(name, int((names == name).sum()), int(errors[names == name].sum()))
        for name in dict.fromkeys(evaluation.conditions)
    ]
    return sorted(conditions, key=lambda condition: condition.accuracy)


def _find_first_of_each(predictions: Predictions) -> list[int]:
    """Return the index of the first image of each digit that is read right."""
    right = ~predictions.errors
    return [int(np.argmax(rows)) for digit in LABELS if (rows := right & (predictions.labels == digit)).any()]


def _find_worst(predictions: Predictions) -> list[int]:
    """Return the indices of the wrong answers with the highest loss, the highest first."""
    errors = np.flatnonzero(predictions.errors)
    order = np.argsort(-predictions.losses[errors], kind="stable")
    worst: list[int] = errors[order][:TOP_ERRORS].tolist()
    return worst


def _make_image(predictions: Predictions, index: int) -> ReportImage:
    label, probabilities = int(predictions.labels[index]), predictions.probabilities[index]
    answer = int(probabilities.argmax())
    url = to_data_url(predictions.images[index])
    return ReportImage(index, url, label, answer, float(probabilities[label]), float(probabilities[answer]))


def _explain(version: Path, predictions: Predictions, indices: list[int]) -> list[tuple[ReportImage, str]]:
    """Return images, each with a map of its saliency as a data: URL."""
    digits = predictions.images[indices]
    maps = [
        to_data_url(charts.overlay_gradient(*pair))
        for pair in zip(digits, compute_saliency(version, digits), strict=True)
    ]
    return [(_make_image(predictions, index), url) for index, url in zip(indices, maps, strict=True)]
