"""The application: settings and a model wired to the routes and to the form of every error."""

import threading

import flask

from service.api import auth, cors, error_responses, openapi, proxies, security_headers
from service.api.open_inference import model_control, triton
from service.api.open_inference import routes as open_inference
from service.api.routes import docs, explain, health, page, predict, read, report
from service.api.routes import metrics as metrics_route
from service.api.tensorflow_serving import routes as tensorflow_serving
from service.models.repository import Repository
from service.observability import metrics, request_log
from service.preparation import finder
from service.server.fast_path import FastPath
from service.settings import Settings

SURFACE = (
    predict,
    read,
    explain,
    tensorflow_serving,
    open_inference,
    triton,
    model_control,
    health,
    metrics_route,
    page,
    report,
    docs,
)


def create_app(settings: Settings) -> flask.Flask:
    """Make the application that serves the versions under `settings.models`.

    It starts without any that can be served, too, and takes one as soon as it is there; until then it is not ready.

    Raises:
        ModelError: the finder is damaged, or can't be read.

    """
    app = flask.Flask(__name__, static_folder=None, template_folder="web/templates")
    app.url_map.merge_slashes = False  # //predict is another path, and no redirect
    app.url_map.strict_slashes = False  # /predict/ is /predict, and no redirect, which would lose what is posted
    app.config["MAX_CONTENT_LENGTH"] = settings.max_bytes
    app.config["MAX_FORM_PARTS"] = settings.max_files
    app.extensions["settings"] = settings
    app.extensions["finder"] = loaded = finder.load(settings.models)
    app.extensions["repository"] = Repository(settings, metrics.VersionGauges().update, loaded.checksum)
    app.extensions["draining"] = threading.Event()
    app.extensions["health"] = auth.HEALTH
    app.extensions["refuse"] = request_log.refuse  # for what the worker refuses itself
    # Before a route sees a request, its record is opened, and then its key is asked for.
    security_headers.init_app(app)
    request_log.init_app(app)
    digests = auth.read(settings)
    auth.init_app(app, digests)
    cors.init_app(app, cors.read(settings))
    proxies.init_app(app, proxies.read(settings))
    for module in SURFACE:
        app.register_blueprint(module.routes)
    app.extensions["openapi"] = openapi.document(app, with_keys=bool(digests))
    app.extensions["fast_path"] = FastPath(app, digests) if settings.fast_path else None
    error_responses.init_app(app)
    return app
