"""The report of a finder: one HTML file that shows how the finder was fitted, and what it finds and misses."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.inference.visualization import to_data_url
from training.finder.evaluate import FinderEvaluation, UploadReading
from training.model_card import CardFields
from training.report import charts
from training.report.version_report import describe_fit, load_template

REPORT = Path("report/index.html")  # in the finder's folder
LOSS_NAMES = ("ink", "centers", "offsets")
EXAMPLES_PER_CONDITION = 2
MAX_MISTAKES = 48
JPEG_QUALITY = 80


@dataclass(frozen=True)
class Example:
    """An upload as the page shows it: its label, the answer, which may be `no digit`, and images as data: URLs."""

    condition: str
    label: int
    answer: str
    image: str
    ink: str
    digit: str

    @property
    def is_right(self) -> bool:
        """Whether the answer is the label."""
        return self.answer == str(self.label)


@dataclass(frozen=True)
class ConditionExamples:
    """Counts of the uploads of one condition."""

    name: str
    uploads: int
    errors: int
    refused: int
    examples: list[Example]

    @property
    def accuracy(self) -> float:
        """The part of the uploads that is read right."""
        return 1 - self.errors / self.uploads


def write(folder: Path, card: CardFields, evaluation: FinderEvaluation) -> Path:
    """Write the report of a finder into its folder, and return the page's path.

    The same card and evaluation give the same bytes.
    """
    conditions = _count_conditions(evaluation)
    errors = np.flatnonzero(evaluation.errors)
    page = load_template("finder_report.html").render(
        making=_describe_fit(card),
        card=card,
        metrics=evaluation.metrics(),
        chart=charts.draw_losses(card["history"], LOSS_NAMES, _rounds(card)),
        conditions=sorted(conditions, key=lambda condition: condition.accuracy),
        examples=conditions,
        errors=len(errors),
        mistakes=[_make_example(evaluation, place) for place in _find_hardest(evaluation, errors)],
    )
    path = folder / REPORT
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path


def _describe_fit(card: CardFields) -> list[str]:
    settings = card["settings"]
    facts = [f"{settings['scenes']:,} scenes", f"{settings['epochs']} epoch{'s' * (settings['epochs'] > 1)}"]
    return [f"seed {card['seed']}", *facts, *describe_fit(card)]


def _rounds(card: CardFields) -> int:
    """Count the losses that the history has for each epoch."""
    return max(1, len(card["history"]["loss"]) // int(card["settings"]["epochs"]))


def _count_conditions(evaluation: FinderEvaluation) -> list[ConditionExamples]:
    return [
        ConditionExamples(
            name, int(rows.sum()), int(evaluation.errors[rows].sum()), int(evaluation.refused[rows].sum()),
            [_make_example(evaluation, place) for place in np.flatnonzero(rows)[:EXAMPLES_PER_CONDITION]],
        )
        for name, rows in evaluation.conditions().items()
    ]  # fmt: skip


def _find_hardest(evaluation: FinderEvaluation, errors: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the uploads of the highest loss, the highest first; refused uploads come before all."""
    losses = np.where(evaluation.refused, np.inf, evaluation.predictions.losses)[errors]
    return errors[np.argsort(-losses, kind="stable")][:MAX_MISTAKES]


def _make_example(evaluation: FinderEvaluation, place: int) -> Example:
    reading: UploadReading = evaluation.readings[place]
    answer = "no digit" if reading.ink is None else str(evaluation.predictions.probabilities[place].argmax())
    ink = np.zeros((1, 1), np.uint8) if reading.ink is None else reading.ink
    return Example(
        reading.condition, reading.label, answer, _jpeg_url(reading.image), _jpeg_url(ink), to_data_url(reading.digit)
    )


def _jpeg_url(image: NDArray[np.uint8]) -> str:
    """Encode an image uint8 (height, width) as a data: URL of a JPEG file: photos take fewer bytes than as PNG."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
