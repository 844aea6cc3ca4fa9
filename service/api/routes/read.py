"""POST /read and /read/batch: pictures in, all the digits in each out, in reading order."""

from typing import Annotated, Any

import flask
import msgspec
from flask import Blueprint, request
from msgspec import Meta

from service.api.error_responses import Failure, json_response, reject_image
from service.api.openapi import SCHEMA, operation
from service.api.requests import FILE_ERRORS, MANY_PICTURES, ONE_PICTURE, SENDING_ERRORS, read_image, read_images
from service.api.routes import predictor
from service.errors import InvalidBase64, ModelError, NoImage, ServiceError, TooManyDigits, UnsupportedMediaType
from service.inference.schemas import ModelName, Reading

routes = Blueprint("read", __name__)

# msgspec has no union of two structs.
Answer = Annotated[
    Any,
    Meta(extra_json_schema={"anyOf": [{"$ref": SCHEMA.format(name=each.__name__)} for each in (Reading, Failure)]}),
]


class Readings(msgspec.Struct, frozen=True):
    """The digits of many pictures, in the order sent; a bad one has its error in its place."""

    readings: list[Answer]
    model: ModelName


@routes.post("/read")
@operation(Reading, body=ONE_PICTURE, errors=(*SENDING_ERRORS, *FILE_ERRORS, TooManyDigits, ModelError))
def read() -> flask.Response:
    """Read all digits in the one picture of the request."""
    return json_response(predictor().read(read_image(request, "/read/batch")))


@routes.post("/read/batch")
@operation(Readings, body=MANY_PICTURES, errors=(NoImage, InvalidBase64, UnsupportedMediaType, ModelError))
def read_batch() -> flask.Response:
    """Read all digits in every file of the request, in the order sent; a bad one has its error in its place."""
    reader = predictor()
    outcomes = reader.read_files(read_images(request))
    answers = [reject_image(each) if isinstance(each, ServiceError) else each for each in outcomes]
    return json_response(Readings(answers, reader.model_name))
