"""GET /metrics: the metrics of all worker processes, for Prometheus."""

import flask
from flask import Blueprint

from service.api.openapi import operation
from service.api.routes import repository
from service.observability import metrics

routes = Blueprint("metrics", __name__)


@routes.get("/metrics")
@routes.get("/monitoring/prometheus/metrics")  # where TensorFlow Serving has them
@operation({"text/plain": str})
def show_metrics() -> flask.Response:
    """Return the metrics of all worker processes, in the text format of Prometheus."""
    return flask.Response(metrics.scrape(repository()), content_type=metrics.CONTENT_TYPE)
