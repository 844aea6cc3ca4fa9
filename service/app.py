"""The application: settings and a model wired to the routes and to the form of every error."""

import logging
import threading
from typing import Any

import flask
from flask_cors import CORS
from werkzeug.exceptions import HTTPException

from service import headers, keys, metrics, openapi, record
from service.errors import ServiceError
from service.repository import Repository
from service.routes import (
    Failure,
    docs,
    explain,
    json_response,
    openinference,
    operations,
    page,
    predict,
    report,
    tfserving,
    triton,
)
from service.routes.uploads import Request
from service.settings import Settings

# What a page of another origin may send, and read of an answer.
CORS_HEADERS: dict[str, Any] = {
    "allow_headers": [
        "Authorization", "Content-Type", "Inference-Header-Content-Length", "traceparent", "X-API-Key", "X-Request-ID",
    ],
    "expose_headers": ["Inference-Header-Content-Length", "Retry-After", "X-Request-ID"],
    "max_age": 3600,
}  # fmt: skip

log = logging.getLogger(__name__)


def create_app(settings: Settings) -> flask.Flask:
    """Make the application that serves the versions under `settings.models`.

    It starts without any that can be served, too, and takes one as soon as it is there; until then it is not ready.
    """
    app = flask.Flask(__name__, static_folder=None)
    app.request_class = Request
    app.config["MAX_CONTENT_LENGTH"] = settings.max_bytes
    app.config["MAX_FORM_PARTS"] = settings.max_files
    app.extensions["settings"] = settings
    app.extensions["repository"] = Repository(settings, metrics.VersionGauges().update)
    app.extensions["draining"] = threading.Event()
    # First, so that what a route's own checks refuse is recorded, and asked for its key before.
    for concern in (headers, record):
        concern.init_app(app)
    digests = keys.read(settings)
    keys.init_app(app, digests)
    for module in (predict, explain, tfserving, openinference, triton, operations, page, report, docs):
        app.register_blueprint(module.routes)
    app.extensions["openapi"] = openapi.document(app, with_keys=bool(digests))
    if settings.cors_origins:
        CORS(app, origins=[origin.strip() for origin in settings.cors_origins.split(",")], **CORS_HEADERS)
    app.register_error_handler(ServiceError, _refuse)
    app.register_error_handler(HTTPException, _refuse_http)
    app.register_error_handler(Exception, _fail)
    return app


def _refuse(error: ServiceError) -> flask.Response:
    metrics.REFUSED.labels(error.code).inc()
    response = json_response(Failure.of(error), error.status)
    response.headers.extend(error.headers)
    return response


def _refuse_http(error: HTTPException) -> flask.Response:
    """Give an error of the framework, such as an unknown path, the form of ours."""
    code = error.name.lower().replace(" ", "_")
    sentence = f"{flask.request.method} {flask.request.path}: {error.name.lower()}."
    response = json_response(Failure(sentence, code), error.code or 500)
    response.headers.extend((name, value) for name, value in error.get_headers() if name == "Allow")
    return response


def _fail(error: Exception) -> flask.Response:
    log.exception("A request failed.", exc_info=error)
    return json_response(Failure("Something went wrong here; it is in the log.", ServiceError.code), 500)
