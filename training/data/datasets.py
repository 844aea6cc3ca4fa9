"""MNIST's images and labels, from the file in this package or from another source."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from service.preparation.normalize import DIGIT_SHAPE, VECTOR_SIZE
from training.data import sources
from training.errors import DataError

TEST_RATIO = 1 / 6  # of the images of a source without test images
HELD_OUT = 5_000  # the last training images: every choice is made on them
BUNDLED = Path(__file__).parent / "mnist.npz"

# SHA-256 of each array's bytes in C order, as in the four original files.
MNIST_SHA256 = {
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}

IMAGE_SHAPES = (DIGIT_SHAPE, (*DIGIT_SHAPE, 1), (1, *DIGIT_SHAPE), (VECTOR_SIZE,))


@dataclass(frozen=True)
class Digits:
    """Images uint8 (n, 28, 28), white ink on black, and their labels uint8 (n,), 0 to 9, or 10 for no digit."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.labels)

    def __add__(self, other: "Digits") -> "Digits":
        return Digits(np.concatenate([self.images, other.images]), np.concatenate([self.labels, other.labels]))

    def __getitem__(self, part: slice | NDArray[np.integer | np.bool_]) -> "Digits":
        return Digits(self.images[part], self.labels[part])

    def checksums(self) -> dict[str, str]:
        """Return the SHA-256 of the bytes of the images and of the labels."""
        return _checksums(vars(self))

    def repeat(self, times: int) -> "Digits":
        """Return the digits, each of them `times` times."""
        return Digits(np.repeat(self.images, times, axis=0), np.repeat(self.labels, times))


@dataclass(frozen=True)
class Dataset:
    """Training and test images uint8 (n, 28, 28), white ink on black, and their labels uint8 (n,), 0 to 9."""

    x_train: NDArray[np.uint8]
    y_train: NDArray[np.uint8]
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.uint8]

    def arrays(self) -> dict[str, NDArray[np.uint8]]:
        """Return the four arrays by their names."""
        return vars(self).copy()

    @property
    def train(self) -> Digits:
        """The training images."""
        return Digits(self.x_train, self.y_train)

    @property
    def test(self) -> Digits:
        """The test images."""
        return Digits(self.x_test, self.y_test)

    def split(self, held_out: int) -> tuple[Digits, Digits]:
        """Return the training images to fit to, and the last ones, which are held out.

        Raises:
            DataError: no image is left to fit to.

        """
        count = len(self.x_train) - held_out
        if count < 1:
            raise DataError(f"{len(self.x_train)} training images are too few: {held_out} are held out.")
        return self.train[:count], self.train[count:]

    def checksums(self) -> dict[str, str]:
        """Return the SHA-256 of each array's bytes, by its name."""
        return _checksums(self.arrays())


def _checksums(arrays: dict[str, NDArray[np.uint8]]) -> dict[str, str]:
    return {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()}


def load(source: str | None = None) -> Dataset:
    """Load the complete MNIST from this package, or data of its form from `source`.

    `sources.FORMS` lists the sources. If there are no test images, a sixth of the images is held out
    as test images, and this is printed.

    Raises:
        DataError: the source is missing, damaged, or not of MNIST's form.

    """
    arrays = sources.read_keras() if source == "keras" else sources.read(Path(source or BUNDLED))
    place = source or str(BUNDLED)
    train = _digits(arrays, "train", place)
    test = _digits(arrays, "test", place) if "x_test" in arrays else None
    if not test or _is_sorted(train):  # since the last images are held out
        train = train[np.random.default_rng(0).permutation(len(train))]
    dataset = Dataset(*_arrays(train), *_arrays(test)) if test else _hold_out(train, place)
    if source in (None, "keras") and dataset.checksums() != MNIST_SHA256:
        raise DataError(f"{place} is damaged: its arrays are not MNIST's.")
    return dataset


def _arrays(digits: Digits) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    return digits.images, digits.labels


def _is_sorted(digits: Digits) -> bool:
    return bool(np.all(digits.labels[:-1] <= digits.labels[1:]))


def _hold_out(digits: Digits, source: str) -> Dataset:
    """Return a dataset whose test images are the last sixth of the digits, and print their number."""
    count = round(len(digits) * TEST_RATIO)
    if not count:
        raise DataError(f"{source} has no test images, and only {len(digits)} images to hold some out of.")
    click.echo(
        f"{source} has no test images: {count} of its {len(digits)} images are held out as test images.", err=True
    )
    return Dataset(*_arrays(digits[:-count]), *_arrays(digits[-count:]))


def _digits(arrays: sources.Arrays, part: str, source: str) -> Digits:
    images, labels = (f"{name}_{part} of {source}" for name in "xy")
    digits = Digits(_to_images(arrays[f"x_{part}"], images), _to_labels(arrays[f"y_{part}"], labels))
    if len(digits.images) != len(digits.labels):
        raise DataError(f"{labels} has shape {digits.labels.shape}, not ({len(digits.images)},).")
    return digits


def _to_images(array: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Return images as uint8 (n, 28, 28); pixels in [0, 1] are multiplied by 255."""
    if array.shape[1:] not in IMAGE_SHAPES or not len(array):
        raise DataError(f"{name} has shape {array.shape}, not (n, 28, 28).")
    if array.dtype.kind not in "buif":
        raise DataError(f"{name} is {array.dtype}, not numbers.")
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= 255):  # nor NaN
        raise DataError(f"{name} has pixels from {low} to {high}; pixels must be 0 to 255, or in [0, 1].")
    scaled = array * np.float32(255) if high <= 1 else array
    whole = np.rint(scaled) if scaled.dtype.kind == "f" else scaled
    return whole.astype(np.uint8, copy=False).reshape(-1, *DIGIT_SHAPE)


def _to_labels(array: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Return labels as uint8 (n,)."""
    if array.shape not in ((len(array),), (len(array), 1)):
        raise DataError(f"{name} has shape {array.shape}, not (n,).")
    if wrong := set(np.unique(array).tolist()) - set(range(10)):
        raise DataError(f"{name} has a label {min(wrong)!r}; labels must be 0 to 9.")
    return array.astype(np.uint8).ravel()


def describe(dataset: Dataset) -> str:
    """Return a line for each array, with its rank, shape and dtype."""
    return "\n".join(
        f"{name:8} rank {array.ndim}  shape {array.shape!s:15}  dtype {array.dtype}"
        for name, array in dataset.arrays().items()
    )


def draw_samples(dataset: Dataset, path: Path, per_digit: int = 12) -> None:
    """Write an image file of the first training images of each digit, in a row for each digit."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(per_digit * 0.6, 10 * 0.6), layout="constrained")
    for digit, row in enumerate(figure.subplots(10, per_digit)):
        images = dataset.x_train[dataset.y_train == digit][:per_digit]
        for axes in row:
            axes.set_axis_off()
        for axes, image in zip(row, images, strict=False):
            axes.imshow(image, cmap="gray", vmin=0, vmax=255)
    figure.savefig(path, facecolor="white")
