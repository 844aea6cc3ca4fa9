"""The HTTP surface, one module for each part of it. A route does HTTP and nothing else."""

from typing import cast

import flask

from service.errors import TooLarge
from service.inference.predictor import Predictor
from service.models.loading import Model
from service.models.repository import Repository
from service.observability import request_log
from service.preparation.finder import Finder
from service.settings import Settings


def settings() -> Settings:
    """Get the settings of the application that answers the current request."""
    return cast(Settings, flask.current_app.extensions["settings"])


def repository() -> Repository:
    """Get the versions of the application that answers the current request."""
    return cast(Repository, flask.current_app.extensions["repository"])


def predictor(model: Model | None = None) -> Predictor:
    """Make a predictor of a model, or of the version that is the default now: ask once a request.

    Raises:
        ModelError: no version can be served.

    """
    model = model or repository().default()
    request_log.current().version = model.version
    finder = cast(Finder, flask.current_app.extensions["finder"])
    return Predictor(model, finder, settings(), request_log.current())


def check_count(pictures: int, limit: int) -> None:
    """See that a request has no more pictures than are read.

    Raises:
        TooLarge: it has.

    """
    if pictures > limit:
        raise TooLarge(f"The request has {pictures} pictures: at most {limit} are read.")
