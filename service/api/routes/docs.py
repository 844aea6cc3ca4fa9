"""GET /openapi.json, the description of all paths, and GET /docs, a page to read it and to try them."""

from importlib.resources import files
from typing import Any

import flask
from flask import Blueprint, current_app

from service.api.openapi import JSON, operation
from service.api.routes.page import CONTENT_SECURITY_POLICY, HEADERS, root

# Swagger UI sets styles of its own.
POLICY = CONTENT_SECURITY_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")

routes = Blueprint("docs", __name__, static_folder=str(files("flask_swagger_ui") / "dist"), static_url_path="/docs")


@routes.get("/openapi.json")
@operation(dict[str, Any])
def description() -> flask.Response:
    """Describe all paths, as OpenAPI 3.1."""
    return flask.Response(current_app.extensions["openapi"], content_type=JSON)


@routes.get("/docs")
@operation({"text/html": str})
def docs() -> str:
    """Show the page of this description, to read it and to try what it describes."""
    return flask.render_template("docs.html", root=root())


@routes.after_request
def _protect(response: flask.Response) -> flask.Response:
    response.headers.update(HEADERS | {"Content-Security-Policy": POLICY})
    return response
