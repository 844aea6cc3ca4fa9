"""A network learns the user's own digits, and the command lists files that are not images."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from service.models import store
from service.preparation.finder import Finder
from service.preparation.normalize import to_vectors
from tests.support.paths import SEVEN
from tests.support.training import run_in_process
from training.data import user_digits
from training.data.batches import NO_DIGIT
from training.data.datasets import Dataset, Digits
from training.errors import DataError
from training.fit import fit
from training.model.recipes import RECIPES


def draw_slashed_zero(rng: np.random.Generator) -> Image.Image:
    """Draw a zero with a slash that crosses its outline: MNIST has none, and networks see no digit."""
    image, width = Image.new("L", (200, 200), "white"), int(rng.integers(8, 15))
    pen, (x, y), (across, up) = ImageDraw.Draw(image), rng.integers(85, 115, 2), rng.integers((30, 50), (45, 65))
    pen.ellipse([x - across, y - up, x + across, y + up], outline="black", width=width)
    right, top = 1.3 * across, 1.15 * up
    pen.line([x - right, y - top, x + right, y + top], "black", width)
    return image


def write_zeros(folder: Path, count: int, seed: int) -> Path:
    (folder / "0").mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for number in range(count):
        draw_slashed_zero(rng).save(folder / "0" / f"{number}.png")
    return folder


@pytest.mark.slow
def test_a_style_is_learnt_from_100_images_and_mnist_is_not_forgotten(
    mnist: Dataset, finder: Finder, tmp_path: Path
) -> None:
    training_zeros, _ = user_digits.load(write_zeros(tmp_path / "own", 100, seed=0), finder)
    test_zeros, _ = user_digits.load(write_zeros(tmp_path / "others", 200, seed=1), finder)
    recipe = replace(RECIPES["convnet"], epochs=3, uploads=0, rho=0.0)

    def accuracies(digits: Digits) -> tuple[float, float]:
        model, _ = fit(recipe, digits, seed=0)
        answers = [
            model.predict(to_vectors(part.images), verbose=0).argmax(axis=1) for part in (test_zeros, mnist.test)
        ]
        return float((answers[0] == test_zeros.labels).mean()), float((answers[1] == mnist.test.labels).mean())

    train = mnist.train[:10_000]
    zeros_before, mnist_before = accuracies(train)
    zeros_after, mnist_after = accuracies(train + training_zeros.repeat(10))
    assert zeros_before < 0.1
    assert zeros_after > 0.95
    assert mnist_after >= mnist_before - 0.003  # two such fits differ by as much as 0.001


def test_the_command_mixes_them_in_and_lists_what_it_leaves_out(finder: Finder, tmp_path: Path) -> None:
    folder = write_zeros(tmp_path / "own", 3, seed=0)
    (folder / "7").mkdir()
    (folder / "7" / "seven.png").write_bytes(SEVEN.read_bytes())
    (folder / "7" / "notes.txt").write_text("no image")
    Image.new("L", (100, 100), "white").save(folder / "7" / "blank.png")
    options = ("--recipe", "dense", "--epochs", 1, "--evaluate-on", 1, "--models", tmp_path)
    result = run_in_process(*options, "--extra", folder, "--extra-weight", 4)
    assert f"4 images in {folder} are mixed in, each 4 times an epoch." in result.stdout
    left_out = [line for line in result.stderr.splitlines() if line.startswith("Left out: ")]
    assert [str(folder / "7" / name) in line for name, line in zip(("blank.png", "notes.txt"), left_out, strict=True)]
    card = json.loads((tmp_path / "mnist" / "1" / store.CARD).read_text())
    assert card["finder"] == finder.checksum
    assert card["extra"]["weight"] == 4
    assert len(card["extra"]["images"]) == 64


def test_images_without_a_digit_are_read_and_records_and_hidden_files_are_not(
    mnist: Dataset, finder: Finder, tmp_path: Path
) -> None:
    for name, image in (("4/a.png", mnist.x_test[4]), ("none/b.png", mnist.x_test[0]), ("none/c.png", mnist.x_test[0])):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / name)
        (tmp_path / name).with_suffix(".json").write_text("{}")
    Image.new("L", (100, 100), "white").save(tmp_path / "none" / "refused.png")  # so there is nothing to learn
    (tmp_path / "4" / ".part").write_bytes(b"half")
    (tmp_path / ".lock").touch()
    digits, unreadable = user_digits.load(tmp_path, finder)
    assert digits.labels.tolist() == [4, NO_DIGIT, NO_DIGIT]
    assert unreadable == []


def test_refused_images_alone_are_nothing_to_learn_from(finder: Finder, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    Image.new("L", (100, 100), "white").save(tmp_path / "none" / "a.png")
    with pytest.raises(DataError, match=r"None of the 1 files in .* shows anything like a digit\."):
        user_digits.load(tmp_path, finder)


def test_one_in_five_is_held_out_and_stays_so_when_images_are_added(mnist: Dataset) -> None:
    few, many = (user_digits.hold_out(mnist.test[:count]) for count in (400, 1000))
    assert [len(part) for part in few] == pytest.approx([320, 80], abs=25)
    assert few[1].images.tobytes() == many[1].images.tobytes()[: few[1].images.nbytes]
    assert few[0].labels.tolist() == many[0].labels.tolist()[: len(few[0])]


@pytest.mark.parametrize("folder", ["missing", "empty"])
def test_a_folder_without_digits_is_told(folder: str, finder: Finder, tmp_path: Path) -> None:
    (tmp_path / "empty" / "a").mkdir(parents=True)
    with pytest.raises(DataError, match="no images in folders 0 to 9"):
        user_digits.load(tmp_path / folder, finder)


def test_a_folder_of_unreadable_files_is_told(finder: Finder, tmp_path: Path) -> None:
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "a.png").write_bytes(b"no")
    with pytest.raises(DataError, match="None of the 1 files"):
        user_digits.load(tmp_path, finder)
