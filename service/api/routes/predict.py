"""POST /predict and /predict/batch: images in, the probability of each digit out."""

from typing import Annotated, Any

import flask
import msgspec
from flask import Blueprint, request
from msgspec import Meta

from service.api.error_responses import json_response, to_batch_items
from service.api.openapi import any_of, operation
from service.api.requests import ERRORS, MANY_IMAGES, ONE_IMAGE, Query, read_image, read_images, read_preparation
from service.api.routes import create_predictor
from service.errors import InvalidBase64, ModelError, NoImage, UnsupportedMediaType
from service.inference.schemas import ErrorResponse, ModelName, Prediction

routes = Blueprint("predict", __name__)

BatchItem = Annotated[Any, Meta(extra_json_schema=any_of(Prediction, ErrorResponse))]


class Batch(msgspec.Struct, frozen=True):
    """The predictions of many images, in the order sent. An image that is rejected has its error in its place."""

    predictions: list[BatchItem]
    model: ModelName


@routes.post("/predict")
@operation(Prediction, body=ONE_IMAGE, query=Query, errors=ERRORS)
def predict() -> flask.Response:
    """Predict the digit in the only image of the request."""
    predictor = create_predictor()
    vector = predictor.prepare(read_image(request), read_preparation(request))
    return json_response(predictor.predict([vector])[0])


@routes.post("/predict/batch")
@operation(Batch, body=MANY_IMAGES, query=Query, errors=(NoImage, InvalidBase64, UnsupportedMediaType, ModelError))
def predict_batch() -> flask.Response:
    """Predict the digit in each file of the request. A file that is rejected does not affect the others."""
    predictor, preparation = create_predictor(), read_preparation(request)
    outcomes = predictor.predict_files(read_images(request), preparation)
    return json_response(Batch(to_batch_items(outcomes), predictor.model_name))
