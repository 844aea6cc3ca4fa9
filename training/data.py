"""MNIST's images and labels, from the file in this package or from anywhere else."""

import gzip
import hashlib
import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.errors import DataError

HELD_OUT = 5_000  # of the training images, the last ones, for every choice there is to make
BUNDLED = Path(__file__).parent / "mnist.npz"

# SHA-256 of each array's bytes in C order, as the four files of origin hold them.
MNIST_SHA256 = {
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}

# The IDX files of http://yann.lecun.com/exdb/mnist/, by the names that load_data() gives their arrays.
IDX_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
IDX_UNSIGNED_BYTE = 0x08


@dataclass(frozen=True)
class Digits:
    """Images uint8 (n, 28, 28), white ink on black, and their labels uint8 (n,), 0 to 9."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.labels)

    def __add__(self, other: "Digits") -> "Digits":
        return Digits(np.concatenate([self.images, other.images]), np.concatenate([self.labels, other.labels]))

    def __getitem__(self, part: slice | NDArray[np.integer]) -> "Digits":
        return Digits(self.images[part], self.labels[part])

    def checksums(self) -> dict[str, str]:
        """Give the SHA-256 of the images' bytes and the labels'."""
        return _checksums(asdict(self))

    def repeated(self, times: int) -> "Digits":
        """Give each of them so many times."""
        return Digits(np.repeat(self.images, times, axis=0), np.repeat(self.labels, times))


@dataclass(frozen=True)
class Dataset:
    """Images uint8 (n, 28, 28), white ink on black, and their labels uint8 (n,), 0 to 9."""

    x_train: NDArray[np.uint8]
    y_train: NDArray[np.uint8]
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.uint8]

    def arrays(self) -> dict[str, NDArray[np.uint8]]:
        """Give the four arrays by their names."""
        return asdict(self)

    @property
    def train(self) -> Digits:
        """The training images."""
        return Digits(self.x_train, self.y_train)

    @property
    def test(self) -> Digits:
        """The test images."""
        return Digits(self.x_test, self.y_test)

    def split(self, held_out: int) -> tuple[Digits, Digits]:
        """Split the training images into those to fit to and the last ones, which are held out.

        Raises:
            DataError: that leaves none to fit to.

        """
        count = len(self.x_train) - held_out
        if count < 1:
            raise DataError(f"{len(self.x_train)} training images are too few: {held_out} are held out.")
        return self.train[:count], self.train[count:]

    def checksums(self) -> dict[str, str]:
        """Give the SHA-256 of each array's bytes, by its name."""
        return _checksums(self.arrays())


def _checksums(arrays: dict[str, NDArray[np.uint8]]) -> dict[str, str]:
    return {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()}


def load(source: str | None = None) -> Dataset:
    """Load the complete MNIST from this package, or data of its form from `source`.

    A source is an .npz file, a folder of the four IDX files, gzipped or not, or `keras` for
    `keras.datasets.mnist.load_data()`.

    Raises:
        DataError: the source is missing, damaged, or not of MNIST's form.

    """
    if source == "keras":
        dataset = _load_keras()
    elif source is not None and Path(source).is_dir():
        dataset = Dataset(**{name: _read_idx(Path(source), file) for name, file in IDX_FILES.items()})
    else:
        dataset = _load_npz(Path(source) if source else BUNDLED)
    _check_form(dataset, source or str(BUNDLED))
    if source in (None, "keras") and dataset.checksums() != MNIST_SHA256:
        raise DataError(f"{source or BUNDLED} is damaged: its arrays are not MNIST's.")
    return dataset


def _load_npz(path: Path) -> Dataset:
    try:
        with np.load(path) as file:
            return Dataset(**{name: file[name] for name in IDX_FILES})
    except FileNotFoundError:
        raise DataError(f"There is no file or folder {path}.") from None
    except KeyError as error:
        raise DataError(f"{path} has not the arrays {', '.join(IDX_FILES)}: {error}.") from error
    except (
        OSError,
        ValueError,
        EOFError,
        TypeError,
        AttributeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise DataError(f"{path} is not an .npz file of arrays, or is damaged: {error}.") from error


def _load_keras() -> Dataset:
    import keras

    try:
        (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    except Exception as error:  # Keras passes on whatever its download raises
        raise DataError(f"Keras can't load MNIST: {error}.") from error
    return Dataset(x_train, y_train, x_test, y_test)


def _read_idx(folder: Path, name: str) -> NDArray[np.uint8]:
    """Read an IDX file: two zero bytes, type, rank, the sizes as big-endian uint32, then the values."""
    path = _find_idx(folder, name)
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


def _find_idx(folder: Path, name: str) -> Path:
    dotted = name.replace("-idx", ".idx")  # as some mirrors and unpackers name them
    for candidate in (name, f"{name}.gz", dotted, f"{dotted}.gz"):
        if (folder / candidate).is_file():
            return folder / candidate
    raise DataError(f"There is no {name} or {name}.gz in {folder}.")


def _check_form(dataset: Dataset, source: str) -> None:
    for name, array in dataset.arrays().items():
        if array.dtype != np.uint8:
            raise DataError(f"{name} of {source} is {array.dtype}, not uint8.")
    for part in ("train", "test"):
        images, labels = dataset.arrays()[f"x_{part}"], dataset.arrays()[f"y_{part}"]
        if images.shape[1:] != (28, 28) or len(images) == 0:
            raise DataError(f"x_{part} of {source} has shape {images.shape}, not (n, 28, 28).")
        if labels.shape != (len(images),):
            raise DataError(f"y_{part} of {source} has shape {labels.shape}, not ({len(images)},).")
        if labels.max() > 9:
            raise DataError(f"y_{part} of {source} has a label {labels.max()}: they are 0 to 9.")


def describe(dataset: Dataset) -> str:
    """Describe each array by its rank, shape and dtype, in a line each."""
    return "\n".join(
        f"{name:8} rank {array.ndim}  shape {array.shape!s:15}  dtype {array.dtype}"
        for name, array in dataset.arrays().items()
    )


def draw_samples(dataset: Dataset, path: Path, per_digit: int = 12) -> None:
    """Draw the first training images of each digit, a row for each, as a picture file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(per_digit * 0.6, 10 * 0.6), layout="constrained")
    for digit, row in enumerate(figure.subplots(10, per_digit)):
        images = dataset.x_train[dataset.y_train == digit][:per_digit]
        for axes in row:
            axes.set_axis_off()
        for axes, image in zip(row, images, strict=False):
            axes.imshow(image, cmap="gray", vmin=0, vmax=255)
    figure.savefig(path, facecolor="white")
