"""Whether the service lives and takes requests, for load balancers and orchestrators."""

import threading
from typing import cast

import flask
from flask import Blueprint, current_app

from service import metrics
from service.errors import Draining
from service.routes import json_response, repository

routes = Blueprint("operations", __name__)


@routes.get("/livez")
def livez() -> flask.Response:
    """Answer 200 as long as the process answers at all."""
    return json_response({"live": True})


@routes.get("/readyz")
def readyz() -> flask.Response:
    """Answer 200 while requests are welcome, and 503 without a model, or once the service was told to stop."""
    check_ready()
    return json_response({"ready": True})


def check_ready() -> None:
    """See that requests are welcome.

    Raises:
        Draining: the service was told to stop.
        ModelError: no version can be served.

    """
    if cast(threading.Event, current_app.extensions["draining"]).is_set():
        raise Draining("The service is stopping.")
    repository().default()


@routes.get("/metrics")
@routes.get("/monitoring/prometheus/metrics")  # where TensorFlow Serving has them
def show_metrics() -> flask.Response:
    """Show the metrics of all worker processes, as Prometheus reads them."""
    return flask.Response(metrics.scrape(repository()), content_type=metrics.CONTENT_TYPE)
