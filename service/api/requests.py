"""The picture files in a request: in a form, raw, or base64 in JSON; and how they are to be prepared."""

from collections.abc import Iterable
from typing import Annotated, Any, cast, get_args
from urllib.parse import parse_qsl

import flask
import msgspec
import numpy as np
from msgspec import UNSET, Meta, UnsetType
from numpy.typing import NDArray

from service.api import data_urls, multipart
from service.api.bodies import read_body, to_utf8
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
BATCH = "/predict/batch"
PICTURE_FIELDS = ("image", "images")  # where a form has no file
MIN_PICTURE_BYTES = 26  # a GIF of one pixel; shorter text, such as a file's name, may be base64 by chance
CURL_HINT = "To send a file, curl wants an @ before its name: -F image=@seven.png."


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
    return only(read_images(request), batch) if kind in (FORM, URLENCODED) else from_body(read_body(request), kind)


def from_body(body: bytes, kind: str) -> bytes:
    """Take the one picture file out of a body of a media type other than that of a form.

    Raises:
        ServiceError: NoImage, InvalidJSON, InvalidBase64 or UnsupportedMediaType.

    """
    is_raw = kind in ("", "application/octet-stream") or kind.startswith("image/")
    if is_raw or kind == JSON:
        _check_sent(body)
    if is_raw:
        return body
    if kind == JSON:
        return _decode_json(body)
    raise UnsupportedMediaType(
        f"The Content-Type is {kind}: send a picture as multipart/form-data, as image/* or "
        "application/octet-stream, or in application/json."
    )


def read_images(request: flask.Request) -> list[bytes]:
    """Take all picture files out of a form, in the order sent; one without files may have them as text.

    Raises:
        ServiceError: NoImage, InvalidBase64, UnsupportedMediaType, TooLarge or MalformedRequest.

    """
    kind = request.mimetype
    if kind not in (FORM, URLENCODED):
        raise UnsupportedMediaType("Send the pictures as the files of a multipart/form-data request.")
    body = read_body(request)
    _check_sent(body)
    if kind == URLENCODED:
        return _read_urlencoded(body, settings().max_files)
    files, fields = multipart.read(body, multipart.read_boundary(request.content_type), request.max_form_parts)
    if not (pictures := files or _read_fields(fields)):
        raise NoImage("The request has no file: send a picture in a field such as image (curl -F image=@seven.png).")
    return pictures


def _check_sent(body: bytes) -> None:
    if not body:
        raise NoImage("The request has no body: send a picture.")


def _read_urlencoded(body: bytes, max_fields: int) -> list[bytes]:
    if body.isascii():
        check_count(body.count(b"&") + 1, max_fields)
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, encoding="latin-1")
        if pictures := _read_fields((name, _restore_plus(text.encode("latin-1"))) for name, text in fields):
            return pictures
    raise UnsupportedMediaType(
        f"The Content-Type is {URLENCODED}, as curl sends it unasked, and its field image is missing or empty: send "
        "a file's bytes as image/*, JSON as application/json, or a multipart form (curl -F image=@seven.png)."
    )


def _restore_plus(content: bytes) -> bytes:
    """Return a field's content as it was before its + was read as a blank: base64 is often sent without escapes."""
    return content.strip().replace(b" ", b"+") if content.isascii() else content


def _read_fields(fields: Iterable[multipart.Value]) -> list[bytes]:
    """Take the pictures out of fields that are no files: what is in `PICTURE_FIELDS`, and any data: URL."""
    return [_read_field(content) for name, content in fields if _may_be_picture(name, content)]


def _may_be_picture(name: str, content: bytes) -> bool:
    text = content[:99].decode("latin-1").lstrip()
    return bool(text) if name in PICTURE_FIELDS else data_urls.is_data_url(text)


def _read_field(content: bytes) -> bytes:
    if not content.isascii():
        return content  # a file without its name
    try:
        picture = data_urls.decode(content.decode("ascii"))
    except InvalidBase64 as error:
        raise InvalidBase64(f"{error} {CURL_HINT}") from error
    if len(picture) < MIN_PICTURE_BYTES:
        raise InvalidBase64(f"The text in the form is too short to be an image in base64. {CURL_HINT}")
    return picture


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


def _decode_json(body: bytes) -> bytes:
    try:
        image = msgspec.json.decode(to_utf8(body), type=ImageInJSON).image
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidJSON(f'The body is not JSON of the form {{"image": "<base64>"}}: {error}.') from error
    if image is UNSET:
        raise NoImage('The JSON has no "image".')
    return data_urls.decode(image)


def prepare_element(reader: Predictor, file: bytes | str, name: str) -> NDArray[np.float32]:
    """Turn one of several files, or the base64 of one, into the network's vector, float32 (784,).

    Raises:
        ServiceError: InvalidBase64, or what `Predictor.prepare` raises, naming the element.

    """
    try:
        return reader.prepare(data_urls.decode(file) if isinstance(file, str) else file)
    except ServiceError as error:
        raise type(error)(f"{name}: {error}") from error
