"""POST /predict and /predict/batch: pictures in, the probability of each digit out."""

from typing import Annotated, Any

import flask
import msgspec
from flask import Blueprint, request
from msgspec import Meta

from service.api.error_responses import Failure, json_response, reject_image
from service.api.openapi import SCHEMA, operation
from service.api.requests import ERRORS, MANY_PICTURES, ONE_PICTURE, Query, read_image, read_images, read_preparation
from service.api.routes import predictor
from service.errors import InvalidBase64, ModelError, NoImage, ServiceError, UnsupportedMediaType
from service.inference.schemas import ModelName, Prediction

routes = Blueprint("predict", __name__)

# msgspec has no union of two structs.
Answer = Annotated[
    Any,
    Meta(extra_json_schema={"anyOf": [{"$ref": SCHEMA.format(name=each.__name__)} for each in (Prediction, Failure)]}),
]


class Batch(msgspec.Struct, frozen=True):
    """The answers to many pictures, in the order sent; a bad one has its error in its place."""

    predictions: list[Answer]
    model: ModelName


@routes.post("/predict")
@operation(Prediction, body=ONE_PICTURE, query=Query, errors=ERRORS)
def predict() -> flask.Response:
    """Predict the one picture of the request."""
    reader = predictor()
    vector = reader.prepare(read_image(request), read_preparation(request))
    return json_response(reader.predict([vector])[0])


@routes.post("/predict/batch")
@operation(Batch, body=MANY_PICTURES, query=Query, errors=(NoImage, InvalidBase64, UnsupportedMediaType, ModelError))
def predict_batch() -> flask.Response:
    """Predict every file of the request, in the order sent; a bad one has its error in its place."""
    reader, preparation = predictor(), read_preparation(request)
    outcomes = reader.predict_files(read_images(request), preparation)
    answers = [reject_image(each) if isinstance(each, ServiceError) else each for each in outcomes]
    return json_response(Batch(answers, reader.model_name))
