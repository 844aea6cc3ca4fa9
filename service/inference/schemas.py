"""What the service answers, in JSON: predictions, explanations and readings."""

from typing import Annotated

import msgspec
from msgspec import Meta

Probability = Annotated[float, Meta(ge=0, le=1)]
Probabilities = Annotated[list[Probability], Meta(min_length=10, max_length=10, description="Those of 0, 1, ... 9.")]
VersionNumber = Annotated[str, Meta(pattern="^[0-9]+$")]
Loss = Annotated[float, Meta(ge=-1, le=1)]
Picture = Annotated[str, Meta(pattern="^data:image/png;base64,")]


class ModelName(msgspec.Struct, frozen=True):
    """Which model answered."""

    name: str
    version: VersionNumber


class Prediction(msgspec.Struct, frozen=True):
    """What the model sees in one picture."""

    digit: Annotated[int, Meta(ge=0, le=9)]
    confidence: Annotated[Probability, Meta(description="The probability of the digit.")]
    uncertain: Annotated[bool, Meta(description="The confidence is below the version's threshold.")]
    probabilities: Probabilities
    model: ModelName


class Explanation(Prediction, frozen=True):
    """A prediction, and what it rests on. Pictures are data: URLs of PNG files."""

    ink: Annotated[
        Picture,
        Meta(
            description="The image, upright, in gray, at most 280 pixels wide and tall, with the digit's ink in green: "
            "what was found, or in an image that was taken as it is, all of its ink."
        ),
    ]
    seen: Annotated[Picture, Meta(description="The digit as the model saw it, 28x28.")]
    importance: Annotated[
        list[Annotated[list[Loss], Meta(min_length=28, max_length=28)]],
        Meta(min_length=28, max_length=28, description="The probability lost without each region, 28 rows of 28."),
    ]
    overlay: Annotated[Picture, Meta(description="The importance in colour over the digit, 280x280.")]


class ReadDigit(msgspec.Struct, frozen=True):
    """One of the digits in an image."""

    digit: Annotated[int, Meta(ge=0, le=9)]
    confidence: Annotated[Probability, Meta(description="The probability of the digit.")]
    uncertain: Annotated[bool, Meta(description="The confidence is below the version's threshold.")]
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
