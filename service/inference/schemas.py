"""The JSON of responses: predictions, explanations, readings and errors."""

from typing import Annotated

import msgspec
from msgspec import Meta

from service.errors import ServiceError

Probability = Annotated[float, Meta(ge=0, le=1)]
Probabilities = Annotated[list[Probability], Meta(min_length=10, max_length=10, description="Of the digits 0 to 9.")]
VersionNumber = Annotated[str, Meta(pattern="^[0-9]+$")]
Loss = Annotated[float, Meta(ge=-1, le=1)]
PngUrl = Annotated[str, Meta(pattern="^data:image/png;base64,")]


class ErrorResponse(msgspec.Struct, frozen=True):
    """An error, in the form that all errors have."""

    error: str
    code: str

    @classmethod
    def of(cls, error: ServiceError) -> "ErrorResponse":
        """Return the response of an error."""
        return cls(str(error), error.code)


class ModelName(msgspec.Struct, frozen=True):
    """The name and version of the model that answered."""

    name: str
    version: VersionNumber


class Prediction(msgspec.Struct, frozen=True):
    """The digit that the model reads in one image."""

    digit: Annotated[int, Meta(ge=0, le=9)]
    confidence: Annotated[Probability, Meta(description="The probability of the digit.")]
    uncertain: Annotated[bool, Meta(description="The confidence is below the version's threshold.")]
    probabilities: Probabilities
    model: ModelName


class Explanation(Prediction, frozen=True):
    """A prediction and its explanation. Images are data: URLs of PNG files."""

    ink: Annotated[
        PngUrl,
        Meta(
            description="The image, upright, in gray, at most 280 pixels wide and tall, with the digit's ink in green. "
            "In an image that is used unchanged, all ink is green."
        ),
    ]
    seen: Annotated[PngUrl, Meta(description="The digit as the model reads it, 28x28.")]
    importance: Annotated[
        list[Annotated[list[Loss], Meta(min_length=28, max_length=28)]],
        Meta(min_length=28, max_length=28, description="The probability lost without each region, 28 rows of 28."),
    ]
    overlay: Annotated[PngUrl, Meta(description="The importance in color over the digit, 280x280.")]


class ReadDigit(msgspec.Struct, frozen=True):
    """One of the digits in an image."""

    digit: Annotated[int, Meta(ge=0, le=9)]
    confidence: Annotated[Probability, Meta(description="The probability of the digit.")]
    uncertain: Annotated[
        bool,
        Meta(description="The confidence is below the version's threshold, or that of most digits in the image is."),
    ]
    probabilities: Probabilities
    box: Annotated[
        list[float],
        Meta(
            min_length=4,
            max_length=4,
            description="Left, top, width and height of its ink, in pixels of the upright image.",
        ),
    ]


class Line(msgspec.Struct, frozen=True):
    """The digits of a line, from left to right."""

    text: Annotated[str, Meta(pattern="^[0-9]+$")]
    digits: Annotated[list[ReadDigit], Meta(min_length=1)]


class Reading(msgspec.Struct, frozen=True):
    """All digits of an image, in reading order."""

    text: Annotated[str, Meta(description="The digits, with a line break between lines.")]
    lines: Annotated[list[Line], Meta(min_length=1)]
    model: ModelName

    @property
    def digits(self) -> list[ReadDigit]:
        """The digits of all lines."""
        return [digit for line in self.lines for digit in line.digits]
