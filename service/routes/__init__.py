"""The HTTP surface, one module for each part of it. A route does HTTP and nothing else."""

from typing import cast

import flask
import msgspec

from service.errors import ServiceError
from service.predictor import Predictor


class Failure(msgspec.Struct, frozen=True):
    """What is wrong, in the form of every error."""

    error: str
    code: str

    @classmethod
    def of(cls, error: ServiceError) -> "Failure":
        """Describe an error of this service."""
        return cls(str(error), error.code)


def predictor() -> Predictor:
    """Get the predictor of the application that answers the current request."""
    return cast(Predictor, flask.current_app.extensions["predictor"])


def json_response(answer: object, status: int = 200) -> flask.Response:
    """Answer with the JSON of `answer`: a msgspec struct, or what JSON knows."""
    return flask.Response(msgspec.json.encode(answer), status, content_type="application/json")
