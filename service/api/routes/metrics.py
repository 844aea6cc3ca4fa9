"""Metrics of all worker processes, for Prometheus."""

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
    """Show the metrics of all worker processes, as Prometheus reads them."""
    return flask.Response(metrics.scrape(repository()), content_type=metrics.CONTENT_TYPE)
