"""GET /report: how the version that is served was fitted, and how well it reads."""

import flask
from flask import Blueprint, request

from service.api.openapi import operation
from service.api.routes import repository
from service.api.routes.page import HEADERS
from service.errors import ModelError, NoReport

# The report is one file: its styles and pictures are within it, and it has no scripts.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)

routes = Blueprint("report", __name__)


@routes.get("/report")
@operation({"text/html": str}, is_conditional=True, errors=(ModelError, NoReport))
def report() -> flask.Response:
    """Show the version's own report."""
    model = repository().default()
    if not model.report:
        raise NoReport(f"Version {model.version} of the model has no report.")
    response = flask.Response(model.report, mimetype="text/html")
    response.add_etag()
    response.make_conditional(request)
    return response


@routes.after_request
def _protect(response: flask.Response) -> flask.Response:
    response.headers.update(HEADERS | {"Content-Security-Policy": CONTENT_SECURITY_POLICY})
    return response
