"""The application: settings and a model wired to the routes and to the form of every error."""

import logging
import threading

import flask
from werkzeug.exceptions import HTTPException

from service import cors, finder, headers, keys, metrics, openapi, proxies, record
from service.errors import ServiceError
from service.fast_path import FastPath
from service.repository import Repository
from service.routes import (
    Failure,
    docs,
    explain,
    json_response,
    model_control,
    openinference,
    operations,
    page,
    predict,
    read,
    report,
    tfserving,
    triton,
)
from service.settings import Settings

SURFACE = (predict, read, explain, tfserving, openinference, triton, model_control, operations, page, report, docs)

log = logging.getLogger(__name__)


def create_app(settings: Settings) -> flask.Flask:
    """Make the application that serves the versions under `settings.models`.

    It starts without any that can be served, too, and takes one as soon as it is there; until then it is not ready.

    Raises:
        ModelError: the finder is damaged, or can't be read.

    """
    app = flask.Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # //predict is another path, and no redirect
    app.url_map.strict_slashes = False  # /predict/ is /predict, and no redirect, which would lose what is posted
    app.config["MAX_CONTENT_LENGTH"] = settings.max_bytes
    app.config["MAX_FORM_PARTS"] = settings.max_files
    app.extensions["settings"] = settings
    app.extensions["finder"] = loaded = finder.load(settings.models)
    app.extensions["repository"] = Repository(settings, metrics.VersionGauges().update, loaded.checksum)
    app.extensions["draining"] = threading.Event()
    app.extensions["health"] = keys.HEALTH
    app.extensions["refuse"] = record.refuse  # for what the worker refuses itself
    # Before a route sees a request, its record is opened, and then its key is asked for.
    headers.init_app(app)
    record.init_app(app)
    digests = keys.read(settings)
    keys.init_app(app, digests)
    cors.init_app(app, cors.read(settings))
    proxies.init_app(app, proxies.read(settings))
    for module in SURFACE:
        app.register_blueprint(module.routes)
    app.extensions["openapi"] = openapi.document(app, with_keys=bool(digests))
    app.extensions["fast_path"] = FastPath(app, digests) if settings.fast_path else None
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
    metrics.REFUSED.labels(code).inc()
    sentence = f"{flask.request.method} {flask.request.path}: {error.name.lower()}."
    response = json_response(Failure(sentence, code), error.code or 500)
    response.headers.extend((name, value) for name, value in error.get_headers() if name == "Allow")
    return response


def _fail(error: Exception) -> flask.Response:
    log.exception("A request failed.", exc_info=error, extra={"fields": [{"id": record.current().id}]})
    return json_response(Failure("Something went wrong here; it is in the log.", ServiceError.code), 500)
