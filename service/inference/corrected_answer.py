"""The answer that a correction corrects, and the image to keep of it: the file, or one digit of it."""

from contextlib import suppress
from dataclasses import dataclass

from service.errors import NoDigit
from service.feedback import kept_image
from service.feedback.kept_image import KeptImage
from service.inference.predictor import Predictor
from service.inference.schemas import ReadDigit
from service.preparation.types import Box

MIN_OVERLAP_RATIO = 0.5  # of the area that two boxes share to that of both: with less, they are of two digits


@dataclass(frozen=True)
class CorrectedAnswer:
    """The image to keep, and the digit and confidence that the model answers; None if it reads no digit."""

    image: KeptImage
    digit: int | None = None
    confidence: float | None = None


def answer_image(predictor: Predictor, data: bytes) -> CorrectedAnswer:
    """Return the answer to an image file of one digit, as /predict gives it.

    Raises:
        ServiceError: EmptyImage, UnreadableImage, TooLarge or SeveralDigits.

    """
    prediction = None
    with suppress(NoDigit):
        prediction = predictor.predict([predictor.prepare(data)])[0]
    image = kept_image.from_file(data, predictor.settings)
    return CorrectedAnswer(image, prediction.digit, prediction.confidence) if prediction else CorrectedAnswer(image)


def answer_box(predictor: Predictor, data: bytes, box: Box) -> CorrectedAnswer:
    """Return the answer to the digit in a box of an image file, as /read gives it.

    Raises:
        ServiceError: EmptyImage, UnreadableImage, TooLarge or TooManyDigits, or MalformedRequest if the box is outside.

    """
    digits: list[ReadDigit] = []
    with suppress(NoDigit):
        digits = predictor.read(data).digits
    digits.sort(key=lambda digit: _overlap(_to_box(digit), box))
    boxed = digits.pop() if digits and _overlap(_to_box(digits[-1]), box) >= MIN_OVERLAP_RATIO else None
    image = kept_image.crop(data, box, [_to_box(digit) for digit in digits], predictor.settings)
    return CorrectedAnswer(image, boxed.digit, boxed.confidence) if boxed else CorrectedAnswer(image)


def _to_box(digit: ReadDigit) -> Box:
    left, top, width, height = digit.box
    return left, top, width, height


def _overlap(box: Box, other: Box) -> float:
    """Return the area that two boxes share, as a ratio to the area of both."""
    width, height = (min(box[i] + box[i + 2], other[i] + other[i + 2]) - max(box[i], other[i]) for i in (0, 1))
    shared = max(width, 0) * max(height, 0)
    return shared / (box[2] * box[3] + other[2] * other[3] - shared)
