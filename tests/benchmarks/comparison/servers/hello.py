"""A hello-world WSGI application, for the service's own gunicorn and worker."""

import os
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from service.app import create_app
from service.settings import read_settings


def say_hello(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer without reading the request."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "12")])
    return [b"Hello, world"]


app = create_app(read_settings(os.environ))  # the worker reads its components
app.wsgi_app = say_hello  # type: ignore[method-assign]  # as Flask's documentation wraps an application
