"""The report of a version: one HTML page that stands alone and shows how it was fitted, and what it gets wrong."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from service.inference.visualization import data_url
from service.models.runtimes import TensorFlow
from service.models.store import REPORT, read_card
from service.preparation.normalize import SIDE, scale
from training.evaluate import Answers, Evaluation, reliability
from training.report import charts

DIGITS = np.arange(10)
MISTAKES = 24  # shown, of all
EXPLAINED = 5  # of them, with their saliency


@dataclass(frozen=True)
class Reading:
    """A test image as the page shows it: its place among them, picture, label and answer, and what each was given."""

    place: int
    picture: str
    label: int
    answer: int
    of_label: float
    of_answer: float


@dataclass(frozen=True)
class Condition:
    """How the uploads of one condition were read."""

    name: str
    uploads: int
    errors: int

    @property
    def accuracy(self) -> float:
        """The part read right."""
        return 1 - self.errors / self.uploads


def write(version: Path, card: dict[str, Any], evaluation: Evaluation) -> Path:
    """Write the report of a version into its folder, and give the page's path.

    The same version, card and evaluation give the same bytes.

    Args:
        version: holds the SavedModel, whose gradients show what mattered.
        card: the model card; what it lacks, the page leaves out.
        evaluation: what the version answered.

    """
    test, history = evaluation.test, card.get("history", {})
    wrong = _worst(test)
    confusion = confusion_matrix(test.labels, test.probabilities.argmax(axis=1), labels=DIGITS)
    page = template("report.html").render(
        making=_making(card),
        card=card,
        test=test,
        metrics=test.metrics(),
        uploads=evaluation.uploads.metrics(),
        charts={key: charts.curves(history, key) for key in ("loss", "accuracy") if history.get(key)},
        confusion=confusion.tolist(),
        most_confused=np.where(np.eye(10), 0, confusion).max(),
        scores=_scores(test),
        diagram=charts.reliability_diagram(test),
        bins=_bins(test),
        mistakes=[_read(test, place) for place in wrong],
        conditions=_conditions(evaluation),
        explained=_explain(version, test, _first_of_each(test) + wrong[:EXPLAINED]),
    )
    path = version / REPORT
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path


def saliency(version: Path, digits: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Give the gradient of the answered digit's score by each pixel of digits uint8 (n, 28, 28), float32 (n, 28, 28).

    Simonyan, Vedaldi and Zisserman 2013 take the score before the softmax, since a probability near 1 is flat:
    there, float32 holds nothing of its gradient. A SavedModel gives probabilities only, but their logarithms, less
    the mean of the ten, are those scores less their mean.
    """
    runtime = TensorFlow(version, read_card(version).input.scale)
    pixels = tf.constant(scale(digits).reshape(-1, *runtime.signature.shape))
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        scores = tf.math.log(tf.maximum(runtime.function(pixels), np.finfo(np.float32).tiny))
        score = tf.reduce_max(scores, axis=1) - tf.reduce_mean(scores, axis=1)
    gradient: NDArray[np.float32] = tape.gradient(score, pixels).numpy()
    return gradient.reshape(-1, SIDE, SIDE)


def template(name: str) -> jinja2.Template:
    """Load a report's page, to be filled in."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.ChainableUndefined,  # a card may lack anything
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = _percent
    return environment.get_template(name)


def _percent(share: float) -> str:
    """Write a probability, and nothing that is not 0 or 1 as if it were."""
    if 0 < share < 0.001:
        return "<0.1%"
    return ">99.9%" if 0.999 < share < 1 else f"{share:.1%}"


def _making(card: dict[str, Any]) -> list[str]:
    """Say how a version was made, as far as its card tells."""
    facts = [f"{key} {card[key]}" for key in ("recipe", "seed") if key in card]
    if epochs := len(card.get("history", {}).get("loss", [])):
        facts.append(f"{epochs} epoch{'s' * (epochs > 1)}")
    return facts + made_with(card)


def made_with(card: dict[str, Any]) -> list[str]:
    """Say in what time and with which libraries a model was fitted, as far as its card tells."""
    facts = [f"{name} {version}" for name, version in card.get("libraries", {}).items()]
    if "seconds" not in card:
        return facts
    minutes, seconds = divmod(round(card["seconds"]), 60)
    return [f"fitted in {minutes} min {seconds} s", *facts]


def _scores(answers: Answers) -> list[tuple[int, float, float, float, int]]:
    """Give each digit, its precision, recall and F1, and its images; not a number is what nothing goes into."""
    table = precision_recall_fscore_support(
        answers.labels, answers.probabilities.argmax(axis=1), labels=DIGITS, zero_division=np.nan
    )
    return list(zip(DIGITS.tolist(), *(column.tolist() for column in table), strict=True))


def _bins(answers: Answers) -> list[tuple[int, float, float]]:
    """Give count, mean confidence and accuracy of each bin of confidence that holds an answer."""
    columns = reliability(answers.confidences, ~answers.errors)
    return [row for row in zip(*(column.tolist() for column in columns), strict=True) if row[0]]


def _conditions(evaluation: Evaluation) -> list[Condition]:
    """Count the errors under each condition, the worst first."""
    names, errors = np.array(evaluation.conditions), evaluation.uploads.errors
    conditions = [
        Condition(name, int((names == name).sum()), int(errors[names == name].sum()))
        for name in dict.fromkeys(evaluation.conditions)
    ]
    return sorted(conditions, key=lambda condition: condition.accuracy)


def _first_of_each(answers: Answers) -> list[int]:
    """Choose the first image of each digit that is read right."""
    right = ~answers.errors
    return [int(np.argmax(rows)) for digit in DIGITS if (rows := right & (answers.labels == digit)).any()]


def _worst(answers: Answers) -> list[int]:
    """Choose the wrong answers of the highest loss, the highest first."""
    wrong = np.flatnonzero(answers.errors)
    order = np.argsort(-answers.losses[wrong], kind="stable")
    chosen: list[int] = wrong[order][:MISTAKES].tolist()
    return chosen


def _read(answers: Answers, place: int) -> Reading:
    label, probabilities = int(answers.labels[place]), answers.probabilities[place]
    answer = int(probabilities.argmax())
    picture = data_url(answers.images[place])
    return Reading(place, picture, label, answer, float(probabilities[label]), float(probabilities[answer]))


def _explain(version: Path, answers: Answers, places: list[int]) -> list[tuple[Reading, str]]:
    """Give images with a map of their saliency, as a data: URL."""
    digits = answers.images[places]
    maps = [data_url(charts.overlay(*pair)) for pair in zip(digits, saliency(version, digits), strict=True)]
    return [(_read(answers, place), url) for place, url in zip(places, maps, strict=True)]
