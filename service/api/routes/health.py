"""GET /livez and /readyz: the health checks of load balancers and orchestrators."""

from typing import Literal

import flask
import msgspec
from flask import Blueprint

from service.api.components import components
from service.api.error_responses import json_response
from service.api.openapi import operation
from service.errors import Draining, ModelError

routes = Blueprint("health", __name__)


class Live(msgspec.Struct, frozen=True):
    """The process is alive."""

    live: Literal[True] = True


class Ready(msgspec.Struct, frozen=True):
    """The service accepts requests."""

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
    """Answer 200 when the service is ready, and 503 when no model can be served or the service is shutting down."""
    components().check_ready()
    return json_response(Ready())
