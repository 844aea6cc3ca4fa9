"""Whether the service lives and takes requests, for load balancers and orchestrators."""

import threading
from typing import Literal, cast

import flask
import msgspec
from flask import Blueprint, current_app

from service.api.error_responses import json_response
from service.api.openapi import operation
from service.api.routes import repository
from service.errors import Draining, ModelError

routes = Blueprint("health", __name__)


class Live(msgspec.Struct, frozen=True):
    """That the process lives."""

    live: Literal[True] = True


class Ready(msgspec.Struct, frozen=True):
    """That requests are welcome."""

    ready: Literal[True] = True


@routes.get("/livez")
@routes.get("/v2/health/live")  # where the Open Inference Protocol has it
@operation(Live)
def livez() -> flask.Response:
    """Answer 200 as long as the process answers at all."""
    return json_response(Live())


@routes.get("/readyz")
@routes.get("/v2/health/ready")
@operation(Ready, errors=(Draining, ModelError))
def readyz() -> flask.Response:
    """Answer 200 while requests are welcome, and 503 without a model, or once the service was told to stop."""
    if cast(threading.Event, current_app.extensions["draining"]).is_set():
        raise Draining("The service is stopping.")
    repository().default()
    return json_response(Ready())
