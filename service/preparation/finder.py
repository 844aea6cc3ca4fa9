"""The finder: a small network that marks the ink and the center of each digit in an image.

The network sees looks: squares of the image at 128x128. `python -m training finder` fits it. After Cheng and others
2020, Panoptic-DeepLab.
"""

import threading
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np

from service import checksums
from service.errors import ModelError, NoDigit
from service.preparation.looks import LOOK_SIDE_PX, PaddedImage, Square
from service.preparation.segmentation import (
    CELL_PX,
    MIN_CLEARNESS,
    Digit,
    Maps,
    find_surest_center,
    measure_clearness,
    segment_digits,
)
from service.preparation.types import Box, Gray, Ink
from service.settings import DEFAULT_MODELS

FOLDER = "finder"  # beside the folder of versions
NETWORK = "model.tflite"
CARD = "model.json"

CELLS = LOOK_SIDE_PX // CELL_PX
MIN_SHARP_EXTENT_PX, MAX_SHARP_EXTENT_PX = 52, 112  # a digit of such an extent in a look needs no closer look
CLOSE_UP_RATIO = 1.6  # the side of a closer look to the longer side of its digit
MAX_CLOSE_UPS = 2
# A digit whose ink is less clear is looked at again: of 4,000 uploads 28 were read wrong in place of 32.
MIN_CLEAR_INK = 0.75
SECOND_LOOK_RATIOS = (1.25, 1.6)
CENTER_SIDE_PX = 40  # the side of the closer look around a center without ink
MIN_RIVAL_RATIO = 0.6  # the extent of a rival to the main digit's
OFF_CENTER_PENALTY = 0.6  # the part of a digit's prominence that each side of a look away from the middle costs


class FinderCard(msgspec.Struct, frozen=True):
    """The part of the finder's model card that the service reads."""

    files: dict[str, str] = {}  # the SHA-256 of every other file of the finder, by its path in its folder


@dataclass(frozen=True)
class LocatedDigit:
    """The ink of a digit, float32 (height, width) in [0, 1], cropped, and its box in the image."""

    ink: Ink
    box: Box
    rivals: int = 0  # the number of other digits of about this size, as far as one look shows them


class Finder:
    """The network, run by LiteRT on one thread. Several threads may call it at once."""

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
        # The converter chooses the names of tensors, so that outputs are told by their shapes.
        outputs = self._interpreter.get_output_details()
        shapes = {tuple(output["shape"][1:].tolist()): output["index"] for output in outputs}
        ink, centers, offsets = (LOOK_SIDE_PX, LOOK_SIDE_PX), (CELLS, CELLS), (CELLS, CELLS, 2)
        try:
            self._outputs = [shapes[shape] for shape in (ink, centers, offsets)]
        except KeyError as error:
            raise ModelError(f"{model} is no finder: it has no output of the shape {error}.") from error
        self._size = 0
        self._lock = threading.Lock()

    def predict(self, looks: Gray) -> list[Maps]:
        """Return the network's output for each look, uint8 (n, 128, 128)."""
        with self._lock:
            if len(looks) != self._size:
                self._interpreter.resize_tensor_input(self._input, looks.shape)
                self._interpreter.allocate_tensors()
                self._size = len(looks)
            self._interpreter.set_tensor(self._input, looks.astype(np.float32))
            self._interpreter.invoke()
            outputs = [self._interpreter.get_tensor(index) for index in self._outputs]
        return [Maps(*maps) for maps in zip(*outputs, strict=True)]

    def predict_square(self, image: PaddedImage, square: Square) -> Maps:
        """Return the network's output for a square of an image."""
        return self.predict(image.crop(square)[None])[0]

    def find(self, image: Gray) -> LocatedDigit:
        """Return the main digit of an image uint8 (height, width).

        Raises:
            NoDigit: the image shows no digit.

        """
        padded = PaddedImage(image)
        square, digits = self._find_candidates(padded)
        main = _select_main(digits)
        rivals = sum(digit.extent >= MIN_RIVAL_RATIO * main.extent for digit in digits) - 1
        return replace(self._zoom_in(padded, square, main), rivals=rivals)

    def _find_candidates(self, image: PaddedImage) -> tuple[Square, list[Digit]]:
        """Return the digits in a look at the whole image; where it shows none, in a look around its surest center."""
        square = image.whole()
        maps = self.predict_square(image, square)
        digits = segment_digits(maps)
        if digits or not (center := find_surest_center(maps.centers)):
            return square, digits
        (x, y), half = center, CENTER_SIDE_PX / 2  # a look shows the center of a small digit, but not its ink
        square = square.zoom((x - half, y - half, x + half, y + half), 1.0)
        return square, segment_digits(self.predict_square(image, square))

    def _zoom_in(self, image: PaddedImage, square: Square, digit: Digit) -> LocatedDigit:
        """Return a digit of a look, after closer looks that make its strokes sharp.

        Raises:
            NoDigit: a closer look shows no digit.

        """
        for _ in range(MAX_CLOSE_UPS):
            if is_sharp(digit):
                break
            square = square.zoom(digit.edges, CLOSE_UP_RATIO)
            digit = _select_main(segment_digits(self.predict_square(image, square)))
        if MIN_CLEARNESS <= measure_clearness(digit.ink) < MIN_CLEAR_INK:
            square, digit = self._look_again(image, square, digit)
        return LocatedDigit(digit.ink, square.to_box(digit.edges))

    def _look_again(self, image: PaddedImage, square: Square, digit: Digit) -> tuple[Square, Digit]:
        """Return the clearest view of a digit: in its look, or in looks with other margins around the digit."""
        squares = [square.zoom(digit.edges, ratio) for ratio in SECOND_LOOK_RATIOS]
        looks = [(closer, segment_digits(self.predict_square(image, closer))) for closer in squares]
        views = [(closer, _select_main(digits)) for closer, digits in looks if digits]
        return max([(square, digit), *views], key=lambda view: measure_clearness(view[1].ink))


def is_sharp(digit: Digit) -> bool:
    """Return whether a digit is so large in its look that its strokes are sharp."""
    return MIN_SHARP_EXTENT_PX <= digit.extent <= MAX_SHARP_EXTENT_PX


def _select_main(digits: list[Digit]) -> Digit:
    """Return the most prominent digit of a look.

    Raises:
        NoDigit: there are no digits.

    """
    if not digits:
        raise NoDigit("There is no digit in the image.")
    return max(digits, key=_measure_prominence)


def _measure_prominence(digit: Digit) -> float:
    """Return a number that grows with a digit's ink and extent, and with its nearness to the middle of the look."""
    x, y = digit.center
    distance = np.hypot(2 * x - LOOK_SIDE_PX, 2 * y - LOOK_SIDE_PX) / 2 / LOOK_SIDE_PX
    return float(np.sqrt(digit.ink.sum()) * digit.extent * (1 - OFF_CENTER_PENALTY * distance))


def find_folder(models: Path) -> Path:
    """Return the folder of the finder: `finder` in `models`, or this package's where `models` has none."""
    return models / FOLDER if (models / FOLDER / NETWORK).exists() else DEFAULT_MODELS / FOLDER


def verify(models: Path) -> FinderCard:
    """Load the card of the finder in a folder of models, and check that every file is as the card records.

    Raises:
        ModelError: the card is damaged, or a file is missing, unreadable or changed.

    """
    folder = find_folder(models)
    card = checksums.load_card(folder / CARD, FinderCard)
    checksums.check_files(folder, card.files)
    return card


def load(models: Path) -> Finder:
    """Load the finder in a folder of models, or this package's where the folder has none.

    Raises:
        ModelError: the finder is damaged, or can't be read.

    """
    verify(models)
    finder = Finder(find_folder(models) / NETWORK)
    finder.predict(np.zeros((1, LOOK_SIDE_PX, LOOK_SIDE_PX), np.uint8))  # a first call is slow
    return finder
