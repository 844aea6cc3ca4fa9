"""GET /report: how the default version was fitted, and how well it reads."""

import flask
from flask import Blueprint, request

from service.api import security_headers
from service.api.openapi import operation
from service.api.routes import repository
from service.errors import ModelError, NoReport

routes = Blueprint("report", __name__)
security_headers.init_pages(routes, security_headers.REPORT_SOURCES)


@routes.get("/report")
@operation({"text/html": str}, is_conditional=True, errors=(ModelError, NoReport))
def report() -> flask.Response:
    """Show the report of the default version."""
    model = repository().default()
    if not model.report:
        raise NoReport(f"Version {model.version} of the model has no report.")
    response = flask.Response(model.report, mimetype="text/html")
    response.add_etag()
    response.make_conditional(request)
    return response
