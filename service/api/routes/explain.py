"""POST /explain: an image in; the prediction, its ink, the model's input and the importance of its regions out."""

import flask
from flask import Blueprint, request

from service.api.error_responses import json_response
from service.api.openapi import operation
from service.api.requests import ERRORS, ONE_IMAGE, Query, read_image, read_preparation
from service.api.routes import create_predictor
from service.inference.schemas import Explanation

routes = Blueprint("explain", __name__)


@routes.post("/explain")
@operation(Explanation, body=ONE_IMAGE, query=Query, errors=ERRORS)
def explain() -> flask.Response:
    """Predict the digit in the only image of the request, and explain the prediction."""
    return json_response(create_predictor().explain(read_image(request), read_preparation(request)))
