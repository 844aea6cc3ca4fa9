"""The report is one page that stands alone, and its numbers are those of the evaluation."""

import base64
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.models.runtimes import LiteRT, TensorFlow
from service.models.store import CARD
from service.preparation.normalize import to_vectors
from service.settings import DEFAULT_MODELS
from tests.support.report_page import Page
from training.data.datasets import Dataset
from training.evaluate import Evaluation, Predictions, evaluate
from training.report import version_report
from training.synthetic.prepare import prepare_uploads

SECTIONS = ["history", "confusion", "scores", "reliability", "mistakes", "uploads", "saliency"]


@pytest.fixture(scope="module")
def evaluation(shipped: Path, mnist: Dataset) -> Evaluation:
    uploads = prepare_uploads(mnist.train[-5000:], count=1, seed=0, models=DEFAULT_MODELS)
    return evaluate(LiteRT(shipped), mnist, uploads)


@pytest.fixture(scope="module")
def version(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(shipped, tmp_path_factory.mktemp("models") / "3"))


@pytest.fixture(scope="module")
def card(version: Path) -> dict[str, Any]:
    calibration = {"temperature": 0.91234, "threshold": 0.5}
    return {**json.loads((version / CARD).read_text()), "seconds": 61.4, "calibration": calibration}


@pytest.fixture(scope="module")
def path(version: Path, card: dict[str, Any], evaluation: Evaluation) -> Path:
    return version_report.write(version, card, evaluation)


@pytest.fixture(scope="module")
def page(path: Path) -> Page:
    return Page(path)


def part(answers: Predictions, chosen: NDArray[np.bool_]) -> Predictions:
    return Predictions(answers.images[chosen], answers.labels[chosen], answers.probabilities[chosen])


def test_it_stands_alone(path: Path, page: Page, version: Path) -> None:
    assert path == version / "assets.extra/report/index.html"
    assert path.stat().st_size < 500_000
    assert [attributes["id"] for tag, attributes in page.elements if tag == "section"] == SECTIONS
    references = [attributes.get(name) for _, attributes in page.elements for name in ("src", "srcset", "href")]
    assert all(reference.startswith("data:") for reference in references if reference is not None)
    assert not {"script", "iframe", "object", "form"} & {tag for tag, _ in page.elements}
    assert not re.search(r"url\(|@import|http", page.text[""])
    assert all(attributes["alt"] for tag, attributes in page.elements if tag == "img")


def test_it_says_what_was_made_and_how_good_it_is(page: Page, card: dict[str, Any], evaluation: Evaluation) -> None:
    making = f"recipe {card['recipe']} · seed {card['seed']} · {len(card['history']['loss'])} epochs"
    for fact in (f"{making} · fitted in 1 min 1 s · python 3.", "0.912", "0.500"):
        assert fact in page.text[""]
    errors = int((evaluation.test.probabilities.argmax(axis=1) != evaluation.test.labels).sum())
    assert f"{errors} of 10,000 read wrong" in page.text[""]
    assert f"{1 - errors / 10_000:.2%}" in page.text[""]


def test_confusion_matrix_and_scores(page: Page, evaluation: Evaluation) -> None:
    labels, answers = evaluation.test.labels, evaluation.test.probabilities.argmax(axis=1)
    table = [[int(cell or 0) for cell in row[1:]] for row in page.rows["confusion"][1:]]
    expected = [[int(((labels == row) & (answers == column)).sum()) for column in range(10)] for row in range(10)]
    assert table == expected
    for digit, row in enumerate(page.rows["scores"][1:]):
        found = expected[digit][digit]
        given, images = sum(line[digit] for line in expected), sum(expected[digit])
        scores = [f"{score:.2%}" for score in (found / given, found / images, 2 * found / (given + images))]
        assert row == [str(digit), *scores, f"{images:,}"]


def test_reliability_counts_every_answer(page: Page, evaluation: Evaluation) -> None:
    rows = page.rows["reliability"][1:]
    assert sum(int(count.replace(",", "")) for _, _, count in rows) == 10_000
    sure = evaluation.test.confidences >= 14 / 15
    right = float((~evaluation.test.errors)[sure].mean())
    assert rows[0] == [f"{evaluation.test.confidences[sure].mean():.1%}", f"{right:.1%}", f"{sure.sum():,}"]


def test_worst_mistakes_come_first(page: Page, evaluation: Evaluation) -> None:
    test = evaluation.test
    order = [place for place in np.argsort(-test.losses) if test.errors[place]][:24]
    images = page.images("mistakes")
    assert len(images) == len(order)
    for place, image in zip(order, images, strict=True):
        answer = test.probabilities[place].argmax()
        assert image["alt"] == f"Test image {place}, a {test.labels[place]} read as a {answer}"
        content = base64.b64decode((image["src"] or "").partition(",")[2])
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(content))), test.images[place])


def test_uploads_by_condition_the_worst_first(page: Page, evaluation: Evaluation) -> None:
    rows = page.rows["uploads"][1:]
    assert sorted(row[0] for row in rows) == sorted(evaluation.conditions)
    wrong = [int(row[3]) for row in rows]
    assert wrong == sorted(evaluation.uploads.errors.astype(int).tolist(), reverse=True)
    assert [row[2] for row in rows] == [f"{1 - count:.1%}" for count in wrong]


def test_saliency_is_the_slope_of_the_score(version: Path, mnist: Dataset) -> None:
    predict, step = TensorFlow(version).predict, 0.0003  # short: a ReLU may bend on the way
    for place, gradient in enumerate(version_report.compute_saliency(version, mnist.x_test[:10])):
        pixel = np.abs(gradient).argmax()
        pair = to_vectors(mnist.x_test[[place, place]])
        pair[:, pixel] += [step, -step]
        scores = np.log(predict(pair).astype(float))
        above, below = scores[:, mnist.y_test[place]] - scores.mean(axis=1)
        assert (above - below) / (2 * step) == pytest.approx(gradient.flat[pixel], rel=0.03)


def test_saliency_shows_every_digit_and_some_mistakes(page: Page) -> None:
    digits = [image["alt"] or "" for image in page.images("saliency")[::2]]
    assert [alt[-1] for alt in digits[:10]] == list("0123456789")
    assert [alt.split()[2] for alt in digits[10:]] == [
        (image["alt"] or "").split()[2] for image in page.images("mistakes")[:5]
    ]


@pytest.mark.filterwarnings("error::UserWarning", "error::RuntimeWarning")
def test_without_card_mistakes_and_sevens(version: Path, evaluation: Evaluation) -> None:
    test, uploads = evaluation.test, evaluation.uploads
    some = ~test.errors & (test.labels != 7) & (np.arange(10_000) < 200)
    right = part(uploads, ~uploads.errors)
    page = Page(version_report.write(version, {}, Evaluation(part(test, some), right, ["scan"] * len(right.labels))))
    assert "is not recorded" in page.text[""]
    assert "is not recorded" in page.text["history"]
    assert "Threshold" not in page.text[""]
    assert page.rows["scores"][8] == ["7", *["\N{EN DASH}"] * 3, "0"]
    assert "every test image is read right" in page.text["mistakes"]
    assert page.rows["uploads"][1] == ["scan", str(len(right.labels)), "100.0%", "0"]
    assert len(page.images("saliency")) == 9 * 2


@pytest.mark.filterwarnings("error::UserWarning", "error::RuntimeWarning")
def test_one_epoch_of_anything(version: Path, evaluation: Evaluation) -> None:
    card = {"recipe": "<b>mine</b> & yours", "history": {"loss": [0.0], "accuracy": [1.0]}}
    page = Page(version_report.write(version, card, evaluation))
    assert "recipe <b>mine</b> & yours · 1 epoch" in page.text[""]
    assert len(page.images("history")) == 2


def test_same_bytes_twice(version: Path, card: dict[str, Any], evaluation: Evaluation) -> None:
    first = version_report.write(version, card, evaluation).read_bytes()
    assert version_report.write(version, card, evaluation).read_bytes() == first
