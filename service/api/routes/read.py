"""POST /read and /read/batch: images in, all digits of each out, in reading order."""

from typing import Annotated, Any

import flask
import msgspec
from flask import Blueprint, request
from msgspec import Meta

from service.api.error_responses import json_response, to_batch_items
from service.api.openapi import any_of, operation
from service.api.requests import FILE_ERRORS, MANY_IMAGES, ONE_IMAGE, SENDING_ERRORS, read_image, read_images
from service.api.routes import create_predictor
from service.errors import InvalidBase64, ModelError, NoImage, TooManyDigits, UnsupportedMediaType
from service.inference.schemas import ErrorResponse, ModelName, Reading

routes = Blueprint("read", __name__)

BatchItem = Annotated[Any, Meta(extra_json_schema=any_of(Reading, ErrorResponse))]


class Readings(msgspec.Struct, frozen=True):
    """The digits of many images, in the order sent. An image that is rejected has its error in its place."""

    readings: list[BatchItem]
    model: ModelName


@routes.post("/read")
@operation(Reading, body=ONE_IMAGE, errors=(*SENDING_ERRORS, *FILE_ERRORS, TooManyDigits, ModelError))
def read() -> flask.Response:
    """Read all digits in the only image of the request."""
    return json_response(create_predictor().read(read_image(request, "/read/batch")))


@routes.post("/read/batch")
@operation(Readings, body=MANY_IMAGES, errors=(NoImage, InvalidBase64, UnsupportedMediaType, ModelError))
def read_batch() -> flask.Response:
    """Read all digits in each file of the request. A file that is rejected does not affect the others."""
    predictor = create_predictor()
    outcomes = predictor.read_files(read_images(request))
    return json_response(Readings(to_batch_items(outcomes), predictor.model_name))
