"""A hello-world WSGI application, for the service's own gunicorn and worker."""

import os
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from service.app import create_app
from service.settings import read_settings


class Hello:
    """Answers without looking at what is asked; the worker asks it for the service's extensions."""

    extensions = create_app(read_settings(os.environ)).extensions

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "12")])
        return [b"Hello, world"]


app = Hello()
