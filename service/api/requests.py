"""Reads the image files of a request, in a form, raw, or base64 in JSON, and how to prepare them."""

from collections.abc import Iterable
from typing import Annotated, Any, cast, get_args
from urllib.parse import parse_qsl

import flask
import msgspec
import numpy as np
from msgspec import UNSET, Meta, UnsetType
from numpy.typing import NDArray

from service.api import data_urls, multipart
from service.api.bodies import JSON_ERRORS, read_body, to_utf8
from service.api.routes import check_count, settings
from service.errors import (
    EmptyImage,
    InvalidBase64,
    InvalidJSON,
    MalformedRequest,
    ModelError,
    NoDigit,
    NoImage,
    ServiceError,
    SeveralDigits,
    SeveralImages,
    TooLarge,
    UnreadableImage,
    UnsupportedMediaType,
    WrongImageSize,
)
from service.inference.predictor import Predictor, Preparation

FORM, URLENCODED, JSON = "multipart/form-data", "application/x-www-form-urlencoded", "application/json"
BATCH_ROUTE = "/predict/batch"
IMAGE_FIELDS = ("image", "images")  # of a form without files
MIN_IMAGE_BYTES = 26  # a GIF of one pixel; shorter text, such as a file name, may be base64 by chance
CURL_HINT = "To send a file, curl wants an @ before its name: -F image=@seven.png."

# The bytes of an image file, as OpenAPI describes binary content.
FileSchema = Annotated[
    str, Meta(extra_json_schema={"format": "binary", "contentMediaType": "application/octet-stream"})
]

# A 7 of MNIST, as an example.
SEVEN = (
    "iVBORw0KGgoAAAANSUhEUgAAABwAAAAcAQAAAABaduI5AAAAMElEQVR42mNgwA/qPzAwMTBwMDBB+QVw1gMIi4mBEc5iYGBgYmA6AFPCDheDsfAD"
    "AIDuBJHFZo2hAAAAAElFTkSuQmCC"
)
Base64 = Annotated[
    str,
    Meta(
        description="An image file in base64, or a data: URL of it.",
        examples=[SEVEN],
        extra_json_schema={"format": "byte"},
    ),
]


class ImageInForm(msgspec.Struct):
    """A form with one image file, in a field of any name."""

    image: FileSchema


class ImagesInForm(msgspec.Struct):
    """A form with image files, in fields of any names."""

    images: Annotated[list[FileSchema], Meta(min_length=1)]


class ImageInJSON(msgspec.Struct):
    """An image file in JSON."""

    image: Base64 | UnsetType = UNSET


class Query(msgspec.Struct):
    """The query parameters of a request."""

    prepare: Annotated[
        Preparation,
        Meta(
            description="auto: the digit is located and redrawn in MNIST's form. none: the image must be 28x28, and "
            "its pixels are used unchanged."
        ),
    ] = "auto"


ONE_IMAGE: dict[str, Any] = {
    FORM: ImageInForm,
    JSON: Annotated[ImageInJSON, Meta(extra_json_schema={"required": ["image"]})],
    "image/*": FileSchema,
    "application/octet-stream": FileSchema,
}
MANY_IMAGES = {FORM: ImagesInForm}
FILE_ERRORS = (EmptyImage, InvalidBase64, TooLarge, UnreadableImage, NoDigit)
SENDING_ERRORS = (NoImage, SeveralImages, InvalidJSON, UnsupportedMediaType)
ONE_DIGIT_ERRORS = (*FILE_ERRORS, SeveralDigits)
ERRORS = (*SENDING_ERRORS, *ONE_DIGIT_ERRORS, WrongImageSize, ModelError)


def read_image(request: flask.Request, batch_route: str = BATCH_ROUTE) -> bytes:
    """Return the only image file of a request. If there are several, the error names the route for batches.

    Raises:
        ServiceError: NoImage, SeveralImages, InvalidJSON, InvalidBase64, UnsupportedMediaType, TooLarge
            or MalformedRequest.

    """
    kind = request.mimetype
    if kind in (FORM, URLENCODED):
        return require_one(read_images(request), batch_route)
    return image_from_body(read_body(request), kind)


def image_from_body(body: bytes, kind: str) -> bytes:
    """Return the image file in a body that is not a form.

    Raises:
        ServiceError: NoImage, InvalidJSON, InvalidBase64 or UnsupportedMediaType.

    """
    is_raw = kind in ("", "application/octet-stream") or kind.startswith("image/")
    if not is_raw and kind != JSON:
        raise UnsupportedMediaType(
            f"The Content-Type is {kind}: send an image as multipart/form-data, as image/* or "
            "application/octet-stream, or in application/json."
        )
    _check_body(body)
    return body if is_raw else _decode_json(body)


def read_images(request: flask.Request) -> list[bytes]:
    """Return the image files of a form, in the order sent. If it has no files, they may be fields of base64.

    Raises:
        ServiceError: NoImage, InvalidBase64, UnsupportedMediaType, TooLarge or MalformedRequest.

    """
    return read_form(request)[0]


def read_form(request: flask.Request) -> tuple[list[bytes], list[multipart.FormField]]:
    """Return the image files of a form, as `read_images` does, and the form's fields.

    Raises:
        ServiceError: `read_images` raises it.

    """
    kind = request.mimetype
    if kind not in (FORM, URLENCODED):
        raise UnsupportedMediaType("Send the images as the files of a multipart/form-data request.")
    body = read_body(request)
    _check_body(body)
    if kind == URLENCODED:
        return _read_urlencoded(body, settings().max_files)
    files, fields = multipart.parse_form(body, multipart.parse_boundary(request.content_type), request.max_form_parts)
    if not (images := files or _read_fields(fields)):
        raise NoImage("The request has no file: send an image in a field such as image (curl -F image=@seven.png).")
    return images, fields


def _check_body(body: bytes) -> None:
    if not body:
        raise NoImage("The request has no body: send an image.")


def _read_urlencoded(body: bytes, max_fields: int) -> tuple[list[bytes], list[multipart.FormField]]:
    if body.isascii():
        check_count(body.count(b"&") + 1, max_fields)
        texts = parse_qsl(body.decode("ascii"), keep_blank_values=True, encoding="latin-1")
        fields = [(name, _restore_plus(text.encode("latin-1"))) for name, text in texts]
        if images := _read_fields(fields):
            return images, fields
    raise UnsupportedMediaType(
        f"The Content-Type is {URLENCODED}, as curl sends it unasked, and its field image is missing or empty: send "
        "a file's bytes as image/*, JSON as application/json, or a multipart form (curl -F image=@seven.png)."
    )


def _restore_plus(content: bytes) -> bytes:
    """Return the content of a field with + where parsing made blanks: base64 is often sent without escapes."""
    return content.strip().replace(b" ", b"+") if content.isascii() else content


def _read_fields(fields: Iterable[multipart.FormField]) -> list[bytes]:
    """Return the images in fields that are not files: the content of `IMAGE_FIELDS`, and any data: URL."""
    return [_read_field(content) for name, content in fields if _may_be_image(name, content)]


def _may_be_image(name: str, content: bytes) -> bool:
    text = content[:99].decode("latin-1").lstrip()
    return bool(text) if name in IMAGE_FIELDS else data_urls.is_data_url(text)


def _read_field(content: bytes) -> bytes:
    if not content.isascii():
        return content  # a file that was sent without a name
    try:
        image = data_urls.decode(content.decode("ascii"))
    except InvalidBase64 as error:
        raise InvalidBase64(f"{error} {CURL_HINT}") from error
    if len(image) < MIN_IMAGE_BYTES:
        raise InvalidBase64(f"The text in the form is too short to be an image in base64. {CURL_HINT}")
    return image


def read_preparation(request: flask.Request) -> Preparation:
    """Return how to prepare the images of a request: ?prepare=auto or none.

    Raises:
        MalformedRequest: the parameter has any other value.

    """
    preparation = request.args.get("prepare", "auto")
    if preparation not in get_args(Preparation):
        raise MalformedRequest(f"prepare is {preparation!r}: it is auto or none.")
    return cast(Preparation, preparation)


def require_one(files: list[bytes], batch_route: str = BATCH_ROUTE) -> bytes:
    """Return the only file of a request.

    Raises:
        SeveralImages: there are several. The error names the route for batches.

    """
    if len(files) > 1:
        raise SeveralImages(f"The request has {len(files)} files: send one, or POST them to {batch_route}.")
    return files[0]


def _decode_json(body: bytes) -> bytes:
    try:
        image = msgspec.json.decode(to_utf8(body), type=ImageInJSON).image
    except JSON_ERRORS as error:
        raise InvalidJSON(f'The body is not JSON of the form {{"image": "<base64>"}}: {error}.') from error
    if image is UNSET:
        raise NoImage('The JSON has no "image".')
    return data_urls.decode(image)


def prepare_element(predictor: Predictor, file: bytes | str, name: str) -> NDArray[np.float32]:
    """Return the vector float32 (784,) of one of several files, or of the base64 of a file.

    Raises:
        ServiceError: InvalidBase64, or what `Predictor.prepare` raises; the message names the element.

    """
    try:
        return predictor.prepare(data_urls.decode(file) if isinstance(file, str) else file)
    except ServiceError as error:
        raise type(error)(f"{name}: {error}") from error
