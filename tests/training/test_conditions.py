"""Uploads made of MNIST's images, and how well the service reads them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.errors import ServiceError
from service.inference.predictor import Predictor
from service.models import loading
from service.preparation.finder import Finder
from service.settings import DEFAULT_MODELS, Settings
from tests.training.test_export import Training
from training.data.augmentation import augment
from training.data.datasets import HELD_OUT, Dataset
from training.synthetic import prepare
from training.synthetic.conditions import CONDITIONS, make


def test_the_same_seed_makes_the_same_files(mnist: Dataset) -> None:
    first, again, other = (list(make(mnist.train, 1, seed)) for seed in (1, 1, 2))
    assert first == again
    assert [upload.condition for upload in first] == list(CONDITIONS)
    assert sum(one.data == two.data for one, two in zip(first, other, strict=True)) == 0


def test_uploads_are_read_under_every_condition(mnist: Dataset) -> None:
    uploads = prepare.prepare(mnist.train[-HELD_OUT:], 40, seed=5, models=DEFAULT_MODELS)
    rows = list(prepare.accuracies(uploads, loading.load_default(Settings())))
    assert len(rows) == len(CONDITIONS) >= 20
    prepared = [row[2] for row in rows]
    assert np.mean(prepared) >= 0.97  # 0.981
    assert min(prepared) >= 0.7  # 0.8, of digits a tenth as tall as the image; 0.925 of the others
    assert np.mean([row[1] for row in rows]) < 0.6


def test_prepared_side_by_side_they_are_what_they_are_one_by_one(mnist: Dataset, finder: Finder) -> None:
    prepared = prepare.prepare(mnist.train[:100], 1, seed=3, models=DEFAULT_MODELS)
    uploads = list(make(mnist.train[:100], 1, seed=3))
    assert prepared.conditions == [upload.condition for upload in uploads]
    assert prepared.digits.labels.tolist() == [upload.label for upload in uploads]
    predictor = Predictor(loading.load_default(Settings()), finder, Settings())
    answers = predictor.predict_files([upload.data for upload in uploads])
    assert sum(isinstance(answer, ServiceError) for answer in answers) <= 3
    for upload, answer, digit in zip(uploads, answers, prepared.digits.images, strict=True):
        is_refused = isinstance(answer, ServiceError)
        np.testing.assert_array_equal(np.zeros((28, 28)) if is_refused else predictor.normalize(upload.data), digit)


def test_the_command_prints_a_table_and_draws_a_sheet(run_training: Training, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    result = run_training("uploads", "--images", 1, "--sheet", sheet)
    assert result.returncode == 0, result.stderr
    assert all(f"| {condition:27} |" in result.stdout for condition in (*CONDITIONS, "mean"))
    with Image.open(sheet) as image:
        assert image.height > image.width > 200
        assert len(np.unique(np.asarray(image))) > 100


def test_augmented_digits_vary_and_stay_digits(mnist: Dataset) -> None:
    rng = np.random.default_rng(0)
    varied = augment(np.repeat(mnist.x_train[:1], 50, axis=0), rng)
    assert varied.shape == (50, 28, 28)
    assert varied.dtype == np.uint8
    assert len({image.tobytes() for image in varied}) == 50
    assert 0.5 < varied.mean() / mnist.x_train[0].mean() < 2


def test_digits_are_varied_the_same_one_by_one_or_together(mnist: Dataset) -> None:
    one_by_one, together = np.random.default_rng(0), np.random.default_rng(0)
    varied = [augment(image[None], one_by_one)[0] for image in mnist.x_train[:50]]
    np.testing.assert_array_equal(varied, augment(mnist.x_train[:50], together))


def test_fewer_images_than_are_held_out_is_told(run_training: Training, mnist: Dataset, tmp_path: Path) -> None:
    source = tmp_path / "few.npz"
    np.savez(source, x_train=mnist.x_train[:500], y_train=mnist.y_train[:500], x_test=mnist.x_test[:10],
             y_test=mnist.y_test[:10])  # fmt: skip
    result = run_training("--recipe", "convnet", "--models", tmp_path, "--data", source)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith("Error: ")


@pytest.mark.parametrize("count", [1, 3])
def test_plain_resizing_is_to_28x28(count: int) -> None:
    assert prepare.resize(np.zeros((28 * count, 40), np.uint8)).shape == (28, 28)
