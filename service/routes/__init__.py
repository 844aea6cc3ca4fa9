"""The HTTP surface, one module for each part of it. A route does HTTP and nothing else."""

from typing import cast

import flask
import msgspec

from service import metrics, record
from service.errors import ServiceError, TooLarge
from service.finder import Finder
from service.models import Model
from service.predictor import Predictor
from service.repository import Repository
from service.settings import Settings


class Failure(msgspec.Struct, frozen=True):
    """What is wrong, in the form of every error."""

    error: str
    code: str

    @classmethod
    def of(cls, error: ServiceError) -> "Failure":
        """Describe an error of this service."""
        return cls(str(error), error.code)


def refuse(error: ServiceError) -> Failure:
    """Count a picture of a batch that is refused, and describe its error."""
    metrics.REFUSED.labels(error.code).inc()
    return Failure.of(error)


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
    record.current().version = model.version
    finder = cast(Finder, flask.current_app.extensions["finder"])
    return Predictor(model, finder, settings(), record.current())


def json_response(answer: object, status: int = 200) -> flask.Response:
    """Answer with the JSON of `answer`: a msgspec struct, or what JSON knows."""
    return flask.Response(msgspec.json.encode(answer), status, content_type="application/json")


def check_count(pictures: int, limit: int) -> None:
    """See that a request has no more pictures than are read.

    Raises:
        TooLarge: it has.

    """
    if pictures > limit:
        raise TooLarge(f"The request has {pictures} pictures: at most {limit} are read.")
