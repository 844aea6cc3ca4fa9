"""GET /: the page to draw a digit or give a picture of one, and see how it is read."""

import re

import flask
from flask import Blueprint, request

from service.api.openapi import operation
from service.api.routes import repository, settings
from service.errors import ModelError
from service.models import store

# Nothing is loaded from elsewhere, and no script or style runs that is not a file of /static.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

# A path of a proxy; //host and /\host would be other servers.
PREFIX = re.compile(r"(/[\w.~!$&'()*+,;=:@%-]+)+", re.ASCII)

routes = Blueprint("page", __name__, static_folder="../../web/static", static_url_path="/static")


@routes.get("/")
@operation({"text/html": str}, errors=(ModelError,))
def page() -> str:
    """Show the page; its files are under /static."""
    model = repository().default()
    return flask.render_template("page.html", root=root(), name=store.NAME, model=model, settings=settings())


def root() -> str:
    """Return the address of / for a page: with the prefix that a proxy says, else relative to the page's own."""
    if PREFIX.fullmatch(request.script_root):
        return f"{request.script_root}/"
    return "../" * (request.path.count("/") - 1)


@routes.after_request
def _protect(response: flask.Response) -> flask.Response:
    response.headers.update(HEADERS)
    return response
