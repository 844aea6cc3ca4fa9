"""Finds the digits of an image: a small network marks each digit's ink, and where its center is.

The network sees a square of the image at 128x128, and answers for that square. It is fitted by `python -m training
finder`. After Cheng and others 2020, Panoptic-DeepLab: ink votes for the nearest center, so that digits that touch
come apart.
"""

import threading
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from service import checksums
from service.errors import ModelError, NoDigit
from service.preparation.looks import SIDE_PX, Box, Gray, Page, Square
from service.preparation.segmentation import CELL_PX, Digit, Ink, Marks, separate, surest
from service.settings import DEFAULT_MODELS

FOLDER = "finder"  # beside the folder of versions
NETWORK = "model.tflite"
CARD = "model.json"

CELLS = SIDE_PX // CELL_PX
CLOSE_UP = 1.6  # times a digit's longer side, the square around it that is looked at again
SHARP_EXTENT_PX = (52, 112)  # a digit of this extent in the first look needs no second
MAX_CLOSE_UPS = 2
CENTER_SIDE_PX = 40  # of the square that is looked at again around a center whose ink is not seen
RIVAL_RATIO = 0.6  # of the main digit's extent: a smaller digit beside it is no rival


class Card(msgspec.Struct, frozen=True):
    """What the service reads of the finder's card."""

    files: dict[str, str] = {}  # the SHA-256 of every other file of the finder, by its path in its folder


@dataclass(frozen=True)
class Found:
    """The ink of a digit, float32 (height, width) in [0, 1], cropped, and where it is in the image."""

    ink: Ink
    box: Box  # left, top, width, height, in the image's pixels
    rivals: int = 0  # other digits of about its size, as far as one look tells


class Finder:
    """The network, run by LiteRT on one thread. It may be called from several threads at once."""

    def __init__(self, model: Path) -> None:
        """Load the network.

        Raises:
            ModelError: LiteRT can't read the file, or it is no finder.

        """
        from ai_edge_litert.interpreter import Interpreter

        try:
            self.checksum = checksums.sha256(model)
            self._interpreter = Interpreter(model_path=str(model), num_threads=1)  # mapped: 2 MB less than read
        except (OSError, ValueError) as error:
            raise ModelError(f"LiteRT can't read the finder {model}: {error}.") from error
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
        square, digits = self.glance(page)
        main = _main(digits)
        rivals = sum(digit.extent >= RIVAL_RATIO * main.extent for digit in digits) - 1
        return replace(self.close_up(page, square, main), rivals=rivals)

    def look(self, page: Page, square: Square) -> Marks:
        """Return what the network answers for a square of an image."""
        return self.mark(page.look(square)[None])[0]

    def glance(self, page: Page) -> tuple[Square, list[Digit]]:
        """Return the digits that a look at the whole image shows, or else one where its surest center is."""
        square = page.whole()
        marks = self.look(page, square)
        digits = separate(marks)
        if digits or not (at := surest(marks.centers)):
            return square, digits
        half = CENTER_SIDE_PX / 2  # the center of a small digit is seen before its ink is
        square = square.around((at[0] - half, at[1] - half, at[0] + half, at[1] + half), 1.0)
        return square, separate(self.look(page, square))

    def close_up(self, page: Page, square: Square, digit: Digit) -> Found:
        """Return a digit that a look at a square showed, seen so large that its strokes are sharp.

        Raises:
            NoDigit: seen closer, it is none.

        """
        for _ in range(MAX_CLOSE_UPS):
            if SHARP_EXTENT_PX[0] <= digit.extent <= SHARP_EXTENT_PX[1]:
                break
            square = square.around(digit.box, CLOSE_UP)
            digit = _main(separate(self.look(page, square)))
        return Found(digit.ink, square.region(digit.box))


def _main(digits: list[Digit]) -> Digit:
    """Return the digit with most ink and extent, near the middle of a look.

    Raises:
        NoDigit: there is none.

    """
    if not digits:
        raise NoDigit("There is no digit in the image.")
    return max(digits, key=_prominence)


def _prominence(digit: Digit) -> float:
    x, y = digit.center
    away = np.hypot(2 * x - SIDE_PX, 2 * y - SIDE_PX) / 2 / SIDE_PX
    return float(np.sqrt(digit.ink.sum()) * digit.extent * (1 - 0.6 * away))


def home(models: Path) -> Path:
    """Return the folder of the finder that is served: `finder` in `models`, or this package's where that has none."""
    return models / FOLDER if (models / FOLDER / NETWORK).exists() else DEFAULT_MODELS / FOLDER


def verify(models: Path) -> Card:
    """Read the card of the finder of a folder of models, and check that every file is as it records.

    Raises:
        ModelError: the card is damaged, or a file is missing, can't be read, or is another than it was.

    """
    card = checksums.decode_card(home(models) / CARD, Card)
    checksums.check_files(home(models), card.files)
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
