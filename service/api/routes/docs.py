"""GET /openapi.json, the description of all paths, and GET /docs, a page to read it and to try them."""

from importlib.resources import files
from typing import Any

import flask
from flask import Blueprint

from service.api import security_headers
from service.api.components import components
from service.api.openapi import JSON, operation
from service.api.routes.page import root

routes = Blueprint("docs", __name__, static_folder=str(files("flask_swagger_ui") / "dist"), static_url_path="/docs")
security_headers.init_pages(routes, security_headers.DOCS_SOURCES)


@routes.get("/openapi.json")
@operation(dict[str, Any])
def description() -> flask.Response:
    """Return the description of all paths, as OpenAPI 3.1."""
    return flask.Response(components().openapi, content_type=JSON)


@routes.get("/docs")
@operation({"text/html": str})
def docs() -> str:
    """Show the page of this description, where its operations can be tried."""
    return flask.render_template("docs.html", root=root())
