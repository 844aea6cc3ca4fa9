"""Whether an answer is uncertain: over HTTP, on the command line, and at the threshold itself."""

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from service.inference.predictor import Predictor
from service.inference.schemas import ReadDigit
from service.models import loading
from service.models.runtimes import LiteRT
from service.preparation.finder import Finder
from service.preparation.normalize import to_vectors
from service.settings import Settings
from tests.support.images import multipart, png
from tests.support.models import copy_version
from tests.support.paths import ROOT
from tests.support.server import Server, clean_environment, serving
from training.data.datasets import Dataset


@pytest.fixture(scope="module")
def folder(mnist: Dataset, shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sure and an unsure digit, and models whose threshold is between their confidences."""
    folder = tmp_path_factory.mktemp("uncertain")
    confidences = LiteRT(shipped).predict(to_vectors(mnist.x_test[:2000])).max(axis=1)
    for name, place in (("sure.png", confidences.argmax()), ("unsure.png", confidences.argmin())):
        (folder / name).write_bytes(png(mnist.x_test[place]))
    copy_version(shipped, folder, calibration={"threshold": float(confidences.max() + confidences.min()) / 2})
    return folder


@pytest.fixture(scope="module")
def doubtful(folder: Path) -> Iterator[Server]:
    with serving("--workers", "1", "--models", str(folder)) as server:
        yield server


@pytest.mark.parametrize("path", ["/predict?prepare=none", "/explain?prepare=none"])
@pytest.mark.parametrize(("name", "uncertain"), [("sure.png", False), ("unsure.png", True)])
def test_an_answer_below_the_threshold_is_uncertain(
    doubtful: Server, folder: Path, path: str, name: str, uncertain: bool
) -> None:
    status, answer = doubtful.post((folder / name).read_bytes(), path)
    assert (status, answer["uncertain"]) == (200, uncertain)


def test_each_answer_of_a_batch_is_uncertain_or_not(doubtful: Server, folder: Path) -> None:
    files = [(name, (folder / name).read_bytes()) for name in ("unsure.png", "sure.png", "unsure.png")]
    _, answer = doubtful.ask("POST", "/predict/batch?prepare=none", *multipart(*files))
    assert [prediction["uncertain"] for prediction in answer["predictions"]] == [True, False, True]


def predict(folder: Path, form: str) -> list[str]:
    return subprocess.run(
        [sys.executable, "-m", "service", "--models", folder, "predict", "--prepare", "none", "--format", form,
         folder / "unsure.png", folder / "sure.png", "README.md"],
        cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=False,
    ).stdout.splitlines()  # fmt: skip


def test_csv_has_a_column_after_the_confidence(folder: Path) -> None:
    rows = list(csv.DictReader(predict(folder, "csv")))
    assert list(rows[0])[1:5] == ["digit", "confidence", "uncertain", "p0"]
    assert [row["uncertain"] for row in rows] == ["true", "false", ""]
    assert rows[2]["code"] == "unreadable_image"


def test_jsonl_has_a_field(folder: Path) -> None:
    unsure, sure, failed = map(json.loads, predict(folder, "jsonl"))
    assert (unsure["uncertain"], sure["uncertain"], "uncertain" in failed) == (True, False, False)


def test_a_table_says_the_word(folder: Path) -> None:
    _, unsure, sure, _ = predict(folder, "table")
    assert unsure.endswith("%  uncertain")
    assert sure.endswith("%")


def test_a_confidence_at_the_threshold_is_certain(
    mnist: Dataset, shipped: Path, finder: Finder, tmp_path: Path
) -> None:
    vectors = to_vectors(mnist.x_test[:1])
    confidence = float(LiteRT(shipped).predict(vectors).max())
    for name, threshold in (("at", confidence), ("above", np.nextafter(confidence, 2))):
        copy_version(shipped, tmp_path / name, calibration={"threshold": threshold})
        settings = Settings(models=tmp_path / name)
        (prediction,) = Predictor(loading.load_default(settings), finder, settings).predict(vectors)
        assert prediction.uncertain == (name == "above")


def test_without_a_calibration_no_answer_is_uncertain(
    mnist: Dataset, shipped: Path, finder: Finder, tmp_path: Path
) -> None:
    copy_version(shipped, tmp_path)
    settings = Settings(models=tmp_path)
    answers = Predictor(loading.load_default(settings), finder, settings).predict(list(to_vectors(mnist.x_test)))
    assert min(answer.confidence for answer in answers) < 0.6
    assert not any(answer.uncertain for answer in answers)


@pytest.mark.parametrize(("below", "uncertain"), [(1, 1), (2, 2), (3, 5), (5, 5)])
def test_where_most_digits_of_an_image_are_uncertain_all_are(
    mnist: Dataset, shipped: Path, finder: Finder, tmp_path: Path, below: int, uncertain: int
) -> None:
    row = png(np.hstack([np.pad(digit, 6) for digit in mnist.x_test[:5]]))

    def read(threshold: float) -> list[ReadDigit]:
        copy_version(shipped, tmp_path / str(threshold), calibration={"threshold": threshold})
        app_settings = Settings(models=tmp_path / str(threshold))
        (line,) = Predictor(loading.load_default(app_settings), finder, app_settings).read(row).lines
        return line.digits

    confidences = sorted(digit.confidence for digit in read(0.0))
    assert len(set(confidences)) == 5
    threshold = float(np.nextafter(confidences[below - 1], 2))
    assert sum(digit.uncertain for digit in read(threshold)) == uncertain
