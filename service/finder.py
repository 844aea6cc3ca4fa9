"""Finds the digits of an image: a small network marks each digit's ink, and where its center is.

The network sees a square of the image at 128x128, and answers for that square. It is fitted by `python -m training
finder`. After Cheng and others 2020, Panoptic-DeepLab: ink votes for the nearest center, so that digits that touch
come apart.
"""

import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service import versions
from service.errors import ModelError, NoDigit
from service.settings import DEFAULT_MODELS

Gray = NDArray[np.uint8]
Ink = NDArray[np.float32]

FOLDER = "finder"  # beside the folder of versions
NETWORK = "model.tflite"
CARD = "model.json"

SIDE_PX = 128  # of the square that the network sees
CELL_PX = 4  # centers and offsets are for cells of so many pixels
MARGIN_RATIO = 0.12  # of the longer side, around the whole image
CLOSE_UP = 1.6  # times a digit's longer side, the square around it that is looked at again
SHARP_EXTENT_PX = (52, 112)  # a digit of this extent in the first look needs no second
MIN_INK = 0.5
FAINT_INK = 0.05  # the soft edges of ink
MIN_CENTER = 0.3
MAX_CLOSE_UPS = 2
OFFSET_UNIT_PX = 16.0
CELLS = SIDE_PX // CELL_PX


class Card(msgspec.Struct, frozen=True):
    """What the service reads of the finder's card."""

    files: dict[str, str] = {}  # the SHA-256 of every other file of the finder, by its path in its folder


@dataclass(frozen=True)
class Square:
    """A square of an image, in the image's pixels; it may reach beyond the image."""

    left: float
    top: float
    side: float

    def around(self, box: tuple[float, float, float, float], times: float) -> "Square":
        """Return the square around a box of this square's look (left, top, right, bottom, in look pixels)."""
        scale = self.side / SIDE_PX
        side = max(box[2] - box[0], box[3] - box[1]) * times * scale
        center_x, center_y = (self.left + (box[0] + box[2]) / 2 * scale, self.top + (box[1] + box[3]) / 2 * scale)
        return Square(center_x - side / 2, center_y - side / 2, side)

    def region(self, box: tuple[int, int, int, int]) -> tuple[float, float, float, float]:
        """Return the left, top, width and height in the image of a box of this square's look."""
        scale = self.side / SIDE_PX
        left, top, right, bottom = (scale * edge for edge in box)
        return self.left + left, self.top + top, right - left, bottom - top


class Page:
    """An image to look at, uint8 (height, width). What lies beyond it is of its border's median."""

    def __init__(self, image: Gray) -> None:
        self.height, self.width = image.shape
        self._image = Image.fromarray(image)
        border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
        self._beyond = np.uint8(np.median(border))

    def whole(self) -> Square:
        """Return the square around the whole image."""
        side = max(self.width, self.height) * (1 + 2 * MARGIN_RATIO)
        return Square((self.width - side) / 2, (self.height - side) / 2, side)

    def look(self, square: Square) -> Gray:
        """Return what a square of the image shows, uint8 (128, 128)."""
        scale = SIDE_PX / square.side
        box = (
            max(square.left, 0.0), max(square.top, 0.0),
            min(square.left + square.side, self.width), min(square.top + square.side, self.height),
        )  # fmt: skip
        left, right = (min(max(round((x - square.left) * scale), 0), SIDE_PX) for x in (box[0], box[2]))
        top, bottom = (min(max(round((y - square.top) * scale), 0), SIDE_PX) for y in (box[1], box[3]))
        look = np.full((SIDE_PX, SIDE_PX), self._beyond)
        if right > left and bottom > top:
            size = (right - left, bottom - top)
            part = self._image.resize(size, Image.Resampling.BICUBIC, box, reducing_gap=2.0)
            look[top:bottom, left:right] = np.asarray(part)
        return look


@dataclass(frozen=True)
class Marks:
    """What the network answers for a look."""

    ink: Ink  # (128, 128), in [0, 1]
    centers: Ink  # (32, 32), in [0, 1]
    offsets: Ink  # (32, 32, 2), x and y from each cell to its digit's center, in units of 16 pixels


@dataclass(frozen=True)
class Digit:
    """The ink of a digit in a look: float32 (128, 128), 0 where there is other ink, and its box in look pixels."""

    ink: Ink
    box: tuple[int, int, int, int]  # left, top, right, bottom

    @property
    def extent(self) -> int:
        """Its longer side, in look pixels."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])

    @property
    def cropped(self) -> Ink:
        """The ink within its box."""
        left, top, right, bottom = self.box
        return self.ink[top:bottom, left:right]


@dataclass(frozen=True)
class Found:
    """The ink of a digit, float32 (height, width) in [0, 1], cropped, and where it is in the image."""

    ink: Ink
    box: tuple[float, float, float, float]  # left, top, width, height, in the image's pixels


def separate(marks: Marks) -> list[Digit]:
    """Return the digits of a look: ink belongs to the center that is nearest to the one it votes for."""
    rows, columns = np.nonzero(marks.ink > FAINT_INK)
    centers = peaks(marks.centers)
    if len(centers) < 2:
        return _digits(marks.ink, np.where(marks.ink > FAINT_INK, 0, -1))
    cells = rows // CELL_PX, columns // CELL_PX
    votes = (np.stack(cells[::-1], axis=1) + 0.5) * CELL_PX + marks.offsets[cells] * OFFSET_UNIT_PX
    owner = np.full(marks.ink.shape, -1)
    owner[rows, columns] = ((votes[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
    return _digits(marks.ink, owner)


def peaks(centers: Ink) -> NDArray[np.floating]:
    """Return x, y (n, 2) of the centers marked, float32 (32, 32), which are the highest around, in look pixels."""
    padded = np.pad(centers, 1)
    around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).max(axis=(2, 3))
    rows, columns = np.nonzero((centers >= around) & (centers > MIN_CENTER))
    return (np.stack([columns, rows], axis=1) + 0.5) * CELL_PX


def _digits(ink: Ink, owner: NDArray[np.int64]) -> list[Digit]:
    digits = []
    for number in range(int(owner.max()) + 1):
        own = np.where(owner == number, ink, 0)
        rows, columns = (np.flatnonzero((own > MIN_INK).any(axis=axis)) for axis in (1, 0))
        if len(rows):
            digits.append(Digit(own, (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)))
    return digits


class Finder:
    """The network, run by LiteRT on one thread. It may be called from several threads at once."""

    def __init__(self, model: Path) -> None:
        """Load the network.

        Raises:
            ModelError: LiteRT can't read the file, or it is no finder.

        """
        from ai_edge_litert.interpreter import Interpreter

        try:
            content = model.read_bytes()
            self._interpreter = Interpreter(model_content=content, num_threads=1)
        except (OSError, ValueError) as error:
            raise ModelError(f"LiteRT can't read the finder {model}: {error}.") from error
        self.checksum = hashlib.sha256(content).hexdigest()
        self._input = self._interpreter.get_input_details()[0]["index"]
        # By their shapes: the converter names tensors as it likes.
        outputs = self._interpreter.get_output_details()
        shapes = {tuple(output["shape"][1:].tolist()): output["index"] for output in outputs}
        try:
            self._outputs = [shapes[shape] for shape in ((SIDE_PX, SIDE_PX), (CELLS, CELLS), (CELLS, CELLS, 2))]
        except KeyError as error:
            raise ModelError(f"{model} is no finder: it has no output of the shape {error}.") from error
        self._size = 0
        self._lock = threading.Lock()

    def mark(self, looks: NDArray[np.uint8]) -> list[Marks]:
        """Return what the network answers for looks uint8 (n, 128, 128)."""
        with self._lock:
            if len(looks) != self._size:
                self._interpreter.resize_tensor_input(self._input, looks.shape)
                self._interpreter.allocate_tensors()
                self._size = len(looks)
            self._interpreter.set_tensor(self._input, looks.astype(np.float32))
            self._interpreter.invoke()
            answers = [self._interpreter.get_tensor(index) for index in self._outputs]
        return [Marks(*rows) for rows in zip(*answers, strict=True)]

    def find(self, image: Gray) -> Found:
        """Return the main digit of an image uint8 (height, width): its ink, and where it is.

        Raises:
            NoDigit: the image shows no digit.

        """
        page = Page(image)
        square = page.whole()
        digit = self._main(page, square)
        for _ in range(MAX_CLOSE_UPS):
            if SHARP_EXTENT_PX[0] <= digit.extent <= SHARP_EXTENT_PX[1]:
                break
            square = square.around(digit.box, CLOSE_UP)
            digit = self._main(page, square)
        return Found(digit.cropped, square.region(digit.box))

    def _main(self, page: Page, square: Square) -> Digit:
        """Return the digit with most ink and extent, near the middle of a look."""
        digits = separate(self.mark(page.look(square)[None])[0])
        if not digits:
            raise NoDigit("There is no digit in the image.")
        return max(digits, key=_prominence)


def _prominence(digit: Digit) -> float:
    left, top, right, bottom = digit.box
    away = np.hypot(left + right - SIDE_PX, top + bottom - SIDE_PX) / 2 / SIDE_PX
    return float(np.sqrt(digit.ink.sum()) * digit.extent * (1 - 0.6 * away))


def home(models: Path) -> Path:
    """Return the folder of the finder that is served: `finder` in `models`, or this package's where that has none."""
    return models / FOLDER if (models / FOLDER / NETWORK).exists() else DEFAULT_MODELS / FOLDER


def verify(models: Path) -> Card:
    """Read the card of the finder of a folder of models, and check that every file is as it records.

    Raises:
        ModelError: the card is damaged, or a file is missing, can't be read, or is another than it was.

    """
    card = versions.decode_card(home(models) / CARD, Card)
    versions.check_files(home(models), card.files)
    return card


def load(models: Path) -> Finder:
    """Load the finder of a folder of models, or this package's where that has none.

    Raises:
        ModelError: it is damaged, or can't be read.

    """
    verify(models)
    finder = Finder(home(models) / NETWORK)
    finder.mark(np.zeros((1, SIDE_PX, SIDE_PX), np.uint8))  # a first call is slow
    return finder
