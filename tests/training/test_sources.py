"""Each reader of images and labels, without the checks that come after it."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from training.data import sources
from training.errors import DataError

IMAGES, LABELS = np.arange(3 * 784, dtype=np.uint8).reshape(3, 784), np.array([7, 0, 9], np.uint8)


@pytest.mark.parametrize("names", [("x_train", "y_train"), ("Train_Images", "Train_Labels"), ("IMAGES", "labels")])
def test_npz_arrays_are_found_by_any_of_their_names(names: tuple[str, str], tmp_path: Path) -> None:
    np.savez(tmp_path / "digits.npz", allow_pickle=False, **dict(zip(names, (IMAGES, LABELS), strict=True)))
    arrays = sources.read(tmp_path / "digits.npz")
    assert sorted(arrays) == ["x_train", "y_train"]
    np.testing.assert_array_equal(arrays["x_train"], IMAGES)


def test_an_npz_file_with_test_images_but_no_test_labels_is_missing_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "digits.npz", x_train=IMAGES, y_train=LABELS, x_test=IMAGES)
    with pytest.raises(DataError, match="is missing the arrays x_train, y_train, x_test, y_test: it has x_train"):
        sources.read(tmp_path / "digits.npz")


def test_pickled_objects_in_an_npz_file_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "digits.npz", x_train=np.array([{}], object), y_train=LABELS)
    with pytest.raises(DataError, match=r"is not an \.npz file of arrays"):
        sources.read(tmp_path / "digits.npz")


@pytest.mark.parametrize("name", ["digits.csv", "digits.csv.gz"])
@pytest.mark.parametrize("header", ["", "class," + ",".join(map(str, range(784))) + "\n"])
def test_csv_rows_are_a_label_and_784_pixels(name: str, header: str, tmp_path: Path) -> None:
    rows = "".join(f"{label},{','.join(map(str, image))}\n" for image, label in zip(IMAGES, LABELS, strict=True))
    data = (header + rows).encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    arrays = sources.read(tmp_path / name)
    np.testing.assert_array_equal(arrays["x_train"], IMAGES)
    np.testing.assert_array_equal(arrays["y_train"], LABELS)


def test_idx_files_hold_their_shape(tmp_path: Path) -> None:
    for name, array in (("x", IMAGES.reshape(3, 28, 28)), ("y", LABELS)):
        header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        for part in ("train", "test"):
            (tmp_path / sources.IDX_FILES[f"{name}_{part}"]).write_bytes(header + array.tobytes())
    arrays = sources.read(tmp_path)
    assert {name: array.shape for name, array in arrays.items()} == {
        "x_train": (3, 28, 28), "y_train": (3,), "x_test": (3, 28, 28), "y_test": (3,),
    }  # fmt: skip


def test_the_forms_are_named_where_nothing_is_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no data set\. Use one of these: an \.npz file;"):
        sources.read(tmp_path)
    with pytest.raises(DataError, match="There is no file or folder"):
        sources.read(tmp_path / "missing")
