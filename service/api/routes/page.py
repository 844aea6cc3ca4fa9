"""GET /: the page where people draw a digit or choose an image of one, and see the prediction."""

import re

import flask
from flask import Blueprint, request

from service.api import security_headers
from service.api.openapi import operation
from service.api.routes import repository, settings
from service.errors import ModelError
from service.models import store

# A path of a proxy. //host and /\host would be other servers.
PREFIX = re.compile(r"(/[\w.~!$&'()*+,;=:@%-]+)+", re.ASCII)

routes = Blueprint("page", __name__, static_folder="../../web/static", static_url_path="/static")
security_headers.init_pages(routes, security_headers.PAGE_SOURCES)


@routes.get("/")
@operation({"text/html": str}, errors=(ModelError,))
def page() -> str:
    """Show the page. Its files are under /static."""
    model = repository().default()
    return flask.render_template("page.html", root=root(), name=store.NAME, model=model, settings=settings())


def root() -> str:
    """Return the address of / for a page: with the prefix of a proxy if there is one, else relative to the page."""
    if PREFIX.fullmatch(request.script_root):
        return f"{request.script_root}/"
    return "../" * (request.path.count("/") - 1)
