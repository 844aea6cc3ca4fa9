"""Folders 0 to 9 of images become digits, and unreadable files are named."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.data import image_folders
from training.data.datasets import Dataset
from training.errors import DataError


def write(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


@pytest.mark.parametrize(("name", "expected"), [("0", True), ("9", True), ("10", False), ("zero", False)])
def test_digit_folders_are_named_0_to_9(name: str, expected: bool, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    assert image_folders.has_digit_folders(tmp_path) == expected


def test_a_file_is_no_digit_folder(tmp_path: Path) -> None:
    (tmp_path / "7").touch()
    assert not image_folders.has_digit_folders(tmp_path)


def test_images_are_prepared_in_the_order_of_their_folders_and_names(tmp_path: Path) -> None:
    for name, level in (("3/b.png", 30), ("3/a.png", 20), ("1/deep/er.png", 10)):
        write(tmp_path / name, np.full((5, 6), level, np.uint8))
    (tmp_path / "3" / "notes.txt").write_text("no image")
    write(tmp_path / "other" / "a.png", np.zeros((5, 6), np.uint8))
    images, labels, unreadable = image_folders.prepare_all(tmp_path, lambda image: image[:2, :2])
    assert images[:, 0, 0].tolist() == [10, 20, 30]
    assert images.shape == (3, 2, 2)
    assert labels.tolist() == [1, 3, 3]
    assert [sentence.partition(": ")[0] for sentence in unreadable] == [str(tmp_path / "3" / "notes.txt")]


def test_a_folder_without_files_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "3").mkdir()
    with pytest.raises(DataError, match="no images in folders 0 to 9"):
        image_folders.read(tmp_path)


def test_images_of_28x28_are_read_light_on_dark(mnist: Dataset, tmp_path: Path) -> None:
    write(tmp_path / "5" / "dark.png", mnist.x_train[0])
    write(tmp_path / "5" / "light.png", 255 - mnist.x_train[0])
    images, labels = image_folders.read(tmp_path)
    np.testing.assert_array_equal(images, [mnist.x_train[0]] * 2)
    assert labels.tolist() == [5, 5]
