"""Readers of images and labels: .npz, IDX, CSV, and folders of images."""

import gzip
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

import click
import numpy as np
from numpy.typing import NDArray

from service.preparation.normalize import VECTOR_SIZE
from training.data import image_folders
from training.errors import DataError

Array = NDArray[Any]
Pair = tuple[Array, Array]  # images and their labels
Arrays = dict[str, Array]  # x_train and y_train; x_test and y_test if there are test images

FORMS = (
    "an .npz file; a folder of the four IDX files, gzipped or not, or one that holds MNIST/raw; a CSV file of a label"
    f" and {VECTOR_SIZE} pixels in each row, or a folder of train.csv and test.csv; a folder of the folders 0 to 9 with"
    " images, or one of two such, train and test; or the word keras"
)

# The names of arrays in .npz files, in lower case: Keras's, MedMNIST's, and names in files without test images.
NPZ_NAMES = {
    "x_train": ("x_train", "train_images", "images", "x"),
    "y_train": ("y_train", "train_labels", "labels", "y"),
    "x_test": ("x_test", "test_images"),
    "y_test": ("y_test", "test_labels"),
}

# The IDX files of http://yann.lecun.com/exdb/mnist/, by the names that Keras's load_data() gives their arrays.
IDX_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
IDX_FOLDERS = ("", "raw", "MNIST/raw")  # the last is torchvision's
IDX_UNSIGNED_BYTE = 0x08

TRAIN_NAMES, TEST_NAMES = ("train", "training", "mnist_train"), ("test", "testing", "mnist_test")
CSV_SUFFIXES = (".csv", ".csv.gz")
LABEL_NAMES = ("label", "class", "digit", "target")


def read(path: Path) -> Arrays:
    """Read a file or folder of any of the `FORMS` but the word keras.

    Raises:
        DataError: the file or folder is missing, damaged, or of another form.

    """
    if path.is_dir():
        return _read_folder(path)
    if not path.exists():
        raise DataError(f"There is no file or folder {path}.")
    if path.suffix == ".npz":
        return _read_npz(path)
    if path.name.endswith(CSV_SUFFIXES):
        return _name_arrays("train", _read_csv(path))
    raise DataError(f"{path} is not a data set. Use one of these: {FORMS}.")


def _read_npz(path: Path) -> Arrays:
    """Read the arrays of an .npz file, under any of the `NPZ_NAMES`.

    Raises:
        DataError: the file is damaged, or is missing arrays.

    """
    try:
        with np.load(path) as file:
            keys = {key.lower(): key for key in file}
            names = {name: keys[alias] for name, aliases in NPZ_NAMES.items() for alias in aliases if alias in keys}
            arrays = {name: file[key] for name, key in names.items()}
    except (OSError, ValueError, EOFError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} is not an .npz file of arrays, or is damaged: {error}.") from error
    if not {"x_train", "y_train"} <= arrays.keys() or ("x_test" in arrays) != ("y_test" in arrays):
        raise DataError(f"{path} is missing the arrays {', '.join(NPZ_NAMES)}: it has {', '.join(keys.values())}.")
    return arrays


def read_keras() -> Arrays:
    """Load MNIST with Keras, which downloads it once.

    Raises:
        DataError: Keras can't load it.

    """
    import keras

    try:
        (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    except Exception as error:  # Keras passes on whatever its download raises
        raise DataError(f"Keras can't load MNIST: {error}.") from error
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def _read_folder(folder: Path) -> Arrays:
    for name in IDX_FOLDERS:
        if any(_find_idx(folder / name, file) for file in IDX_FILES.values()):
            return {array: _read_idx(folder / name, file) for array, file in IDX_FILES.items()}
    if train := _find(folder, TRAIN_NAMES, CSV_SUFFIXES):
        return _read_csvs(train, _find(folder, TEST_NAMES, CSV_SUFFIXES))
    if image_folders.has_digit_folders(folder):
        return _name_arrays("train", image_folders.read(folder))
    if (train := _find(folder, TRAIN_NAMES)) and image_folders.has_digit_folders(train):
        test = _find(folder, TEST_NAMES)
        arrays = _name_arrays("train", image_folders.read(train))
        return arrays | _name_arrays("test", image_folders.read(test)) if test else arrays
    raise DataError(f"{folder} holds no data set. Use one of these: {FORMS}.")


def _find(folder: Path, names: Iterable[str], suffixes: Iterable[str] = ("",)) -> Path | None:
    paths = (folder / f"{name}{suffix}" for name in names for suffix in suffixes)
    return next((path for path in paths if path.exists()), None)


def _name_arrays(part: str, pair: Pair) -> Arrays:
    return {f"x_{part}": pair[0], f"y_{part}": pair[1]}


def _find_idx(folder: Path, name: str) -> Path | None:
    dotted = name.replace("-idx", ".idx")  # the form of some mirrors and archive programs
    return _find(folder, (name, dotted), ("", ".gz"))


def _read_idx(folder: Path, name: str) -> NDArray[np.uint8]:
    """Read an IDX file: two zero bytes, type, rank, sizes as big-endian uint32, then values."""
    if not (path := _find_idx(folder, name)):
        raise DataError(f"There is no {name} or {name}.gz in {folder}.")
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} can't be unpacked: {error}.") from error
    if len(data) < 4 or data[:3] != bytes([0, 0, IDX_UNSIGNED_BYTE]) or len(data) < 4 + 4 * data[3]:
        raise DataError(f"{path} is not an IDX file of unsigned bytes.")
    start = 4 + 4 * data[3]
    shape = np.frombuffer(data[4:start], ">u4").astype(int)
    if len(data) - start != shape.prod():
        raise DataError(f"{path} holds {len(data) - start} values where its header says {shape.prod()}.")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def _read_csvs(train: Path, test: Path | None) -> Arrays:
    arrays = _name_arrays("train", _read_csv(train))
    if test and len(_first_row(test)) == VECTOR_SIZE:
        click.echo(f"Left out: {test} has no labels.", err=True)
    elif test:
        arrays |= _name_arrays("test", _read_csv(test))
    return arrays


def _read_csv(path: Path) -> Pair:
    """Read a label and 784 pixels from each row; the label comes first, or where a header names it."""
    names = [name.strip(' "\r\n').lower() for name in _first_row(path)]
    if len(names) != 1 + VECTOR_SIZE:
        missing = "no labels" if len(names) == VECTOR_SIZE else f"{len(names)} columns"
        raise DataError(f"{path} has {missing}: a row must be a label and {VECTOR_SIZE} pixels, separated by commas.")
    header_rows = 0 if names[0].replace(".", "").isdecimal() else 1
    label = next((place for place, name in enumerate(names) if name in LABEL_NAMES), 0)
    try:
        with _open_text(path) as file:
            rows = np.loadtxt(file, np.float32, delimiter=",", skiprows=header_rows, ndmin=2)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"{path} is damaged: {error}.") from error
    return np.delete(rows, label, axis=1), rows[:, label]


def _first_row(path: Path) -> list[str]:
    try:
        with _open_text(path) as file:
            return file.readline().split(",")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"{path} is not a CSV file: {error}.") from error


def _open_text(path: Path) -> TextIO:
    encoding = "utf-8-sig"  # some programs write a byte order mark
    return gzip.open(path, "rt", encoding=encoding) if path.suffix == ".gz" else open(path, encoding=encoding)
