"""Whether the service lives and takes requests, for load balancers and orchestrators."""

import threading
from typing import cast

import flask
from flask import Blueprint, current_app

from service.routes import Failure, json_response

routes = Blueprint("operations", __name__)


@routes.get("/livez")
def livez() -> flask.Response:
    """Answer 200 as long as the process answers at all."""
    return json_response({"live": True})


@routes.get("/readyz")
def readyz() -> flask.Response:
    """Answer 200 while requests are welcome, and 503 once the service was told to stop.

    The model is loaded and warm before a worker takes its first request.
    """
    if cast(threading.Event, current_app.extensions["draining"]).is_set():
        return json_response(Failure("The service is stopping.", "draining"), 503)
    return json_response({"ready": True})
