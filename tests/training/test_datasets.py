"""MNIST from every source, and the errors of wrong sources."""

import gzip
import re
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.preparation import normalize
from service.preparation.finder import Finder
from tests.support.paths import SEVEN
from tests.support.training import run_in_process, run_training, small
from training.data import datasets
from training.data.datasets import Dataset
from training.data.sources import FORMS, IDX_FILES
from training.errors import DataError

Pixels = NDArray[np.uint8]


def write_npz(path: Path, dataset: Dataset) -> str:
    np.savez(path, allow_pickle=False, **dataset.arrays())
    return str(path)


def write_idx(folder: Path, dataset: Dataset, suffix: str) -> str:
    for name, array in dataset.arrays().items():
        header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        content = header + array.tobytes()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / (IDX_FILES[name] + suffix)
        path.write_bytes(gzip.compress(content) if suffix.endswith(".gz") else content)
    return str(folder)


def assert_same(left: Dataset, right: Dataset) -> None:
    for name, array in left.arrays().items():
        np.testing.assert_array_equal(array, right.arrays()[name])


def test_bundled_arrays_have_mnists_checksums(mnist: Dataset) -> None:
    assert mnist.checksums() == datasets.MNIST_SHA256


def test_a_changed_pixel_of_the_bundled_file_is_noticed(
    mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = mnist.x_test.copy()
    changed[5, 5, 5] ^= 1
    write_npz(tmp_path / "mnist.npz", replace(mnist, x_test=changed))
    monkeypatch.setattr(datasets, "BUNDLED", tmp_path / "mnist.npz")
    with pytest.raises(DataError, match="damaged"):
        datasets.load()


def test_another_npz(mnist: Dataset, tmp_path: Path) -> None:
    assert_same(datasets.load(write_npz(tmp_path / "other.npz", small(mnist))), small(mnist))


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_files(mnist: Dataset, tmp_path: Path, suffix: str) -> None:
    assert_same(datasets.load(write_idx(tmp_path, small(mnist), suffix)), small(mnist))


@pytest.mark.parametrize("folder", ["", "MNIST"])
def test_torchvisions_folder(mnist: Dataset, tmp_path: Path, folder: str) -> None:
    write_idx(tmp_path / "MNIST" / "raw", small(mnist), "")
    assert_same(datasets.load(str(tmp_path / folder)), small(mnist))


def test_npz_of_other_types_shapes_and_names(mnist: Dataset, tmp_path: Path) -> None:
    valid = small(mnist)
    x, y = valid.x_train, valid.y_train
    pairs: list[tuple[NDArray[Any], NDArray[Any]]] = [
        (x.astype(np.int64), y.astype(np.int64)),
        ((x / 255).astype(np.float32), y.astype(np.float64)),
        (x.reshape(-1, 784) / 255, y.astype(np.int32)),
        (x[..., np.newaxis].astype(np.float64), y.reshape(-1, 1)),
        (x[:, np.newaxis], y),
    ]
    for number, (images, labels) in enumerate(pairs):
        path = tmp_path / f"{number}.npz"
        np.savez(path, Train_Images=images, Train_Labels=labels, Test_Images=valid.x_test, Test_Labels=valid.y_test)
        assert_same(datasets.load(str(path)), valid)
    binary = tmp_path / "binary.npz"
    np.savez(binary, x_train=x > 127, y_train=y, x_test=valid.x_test, y_test=valid.y_test)
    np.testing.assert_array_equal(datasets.load(str(binary)).x_train, np.where(x > 127, 255, 0))


def write_csv(path: Path, images: Pixels, labels: Pixels | None, header: str = "label") -> str:
    columns = [] if labels is None else [labels.reshape(-1, 1)]
    names = ",".join(([] if labels is None else [header]) + [f"pixel{place}" for place in range(784)])
    with gzip.open(path, "wt") if path.suffix == ".gz" else open(path, "w") as file:
        np.savetxt(file, np.hstack([*columns, images.reshape(-1, 784)]), "%d", ",", header=names, comments="")
    return str(path)


def digits_of(*parts: tuple[Pixels, Pixels]) -> list[tuple[bytes, int]]:
    return sorted((image.tobytes(), int(label)) for part in parts for image, label in zip(*part, strict=True))


def assert_held_out(dataset: Dataset, images: Pixels, labels: Pixels) -> None:
    """Check that a dataset consists of these digits, a sixth of them test images, and that no part is sorted."""
    assert len(dataset.x_test) == round(len(labels) / 6)
    train, test = (dataset.x_train, dataset.y_train), (dataset.x_test, dataset.y_test)
    assert digits_of(train, test) == digits_of((images, labels))
    assert all(len(set(part[1][-5:].tolist())) > 1 for part in (train, test))


def test_kaggles_folder(mnist: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(tmp_path / "train.csv", mnist.x_train[:60], mnist.y_train[:60])
    write_csv(tmp_path / "test.csv", mnist.x_test[:30], None)
    assert_held_out(datasets.load(str(tmp_path)), mnist.x_train[:60], mnist.y_train[:60])
    assert capsys.readouterr().err == (
        f"Left out: {tmp_path / 'test.csv'} has no labels.\n"
        f"{tmp_path} has no test images: 10 of its 60 images are held out as test images.\n"
    )
    with pytest.raises(DataError, match="has no labels: a row must be a label and 784 pixels"):
        datasets.load(str(tmp_path / "test.csv"))


def test_csv_with_a_test_part(mnist: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    valid = small(mnist)
    write_csv(tmp_path / "mnist_train.csv.gz", valid.x_train, valid.y_train)
    write_csv(tmp_path / "mnist_test.csv", valid.x_test, valid.y_test)
    assert_same(datasets.load(str(tmp_path)), valid)
    assert not capsys.readouterr().err


def test_csv_without_a_header_or_with_the_label_last(mnist: Dataset, tmp_path: Path) -> None:
    images, labels = mnist.x_train[:60], mnist.y_train[:60]
    first, last = tmp_path / "first.csv", tmp_path / "last.csv"
    rows = Path(write_csv(first, images, labels)).read_text().splitlines()
    first.write_text("\n".join(rows[1:]))
    assert_held_out(datasets.load(str(first)), images, labels)
    last.write_text("\ufeff" + "\n".join(f"{pixels},{label}" for label, pixels in (row.split(",", 1) for row in rows)))
    assert_held_out(datasets.load(str(last)), images, labels)


@pytest.mark.filterwarnings("ignore:loadtxt")
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda text: "", "1 columns"),
        (lambda text: text.replace(",pixel783", ""), "784 columns|no labels"),
        (lambda text: text + "7,1,2\n", "is damaged"),
        (lambda text: text + "7" + ",x" * 784 + "\n", "is damaged"),
        (lambda text: text + "11" + ",0" * 784 + "\n", "has a label 11"),
        (lambda text: text + "7" + ",256" * 784 + "\n", "pixels from 0.0 to 256.0"),
        (lambda text: text.splitlines()[0] + "\n", "has shape"),
        (lambda text: text.replace(",", ";"), "1 columns"),
        (lambda text: "\0" * 100, "1 columns"),
    ],
)
def test_wrong_csv_is_refused(mnist: Dataset, tmp_path: Path, change: Callable[[str], str], sentence: str) -> None:
    path = tmp_path / "digits.csv"
    path.write_text(change(Path(write_csv(path, mnist.x_train[:6], mnist.y_train[:6])).read_text()))
    with pytest.raises(DataError, match=sentence):
        datasets.load(str(path))


def test_a_file_that_is_no_text_and_one_that_is_not_gzipped_are_refused(tmp_path: Path) -> None:
    for name in ("a.csv", "a.csv.gz"):
        (tmp_path / name).write_bytes(b"\xff\xfe\xfd")
        with pytest.raises(DataError, match="is not a CSV file"):
            datasets.load(str(tmp_path / name))


def write_images(folder: Path, images: Pixels, labels: Pixels) -> None:
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / str(label) / f"{number}.png")


def test_folders_of_images_of_28x28_are_used_unchanged(
    mnist: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, labels = mnist.x_train[:60].copy(), mnist.y_train[:60]
    images[5] = np.roll(images[5], 4, axis=0)  # not centered, and not moved
    write_images(tmp_path, np.concatenate([images[:30], 255 - images[30:]]), labels)  # half are dark on light
    (tmp_path / "7" / "notes.txt").write_text("no image")
    assert_held_out(datasets.load(str(tmp_path)), images, labels)
    assert f"Left out: 1 files in {tmp_path}; the first is {tmp_path / '7' / 'notes.txt'}: " in capsys.readouterr().err


@pytest.mark.parametrize("names", [("train", "test"), ("training", "testing")])
def test_two_folders_of_folders(mnist: Dataset, tmp_path: Path, names: tuple[str, str]) -> None:
    valid = small(mnist)
    write_images(tmp_path / names[0], valid.x_train, valid.y_train)
    write_images(tmp_path / names[1], valid.x_test, valid.y_test)
    dataset = datasets.load(str(tmp_path))
    assert digits_of((dataset.x_train, dataset.y_train)) == digits_of((valid.x_train, valid.y_train))
    assert digits_of((dataset.x_test, dataset.y_test)) == digits_of((valid.x_test, valid.y_test))
    assert len(set(dataset.y_train[-5:].tolist())) > 1  # the held-out images show several digits


def test_a_digit_is_found_in_other_images(tmp_path: Path, finder: Finder) -> None:
    seven = Image.open(SEVEN)
    photo = Image.new("L", (120, 90), 230)
    photo.paste(30, (40, 20, 96, 76), seven.resize((56, 56)))
    for number in range(6):
        (tmp_path / "7").mkdir(exist_ok=True)
        photo.save(tmp_path / "7" / f"{number}.png")
    expected = normalize.prepare(np.asarray(photo), finder)
    np.testing.assert_array_equal(datasets.load(str(tmp_path)).x_train, [expected] * 5)


def test_a_source_of_no_form_is_refused_with_the_forms(tmp_path: Path) -> None:
    (tmp_path / "digits.zip").write_bytes(b"PK")
    for source in (tmp_path, tmp_path / "digits.zip"):
        with pytest.raises(DataError, match=re.escape(FORMS)):
            datasets.load(str(source))


def test_too_few_images_to_hold_some_out(mnist: Dataset, tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", x=mnist.x_train[:1], y=mnist.y_train[:1])
    with pytest.raises(DataError, match="has no test images, and only 1 images"):
        datasets.load(str(tmp_path / "one.npz"))


def test_keras_loader(mnist: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    arrays = (mnist.x_train, mnist.y_train), (mnist.x_test, mnist.y_test)
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: arrays)
    assert_same(datasets.load("keras"), mnist)


def test_wrong_files_are_refused_with_a_sentence(mnist: Dataset, tmp_path: Path) -> None:
    valid = small(mnist)
    cut = tmp_path / "cut.npz"
    cut.write_bytes(Path(write_npz(tmp_path / "valid.npz", valid)).read_bytes()[:3000])
    text = tmp_path / "text.npz"
    text.write_text("no arrays")
    np.savez(tmp_path / "few.npz", x_train=valid.x_train)
    wrong = {
        "nowhere.npz": "There is no file",
        "cut.npz": "is not an .npz",
        "text.npz": "is not an .npz",
        "few.npz": "is missing the arrays",
        write_npz(tmp_path / "a.npz", replace(valid, x_train=valid.x_train[:, 1:])): "has shape",
        write_npz(tmp_path / "b.npz", replace(valid, y_test=valid.y_test[1:])): "has shape",
        write_npz(tmp_path / "c.npz", replace(valid, y_test=valid.y_test + 9)): "label",
        write_npz(tmp_path / "d.npz", replace(valid, x_test=cast(Any, valid.x_test / 127.5 - 1))): "from -1.0 to 1.0",
        write_npz(tmp_path / "e.npz", replace(valid, x_test=cast(Any, valid.x_test.astype(int) + 1))): "from 1 to 256",
        write_npz(tmp_path / "f.npz", replace(valid, x_test=cast(Any, valid.x_test * np.nan))): "from nan to nan",
        write_npz(tmp_path / "g.npz", replace(valid, x_test=cast(Any, valid.x_test.astype(str)))): "not numbers",
        write_npz(tmp_path / "h.npz", replace(valid, y_test=cast(Any, valid.y_test.astype(str)))): "has a label '",
        write_npz(tmp_path / "i.npz", replace(valid, y_test=cast(Any, valid.y_test + 0.5))): "has a label ",
    }
    for name, sentence in wrong.items():
        with pytest.raises(DataError, match=sentence):
            datasets.load(str(tmp_path / name))


@pytest.mark.parametrize("size", [0, 3, 10, 1000])
def test_truncated_idx_is_refused(mnist: Dataset, tmp_path: Path, size: int) -> None:
    write_idx(tmp_path, small(mnist), "")
    path = tmp_path / IDX_FILES["x_test"]
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DataError, match=r"IDX|header"):
        datasets.load(str(tmp_path))


def test_missing_idx_is_named(mnist: Dataset, tmp_path: Path) -> None:
    write_idx(tmp_path, small(mnist), ".gz")
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte"):
        datasets.load(str(tmp_path))


def test_command_exits_with_2_and_one_sentence(tmp_path: Path) -> None:
    for command in ((), ("data",)):
        result = run_training(*command, "--data", tmp_path / "nowhere.npz")
        assert result.returncode == 2
        assert result.stderr == f"Error: There is no file or folder {tmp_path / 'nowhere.npz'}.\n"


def test_an_option_before_a_command_is_refused() -> None:
    for option in (("--data", "/nope"), ("--epochs", "3")):
        result = run_training(*option, "data")
        assert result.returncode == 2
        assert result.stderr.endswith(f"Error: {option[0]} stands before data: write it after the command.\n")


def test_data_command_describes_and_draws(tmp_path: Path) -> None:
    result = run_in_process("data", "--samples", tmp_path / "samples.png")
    assert "x_train  rank 3  shape (60000, 28, 28)  dtype uint8" in result.stdout
    assert "y_test   rank 1  shape (10000,)" in result.stdout
    assert (tmp_path / "samples.png").read_bytes().startswith(b"\x89PNG")
