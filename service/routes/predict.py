"""POST /predict and /predict/batch: pictures in, the probability of each digit out."""

import flask
import numpy as np
from flask import Blueprint, request
from numpy.typing import NDArray

from service import metrics
from service.errors import ServiceError
from service.predictor import Prediction, Predictor, Preparation
from service.routes import Failure, json_response, predictor
from service.routes.uploads import read_image, read_images, read_preparation

routes = Blueprint("predict", __name__)


@routes.post("/predict")
def predict() -> flask.Response:
    """Predict the one picture of the request."""
    reader = predictor()
    vector = reader.prepare(read_image(request), read_preparation(request))
    return json_response(reader.predict([vector])[0])


@routes.post("/predict/batch")
def predict_batch() -> flask.Response:
    """Predict every file of the request, in the order sent; a bad one has its error in its place."""
    reader, preparation = predictor(), read_preparation(request)
    prepared = [_prepare(reader, data, preparation) for data in read_images(request)]
    predictions = iter(reader.predict([item for item in prepared if not isinstance(item, Failure)]))
    answers: list[Prediction | Failure] = [
        item if isinstance(item, Failure) else next(predictions) for item in prepared
    ]
    return json_response({"predictions": answers, "model": reader.model_name})


def _prepare(reader: Predictor, data: bytes, preparation: Preparation) -> NDArray[np.float32] | Failure:
    try:
        return reader.prepare(data, preparation)
    except ServiceError as error:
        metrics.REFUSED.labels(error.code).inc()
        return Failure.of(error)
