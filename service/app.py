"""The application: settings and a model wired to the routes and to the form of every error."""

import logging
import threading

import flask
from werkzeug.exceptions import HTTPException

from service import models
from service.errors import ServiceError
from service.predictor import Predictor
from service.routes import Failure, explain, json_response, operations, page, predict, report
from service.routes.uploads import Request
from service.settings import Settings

log = logging.getLogger(__name__)


def create_app(settings: Settings) -> flask.Flask:
    """Make the application that serves the highest version under `settings.models`.

    Raises:
        ModelError: no version can be served.

    """
    app = flask.Flask(__name__, static_folder=None)
    app.request_class = Request
    app.config["MAX_CONTENT_LENGTH"] = settings.max_bytes
    app.config["MAX_FORM_PARTS"] = settings.max_files
    app.extensions["settings"] = settings
    app.extensions["predictor"] = Predictor(models.load(settings), settings)
    app.extensions["draining"] = threading.Event()
    for module in (page, predict, explain, report, operations):
        app.register_blueprint(module.routes)
    app.register_error_handler(ServiceError, _refuse)
    app.register_error_handler(HTTPException, _refuse_http)
    app.register_error_handler(Exception, _fail)
    return app


def _refuse(error: ServiceError) -> flask.Response:
    return json_response(Failure.of(error), error.status)


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
