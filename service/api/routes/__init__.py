"""The routes, one module for each part of the API, and what their views share. A view does HTTP and nothing else."""

from service.api.components import components
from service.errors import TooLarge
from service.inference.predictor import Predictor
from service.models.loading import Model
from service.models.repository import Repository
from service.observability import request_log
from service.settings import Settings


def settings() -> Settings:
    """Return the settings of the application that answers the current request."""
    return components().settings


def repository() -> Repository:
    """Return the versions of the application that answers the current request."""
    return components().repository


def create_predictor(model: Model | None = None) -> Predictor:
    """Return a predictor of a model, or of the default version at this moment. Call it once for each request.

    Raises:
        ModelError: no version can be served.

    """
    model = model or repository().default()
    request_log.current().on_model(model)
    return Predictor(model, components().finder, settings(), request_log.current())


def check_count(count: int, limit: int) -> None:
    """Check that a request does not have more images than the limit.

    Raises:
        TooLarge: it has more.

    """
    if count > limit:
        raise TooLarge(f"The request has {count} images: at most {limit} are read.")
