"""The picture files in a request: multipart, raw, or base64 in JSON; and how they are to be prepared."""

import base64
import binascii
import time
from contextlib import suppress
from typing import Annotated, Any, cast, get_args
from urllib.parse import unquote_to_bytes

import flask
import msgspec
import numpy as np
from msgspec import UNSET, Meta, UnsetType
from numpy.typing import NDArray
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

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
from service.predictor import Predictor, Preparation
from service.routes import multipart

FORM, JSON = "multipart/form-data", "application/json"
BATCH = "/predict/batch"
DISCARD_SECONDS = 2.0


# The bytes of a picture file, as OpenAPI describes what is not text.
File = Annotated[str, Meta(extra_json_schema={"format": "binary", "contentMediaType": "application/octet-stream"})]

# A 7, as MNIST has them.
SEVEN = (
    "iVBORw0KGgoAAAANSUhEUgAAABwAAAAcAQAAAABaduI5AAAAMElEQVR42mNgwA/qPzAwMTBwMDBB+QVw1gMIi4mBEc5iYGBgYmA6AFPCDheDsfAD"
    "AIDuBJHFZo2hAAAAAElFTkSuQmCC"
)
Base64 = Annotated[
    str,
    Meta(
        description="A picture file in base64, or a data: URL of it.",
        examples=[SEVEN],
        extra_json_schema={"format": "byte"},
    ),
]


class ImageInForm(msgspec.Struct):
    """A form with one picture file, in a field of any name."""

    image: File


class ImagesInForm(msgspec.Struct):
    """A form with picture files, in fields of any names."""

    images: Annotated[list[File], Meta(min_length=1)]


class ImageInJSON(msgspec.Struct):
    """A picture file in JSON."""

    image: Base64 | UnsetType = UNSET


class Query(msgspec.Struct):
    """What an address says beside its path."""

    prepare: Annotated[
        Preparation,
        Meta(
            description="auto: the digit is found, and drawn as MNIST draws them. none: the picture must be 28x28, and "
            "its pixels are taken as they are."
        ),
    ] = "auto"


ONE_PICTURE: dict[str, Any] = {
    FORM: ImageInForm,
    JSON: Annotated[ImageInJSON, Meta(extra_json_schema={"required": ["image"]})],
    "image/*": File,
    "application/octet-stream": File,
}
MANY_PICTURES = {FORM: ImagesInForm}
FILE_ERRORS = (EmptyImage, InvalidBase64, TooLarge, UnreadableImage, NoDigit)
SENDING_ERRORS = (NoImage, SeveralImages, InvalidJSON, UnsupportedMediaType)
ONE_DIGIT_ERRORS = (*FILE_ERRORS, SeveralDigits)
ERRORS = (*SENDING_ERRORS, *ONE_DIGIT_ERRORS, WrongImageSize, ModelError)


def read_image(request: flask.Request, batch: str = BATCH) -> bytes:
    """Take the one picture file out of a request; where there are several, the error names the route of a batch.

    Raises:
        ServiceError: NoImage, SeveralImages, InvalidJSON, InvalidBase64, UnsupportedMediaType, TooLarge
            or MalformedRequest.

    """
    kind = request.mimetype
    return only(read_images(request), batch) if kind == FORM else from_body(receive(request), kind)


def from_body(body: bytes, kind: str) -> bytes:
    """Take the one picture file out of a body of a media type other than that of a form.

    Raises:
        ServiceError: NoImage, InvalidJSON, InvalidBase64 or UnsupportedMediaType.

    """
    is_raw = kind in ("", "application/octet-stream") or kind.startswith("image/")
    if (is_raw or kind == JSON) and not body:
        raise NoImage("The request has no body: send a picture.")
    if is_raw:
        return body
    if kind == JSON:
        return _decode_json(body)
    raise UnsupportedMediaType(
        f"The Content-Type is {kind}: send a picture as multipart/form-data, as image/* or "
        "application/octet-stream, or in application/json."
    )


def read_images(request: flask.Request) -> list[bytes]:
    """Take all picture files out of a multipart request, in the order sent.

    Raises:
        ServiceError: NoImage, UnsupportedMediaType, TooLarge or MalformedRequest.

    """
    if request.mimetype != FORM:
        raise UnsupportedMediaType("Send the pictures as the files of a multipart/form-data request.")
    body, boundary = receive(request), request.mimetype_params.get("boundary", "")
    try:
        parts = multipart.read(body, boundary, request.max_form_parts, request.max_form_memory_size)
    except RequestEntityTooLarge as error:
        raise _unreadable(request, error) from error
    files = [data for name, data in parts if name or data]  # a form's empty file field has neither
    if not files:
        raise NoImage("The request has no file: send a picture in a field such as image.")
    return files


def read_preparation(request: flask.Request) -> Preparation:
    """Take from a request how its pictures are to be prepared, ?prepare=auto or none.

    Raises:
        MalformedRequest: it asks for anything else.

    """
    wanted = request.args.get("prepare", "auto")
    if wanted not in get_args(Preparation):
        raise MalformedRequest(f"prepare is {wanted!r}: it is auto or none.")
    return cast(Preparation, wanted)


def only(files: list[bytes], batch: str = BATCH) -> bytes:
    """Take the one file there is; else the error names the route of a batch.

    Raises:
        SeveralImages: there are several.

    """
    if len(files) > 1:
        raise SeveralImages(f"The request has {len(files)} files: send one, or POST them to {batch}.")
    return files[0]


def receive(request: flask.Request) -> bytes:
    """Take the body of a request, as it is sent.

    Raises:
        ServiceError: TooLarge or MalformedRequest.

    """
    try:
        return request.get_data(cache=False)
    except Exception as error:
        raise _unreadable(request, error) from error


def _unreadable(request: flask.Request, error: Exception) -> Exception:
    # Besides werkzeug's own, these are the server's errors of a broken body, each server's own class.
    if isinstance(error, HTTPException) and error.code == TooLarge.status:
        _discard_body(request)
        limits = f"{request.max_content_length} bytes and {request.max_form_parts} files"
        return TooLarge(f"The request is too large: at most {limits} are read.")
    return MalformedRequest("The request's body is broken or was cut short.")


def _discard_body(request: flask.Request) -> None:
    """Read on for a while: a client still sending when the connection is closed never sees the answer."""
    deadline = time.monotonic() + DISCARD_SECONDS
    with suppress(Exception):
        while time.monotonic() < deadline and request.environ["wsgi.input"].read(2**16):
            pass


def _decode_json(body: bytes) -> bytes:
    try:
        image = msgspec.json.decode(body, type=ImageInJSON).image
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidJSON(f'The body is not JSON of the form {{"image": "<base64>"}}: {error}.') from error
    if image is UNSET:
        raise NoImage('The JSON has no "image".')
    return decode_base64(image)


def decode_base64(text: str) -> bytes:
    """Decode base64, with or without line breaks, or a data: URL.

    Raises:
        InvalidBase64: it is neither.

    """
    header, comma, data = text.partition(",") if text[:5].lower() == "data:" else ("", ",", text)
    if not comma:
        raise InvalidBase64("The data: URL has no comma.")
    if header and not header.lower().endswith(";base64"):
        return unquote_to_bytes(data)
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidBase64(f"The image is not base64: {error}.") from error


def prepare_element(reader: Predictor, file: bytes | str, name: str) -> NDArray[np.float32]:
    """Turn one of several files, or the base64 of one, into the network's vector, float32 (784,).

    Raises:
        ServiceError: InvalidBase64, or what `Predictor.prepare` raises, naming the element.

    """
    try:
        return reader.prepare(decode_base64(file) if isinstance(file, str) else file)
    except ServiceError as error:
        raise type(error)(f"{name}: {error}") from error
