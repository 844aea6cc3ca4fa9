"""The scores of labelled images, and their text."""

import os

import pytest

from service.cli.labels import LabelledImage, Labels
from service.cli.score_text import format_report
from service.cli.scores import Confusion, Report, Score, pair_outcomes, summarize
from service.errors import NoDigit, ServiceError, UnreadableFile
from service.inference.schemas import ModelName, Prediction

MODEL = ModelName("mnist", "3")


def predict(digit: int, confidence: float, uncertain: bool = False) -> Prediction:
    return Prediction(digit, confidence, uncertain, [0.1] * 10, MODEL)


def make_report(outcomes: dict[tuple[str, int], Prediction | ServiceError], **left_out: list[str]) -> Report:
    """Summarize outcomes by the names of the images and their labels."""
    labels = Labels([LabelledImage(name, name, label) for name, label in outcomes], left_out)
    return summarize(labels, pair_outcomes(labels, outcomes.values()))


def test_scores_count_right_uncertain_refused_and_wrong_images_by_folder() -> None:
    report = make_report(
        {
            (os.path.join("a", "1.png"), 7): predict(7, 1.0),
            (os.path.join("a", "2.png"), 7): predict(1, 0.5, uncertain=True),
            (os.path.join("b", "3.png"), 7): predict(1, 0.9),
            (os.path.join("b", "4.png"), 2): NoDigit("Nothing."),
            (os.path.join("b", "5.png"), 2): UnreadableFile("This can't be read."),
        }
    )
    assert report.model == MODEL
    assert report.whole == Score(4, right=1, accuracy=0.25, uncertain=1, refused=1, wrong_though_sure=1)
    assert report.groups["a"] == Score(2, right=1, accuracy=0.5, uncertain=1, refused=0, wrong_though_sure=0)
    assert report.groups["b"] == Score(2, right=0, accuracy=0.0, uncertain=0, refused=1, wrong_though_sure=1)
    assert report.confusions == [Confusion(label=7, answer=1, count=2)]
    assert [(file.file, file.error) for file in report.unopened] == [
        (os.path.join("b", "5.png"), "This can't be read.")
    ]


def test_the_calibration_error_is_the_distance_of_confidence_from_accuracy() -> None:
    report = make_report({(f"{number}.png", 7): predict(7 if number else 1, 0.75) for number in range(4)})
    assert report.calibration
    assert (report.calibration.mean_confidence, report.calibration.accuracy) == (0.75, 0.75)
    assert report.calibration.expected_calibration_error == 0
    sure = make_report({(f"{number}.png", 7): predict(number, 1.0) for number in range(10)})
    assert sure.calibration
    assert sure.calibration.expected_calibration_error == pytest.approx(0.9)


def test_nothing_opened_is_an_error() -> None:
    with pytest.raises(UnreadableFile, match=r"No file could be opened\. .* 1 file \(7\.png\)\. The first: Gone\."):
        make_report({("7.png", 7): UnreadableFile("Gone.")})


def test_the_text_has_scores_confusions_and_notes() -> None:
    report = make_report(
        {("a.png", 7): predict(7, 1.0), ("b.png", 7): predict(1, 1.0)}, unlabelled=["c", "d", "e", "f"]
    )
    assert format_report(report).splitlines() == [
        "folder  images    right  uncertain  refused  wrong though sure",
        "all          2   50.00%      0.00%        0                  1",
        "",
        "label -> answer  count",
        "    7 ->      1      1",
        "",
        "Answers of mnist, version 3: 2, with a mean confidence of 100.00%, an accuracy of 50.00% and an expected "
        "calibration error of 50.00%.",
        "Left out, no label: 4 files (c, d, e and 1 more).",
    ]
