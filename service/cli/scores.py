"""How well labelled images are read: the scores, the confusions and the calibration of the answers."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from service.batch.tasks import PredictionOutcome
from service.cli.labels import LabelledImage, Labels, list_names
from service.errors import ServiceError, UnreadableFile
from service.inference.schemas import ModelName, Prediction

CALIBRATION_BINS = 15  # as in the reports of training


@dataclass(frozen=True)
class ScoredImage:
    """A labelled image, and its prediction or error."""

    file: LabelledImage
    outcome: PredictionOutcome

    @property
    def opened(self) -> bool:
        """Whether the file could be opened. A file that could not be opened says nothing about the model."""
        return not isinstance(self.outcome, UnreadableFile)

    @property
    def refused(self) -> bool:
        """Whether there is an error in place of a prediction."""
        return isinstance(self.outcome, ServiceError)

    @property
    def right(self) -> bool:
        """Whether the predicted digit is the label."""
        return isinstance(self.outcome, Prediction) and self.outcome.digit == self.file.label

    @property
    def uncertain(self) -> bool:
        """Whether the prediction is uncertain, right or wrong."""
        return isinstance(self.outcome, Prediction) and self.outcome.uncertain

    @property
    def wrong_though_sure(self) -> bool:
        """Whether the prediction is wrong and not uncertain."""
        return not (self.right or self.refused or self.uncertain)


class Score(msgspec.Struct, frozen=True):
    """Numbers of images, by how they were read. Refused images count as not right."""

    images: int
    right: int
    accuracy: float
    uncertain: int
    refused: int
    wrong_though_sure: int


class Confusion(msgspec.Struct, frozen=True):
    """How often images of a label were answered by another digit."""

    label: int
    answer: int
    count: int


class Calibration(msgspec.Struct, frozen=True):
    """How close the confidences are to the accuracy."""

    answers: int
    mean_confidence: float
    accuracy: float
    expected_calibration_error: float


class Unopened(msgspec.Struct, frozen=True):
    """A file that could not be opened, and the reason."""

    file: str
    error: str


class Report(msgspec.Struct, frozen=True):
    """The output of `python -m service evaluate`."""

    model: ModelName | None  # None if no image was answered
    whole: Score
    groups: dict[str, Score]  # empty if there is only one folder
    confusions: list[Confusion]  # the most frequent first
    calibration: Calibration | None
    left_out: dict[str, list[str]]
    unopened: list[Unopened]

    @property
    def scores(self) -> list[tuple[str, Score]]:
        """The rows of the table of scores; the last is the whole. A folder may also be named `all`."""
        return [*self.groups.items(), ("all", self.whole)]


def pair_outcomes(labels: Labels, outcomes: Iterable[PredictionOutcome]) -> list[ScoredImage]:
    """Return each labelled image with its outcome."""
    return [ScoredImage(image, outcome) for image, outcome in zip(labels.images, outcomes, strict=True)]


def summarize(labels: Labels, images: Sequence[ScoredImage]) -> Report:
    """Return the scores of images. Files that could not be opened are listed, and not scored.

    Raises:
        UnreadableFile: no file could be opened.

    """
    opened = [image for image in images if image.opened]
    unopened = [Unopened(image.file.name, str(image.outcome)) for image in images if not image.opened]
    if not opened:
        raise UnreadableFile(" ".join(["No file could be opened.", *describe_unopened(unopened)]))
    return Report(
        model=next((image.outcome.model for image in opened if isinstance(image.outcome, Prediction)), None),
        whole=_score(opened),
        groups=_score_groups(opened),
        confusions=_count_confusions(opened),
        calibration=_calibrate(opened),
        left_out=labels.left_out,
        unopened=unopened,
    )


def describe_unopened(unopened: Sequence[Unopened]) -> list[str]:
    """Return a sentence on the files that could not be opened, if there are any."""
    if not unopened:
        return []
    names = list_names([file.file for file in unopened])
    return [f"Not opened, and not counted: {names}. The first: {unopened[0].error}"]


def _score(images: Sequence[ScoredImage]) -> Score:
    right = sum(image.right for image in images)
    return Score(
        images=len(images),
        right=right,
        accuracy=right / len(images),
        uncertain=sum(image.uncertain for image in images),
        refused=sum(image.refused for image in images),
        wrong_though_sure=sum(image.wrong_though_sure for image in images),
    )


def _score_groups(images: Sequence[ScoredImage]) -> dict[str, Score]:
    groups: dict[str, list[ScoredImage]] = {}
    for image in images:
        groups.setdefault(image.file.group, []).append(image)
    return {group: _score(members) for group, members in groups.items()} if len(groups) > 1 else {}


def _count_confusions(images: Sequence[ScoredImage]) -> list[Confusion]:
    counts = Counter(
        (image.file.label, image.outcome.digit)
        for image in images
        if isinstance(image.outcome, Prediction) and not image.right
    )
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [Confusion(label, answer, count) for (label, answer), count in order]


def _calibrate(images: Sequence[ScoredImage]) -> Calibration | None:
    answers = [(image.outcome.confidence, image.right) for image in images if isinstance(image.outcome, Prediction)]
    if not answers:
        return None
    confidences = np.array([confidence for confidence, _ in answers], np.float32)
    right = np.array([is_right for _, is_right in answers], np.float64)
    bins = np.minimum((confidences * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    # Guo et al. 2017: the mean distance of confidence from accuracy, over bins of equal width.
    distances = np.abs(np.bincount(bins, confidences - right))
    return Calibration(
        len(answers), float(confidences.mean(dtype=float)), float(right.mean()), float(distances.sum() / len(answers))
    )
