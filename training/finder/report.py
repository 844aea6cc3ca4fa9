"""The report of a finder: one HTML page that stands alone and shows how it was fitted, what it finds and misses."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.inference.visualization import data_url
from training.finder.evaluate import Evaluation, Reading
from training.model_card import Card
from training.report import charts
from training.report.version_report import made_with, template

REPORT = Path("report/index.html")  # in the finder's folder
LOSSES = ("ink", "centers", "offsets")
EXAMPLES = 2  # of each condition
MAX_MISTAKES = 48
JPEG_QUALITY = 80


@dataclass(frozen=True)
class Example:
    """An upload as the page shows it: its label, the answer, which may be `no digit`, and pictures as data: URLs."""

    condition: str
    label: int
    answer: str
    page: str
    ink: str
    digit: str

    @property
    def is_right(self) -> bool:
        """Whether it is read right."""
        return self.answer == str(self.label)


@dataclass(frozen=True)
class Condition:
    """How the uploads of one condition were read."""

    name: str
    uploads: int
    errors: int
    refused: int
    examples: list[Example]

    @property
    def accuracy(self) -> float:
        """The part read right."""
        return 1 - self.errors / self.uploads


def write(folder: Path, card: Card, evaluation: Evaluation) -> Path:
    """Write the report of a finder into its folder, and return the page's path.

    The same card and evaluation give the same bytes.
    """
    conditions = _conditions(evaluation)
    wrong = np.flatnonzero(evaluation.errors)
    page = template("finder_report.html").render(
        making=_making(card),
        card=card,
        metrics=evaluation.metrics(),
        chart=charts.losses(card["history"], LOSSES, _rounds(card)),
        conditions=sorted(conditions, key=lambda condition: condition.accuracy),
        examples=conditions,
        errors=len(wrong),
        mistakes=[_show(evaluation, place) for place in _hardest(evaluation, wrong)],
    )
    path = folder / REPORT
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path


def _making(card: Card) -> list[str]:
    settings = card["settings"]
    facts = [f"{settings['scenes']:,} scenes", f"{settings['epochs']} epoch{'s' * (settings['epochs'] > 1)}"]
    return [f"seed {card['seed']}", *facts, *made_with(card)]


def _rounds(card: Card) -> int:
    """Count what the history has for each epoch."""
    return max(1, len(card["history"]["loss"]) // int(card["settings"]["epochs"]))


def _conditions(evaluation: Evaluation) -> list[Condition]:
    return [
        Condition(
            name, int(rows.sum()), int(evaluation.errors[rows].sum()), int(evaluation.refused[rows].sum()),
            [_show(evaluation, place) for place in np.flatnonzero(rows)[:EXAMPLES]],
        )
        for name, rows in evaluation.conditions().items()
    ]  # fmt: skip


def _hardest(evaluation: Evaluation, wrong: NDArray[np.intp]) -> NDArray[np.intp]:
    """Choose the uploads of the highest loss; those refused come first."""
    losses = np.where(evaluation.refused, np.inf, evaluation.answers.losses)[wrong]
    return wrong[np.argsort(-losses, kind="stable")][:MAX_MISTAKES]


def _show(evaluation: Evaluation, place: int) -> Example:
    reading: Reading = evaluation.readings[place]
    answer = "no digit" if reading.ink is None else str(evaluation.answers.probabilities[place].argmax())
    ink = np.zeros((1, 1), np.uint8) if reading.ink is None else reading.ink
    return Example(
        reading.condition, reading.label, answer, _jpeg_url(reading.page), _jpeg_url(ink), data_url(reading.digit)
    )


def _jpeg_url(picture: NDArray[np.uint8]) -> str:
    """Encode a picture uint8 (height, width) as a data: URL of a JPEG file, which holds photos in fewer bytes."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
