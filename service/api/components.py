"""The parts of an application that its routes and its server share."""

import threading
from dataclasses import dataclass, field
from typing import cast

import flask

from service.errors import Draining
from service.models.repository import Repository
from service.preparation.finder import Finder
from service.settings import Settings

EXTENSION = "mnist_service"  # the key in `app.extensions`


@dataclass(frozen=True)
class Components:
    """The parts of one application, which all of its threads use."""

    settings: Settings
    finder: Finder
    repository: Repository
    key_digests: list[bytes]  # the SHA-256 of each API key
    openapi: bytes  # the document in JSON
    draining: threading.Event = field(default_factory=threading.Event)  # set once the service is told to stop

    def check_ready(self) -> None:
        """Check that the application can answer predictions.

        Raises:
            Draining: the service is stopping.
            ModelError: no version can be served.

        """
        if self.draining.is_set():
            raise Draining("The service is stopping.")
        self.repository.default()


def components(app: flask.Flask = flask.current_app) -> Components:
    """Return the components of an application, by default of the one that answers the current request."""
    return cast(Components, app.extensions[EXTENSION])
