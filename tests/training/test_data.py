"""MNIST from every source, and what is said of one that is wrong."""

import gzip
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, cast

import numpy as np
import pytest

from training import data
from training.data import Dataset
from training.errors import DataError

Training = Callable[..., CompletedProcess[str]]


def small(mnist: Dataset) -> Dataset:
    return Dataset(mnist.x_train[:64], mnist.y_train[:64], mnist.x_test[:32], mnist.y_test[:32])


def write_npz(path: Path, dataset: Dataset) -> str:
    np.savez(path, allow_pickle=False, **dataset.arrays())
    return str(path)


def write_idx(folder: Path, dataset: Dataset, suffix: str) -> str:
    for name, array in dataset.arrays().items():
        header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        content = header + array.tobytes()
        path = folder / (data.IDX_FILES[name] + suffix)
        path.write_bytes(gzip.compress(content) if suffix.endswith(".gz") else content)
    return str(folder)


def assert_same(left: Dataset, right: Dataset) -> None:
    for name, array in left.arrays().items():
        np.testing.assert_array_equal(array, right.arrays()[name])


def test_bundled_arrays_have_mnists_checksums(mnist: Dataset) -> None:
    assert mnist.checksums() == data.MNIST_SHA256


def test_a_changed_pixel_of_the_bundled_file_is_noticed(
    mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = mnist.x_test.copy()
    changed[5, 5, 5] ^= 1
    write_npz(tmp_path / "mnist.npz", replace(mnist, x_test=changed))
    monkeypatch.setattr(data, "BUNDLED", tmp_path / "mnist.npz")
    with pytest.raises(DataError, match="damaged"):
        data.load()


def test_other_npz(mnist: Dataset, tmp_path: Path) -> None:
    assert_same(data.load(write_npz(tmp_path / "other.npz", small(mnist))), small(mnist))


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_files(mnist: Dataset, tmp_path: Path, suffix: str) -> None:
    assert_same(data.load(write_idx(tmp_path, small(mnist), suffix)), small(mnist))


def test_keras_loader(mnist: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    arrays = (mnist.x_train, mnist.y_train), (mnist.x_test, mnist.y_test)
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: arrays)
    assert_same(data.load("keras"), mnist)


def test_wrong_files_are_refused_with_a_sentence(mnist: Dataset, tmp_path: Path) -> None:
    good = small(mnist)
    cut = tmp_path / "cut.npz"
    cut.write_bytes(Path(write_npz(tmp_path / "good.npz", good)).read_bytes()[:3000])
    text = tmp_path / "text.npz"
    text.write_text("no arrays")
    np.savez(tmp_path / "few.npz", x_train=good.x_train)
    wrong = {
        "nowhere.npz": "There is no file",
        "cut.npz": "is not an .npz",
        "text.npz": "is not an .npz",
        "few.npz": "has not the arrays",
        write_npz(tmp_path / "a.npz", replace(good, x_train=good.x_train[:, 1:])): "has shape",
        write_npz(tmp_path / "b.npz", replace(good, y_test=good.y_test[1:])): "has shape",
        write_npz(tmp_path / "c.npz", replace(good, y_test=good.y_test + 9)): "label",
        write_npz(tmp_path / "d.npz", replace(good, x_test=cast(Any, good.x_test / 255))): "float64, not uint8",
    }
    for name, sentence in wrong.items():
        with pytest.raises(DataError, match=sentence):
            data.load(str(tmp_path / name))


@pytest.mark.parametrize("size", [0, 3, 10, 1000])
def test_truncated_idx_is_refused(mnist: Dataset, tmp_path: Path, size: int) -> None:
    write_idx(tmp_path, small(mnist), "")
    path = tmp_path / data.IDX_FILES["x_test"]
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DataError, match=r"IDX|header"):
        data.load(str(tmp_path))


def test_missing_idx_is_named(mnist: Dataset, tmp_path: Path) -> None:
    write_idx(tmp_path, small(mnist), ".gz")
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte"):
        data.load(str(tmp_path))


def test_command_exits_with_2_and_one_sentence(run_training: Training, tmp_path: Path) -> None:
    for command in ((), ("data",)):
        result = run_training(*command, "--data", tmp_path / "nowhere.npz")
        assert result.returncode == 2
        assert result.stderr == f"Error: There is no file or folder {tmp_path / 'nowhere.npz'}.\n"


def test_data_command_describes_and_draws(run_training: Training, tmp_path: Path) -> None:
    result = run_training("data", "--samples", tmp_path / "samples.png")
    assert "x_train  rank 3  shape (60000, 28, 28)  dtype uint8" in result.stdout
    assert "y_test   rank 1  shape (10000,)" in result.stdout
    assert (tmp_path / "samples.png").read_bytes().startswith(b"\x89PNG")
