"""Reads a correction out of a request: an image, the digit that it shows, and perhaps the box that the digit is in."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, cast

import flask
import msgspec
from msgspec import UNSET, Meta, UnsetType

from service.api import data_urls
from service.api.bodies import decode_json, read_body
from service.api.requests import FORM, JSON, URLENCODED, Base64, FileSchema, image_from_body, read_form
from service.errors import MalformedRequest, NoImage, SeveralImages
from service.feedback.store import NO_DIGIT
from service.preparation.types import Box

DIGITS: dict[str, int | None] = {**{str(digit): digit for digit in range(10)}, NO_DIGIT: None}
BOX_DESCRIPTION = (
    "Left, top, width and height of the digit, in pixels of the upright image, as /read answers them. "
    "The image is cropped to it; without a box, the image shows one digit at most."
)
SHOWN_LENGTH = 99  # of a wrong field, in the error
DIGIT_SCHEMA = {"enum": list(DIGITS)}

DigitText = Annotated[str, Meta(description="The digit that the image shows, or none.", extra_json_schema=DIGIT_SCHEMA)]
BoxText = Annotated[str, Meta(description=f"{BOX_DESCRIPTION} Separated by commas.", examples=["29.5,24.3,52.9,78.5"])]


class SentCorrection(NamedTuple):
    """The parts of a request for a correction."""

    image: bytes
    digit: int | None
    box: Box | None


class CorrectionQuery(msgspec.Struct):
    """The query parameters where the body is an image and nothing else; a form has these as fields."""

    digit: DigitText | UnsetType = UNSET
    box: BoxText | UnsetType = UNSET


class CorrectionInForm(msgspec.Struct):
    """A form with one image file, in a field of any name."""

    image: FileSchema
    digit: DigitText
    box: BoxText | UnsetType = UNSET


class CorrectionInJSON(msgspec.Struct):
    """A correction in JSON."""

    image: Base64
    digit: Annotated[
        Literal[0, 1, 2, 3, 4, 5, 6, 7, 8, 9] | None,
        Meta(description="The digit that the image shows; null if it shows none."),
    ]
    box: Annotated[list[float], Meta(min_length=4, max_length=4, description=BOX_DESCRIPTION)] | None = None


BODY: dict[str, Any] = {
    FORM: CorrectionInForm,
    JSON: CorrectionInJSON,
    "image/*": FileSchema,
    "application/octet-stream": FileSchema,
}


def read_correction(request: flask.Request) -> SentCorrection:
    """Return the correction in a request: a form, JSON, or an image with query parameters.

    Raises:
        ServiceError: NoImage, SeveralImages, InvalidJSON, InvalidBase64, UnsupportedMediaType, TooLarge
            or MalformedRequest.

    """
    kind = request.mimetype
    if kind not in (FORM, URLENCODED, JSON):
        return _from_texts(image_from_body(read_body(request), kind), request.args)
    if request.args.keys() & {*CorrectionQuery.__struct_fields__}:
        raise MalformedRequest("Send digit and box as fields of the form or the JSON, not in the query.")
    return _from_json(read_body(request)) if kind == JSON else _from_form(request)


def _from_form(request: flask.Request) -> SentCorrection:
    images, fields = read_form(request)
    if len(images) > 1:
        raise SeveralImages(f"The request has {len(images)} files: send one, with its digit.")
    return _from_texts(images[0], {name: content.decode("latin-1") for name, content in fields})


def _from_json(body: bytes) -> SentCorrection:
    if not body:
        raise NoImage("The request has no body: send an image.")
    sent = decode_json(body, CorrectionInJSON)
    return SentCorrection(data_urls.decode(sent.image), sent.digit, None if sent.box is None else _check_box(sent.box))


def _from_texts(image: bytes, texts: Mapping[str, str]) -> SentCorrection:
    digit, box = texts.get("digit", "").strip().lower(), texts.get("box", "")
    if digit not in DIGITS:
        raise MalformedRequest(f"digit is {digit[:SHOWN_LENGTH]!r}: it is what the image shows, 0 to 9 or none.")
    return SentCorrection(image, DIGITS[digit], _parse_box(box) if box.strip() else None)


def _parse_box(text: str) -> Box:
    try:
        return _check_box([float(edge) for edge in text.split(",")])
    except ValueError:
        raise MalformedRequest(f"box is {text[:SHOWN_LENGTH]!r}: it is four numbers with commas.") from None


def _check_box(edges: list[float]) -> Box:
    """Check that a box is four numbers, of which width and height are positive."""
    if len(edges) != 4 or not all(map(math.isfinite, edges)) or min(edges[2:]) <= 0:
        raise MalformedRequest("A box is left, top, width and height in pixels, of an area above 0.")
    return cast(Box, tuple(edges))
