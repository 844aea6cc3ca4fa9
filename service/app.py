"""The application: the settings and the models wired to the routes and the error responses."""

import flask

from service.api import auth, cors, error_responses, openapi, proxies, security_headers
from service.api.components import EXTENSION, Components
from service.api.open_inference import model_control, triton
from service.api.open_inference import routes as open_inference
from service.api.routes import docs, explain, feedback, health, page, predict, read, report
from service.api.routes import metrics as metrics_route
from service.api.tensorflow_serving import routes as tensorflow_serving
from service.models.repository import Repository
from service.observability import metrics, request_log
from service.preparation import finder
from service.settings import Settings

ROUTE_MODULES = (
    predict,
    read,
    explain,
    feedback,
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
    """Return the application that serves the versions under `settings.models`.

    It also starts without a version that can be served. It is ready as soon as there is one.

    Raises:
        ModelError: the finder is damaged or can't be read.

    """
    app = flask.Flask(__name__, static_folder=None, template_folder="web/templates")
    app.url_map.merge_slashes = False  # //predict is an unknown path, not a redirect
    app.url_map.strict_slashes = False  # /predict/ is /predict: a redirect would lose the body
    app.config["MAX_CONTENT_LENGTH"] = settings.max_bytes
    app.config["MAX_FORM_PARTS"] = settings.max_files
    loaded_finder = finder.load(settings.models)
    repository = Repository(settings, metrics.VersionGauges(bool(settings.feedback)).update, loaded_finder.checksum)
    # In this order: each request gets a log entry before its key is checked, and then its route.
    security_headers.init_app(app)
    request_log.init_app(app)
    digests = auth.read_key_digests(settings)
    auth.init_app(app, digests)
    cors.init_app(app, cors.read_origins(settings))
    proxies.init_app(app, proxies.read_networks(settings))
    for module in ROUTE_MODULES:
        app.register_blueprint(module.routes)
    document = openapi.build_document(app, with_keys=bool(digests))
    app.extensions[EXTENSION] = Components(settings, loaded_finder, repository, digests, document)
    error_responses.init_app(app)
    return app
