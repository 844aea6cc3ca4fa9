"""POST /explain: a picture in; out come the prediction, the ink found, what the model saw and what in it mattered."""

import flask
from flask import Blueprint, request

from service.api.error_responses import json_response
from service.api.openapi import operation
from service.api.requests import ERRORS, ONE_PICTURE, Query, read_image, read_preparation
from service.api.routes import predictor
from service.inference.schemas import Explanation

routes = Blueprint("explain", __name__)


@routes.post("/explain")
@operation(Explanation, body=ONE_PICTURE, query=Query, errors=ERRORS)
def explain() -> flask.Response:
    """Predict the one picture of the request, and explain the answer."""
    return json_response(predictor().explain(read_image(request), read_preparation(request)))
