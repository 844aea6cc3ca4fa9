"""Errors as responses: one form for the views, the framework's errors and the images of a batch."""

import logging
from collections.abc import Iterable

import flask
import msgspec
from werkzeug.exceptions import HTTPException

from service.errors import InternalError, ServiceError
from service.inference.schemas import ErrorResponse
from service.observability import metrics, request_log

log = logging.getLogger("service.app")


def init_app(app: flask.Flask) -> None:
    """Answer every error of an application with an `ErrorResponse`."""
    app.register_error_handler(ServiceError, _handle_service_error)
    app.register_error_handler(HTTPException, _handle_http_exception)
    app.register_error_handler(Exception, _handle_exception)


def to_batch_items(outcomes: Iterable[msgspec.Struct | ServiceError]) -> list[msgspec.Struct]:
    """Return the outcomes of a batch with a response in place of each error. Count the rejected images."""
    return [_reject(outcome) if isinstance(outcome, ServiceError) else outcome for outcome in outcomes]


def json_response(document: object, status: int = 200) -> flask.Response:
    """Return a response whose body is the JSON of `document`, which is a struct or a type that JSON has."""
    return flask.Response(msgspec.json.encode(document), status, content_type="application/json")


def _reject(error: ServiceError) -> ErrorResponse:
    metrics.REJECTED.labels(error.code).inc()
    return ErrorResponse.of(error)


def _handle_service_error(error: ServiceError) -> flask.Response:
    response = json_response(_reject(error), error.status)
    response.headers.extend(error.headers)
    return response


def _handle_http_exception(error: HTTPException) -> flask.Response:
    """Answer an error of the framework, such as an unknown path, in the form of the service's errors."""
    code = error.name.lower().replace(" ", "_")
    metrics.REJECTED.labels(code).inc()
    sentence = f"{flask.request.method} {flask.request.path}: {error.name.lower()}."
    response = json_response(ErrorResponse(sentence, code), error.code or 500)
    response.headers.extend((name, value) for name, value in error.get_headers() if name == "Allow")
    return response


def _handle_exception(error: Exception) -> flask.Response:
    log.exception("A request failed.", exc_info=error, extra={"fields": [{"id": request_log.current().id}]})
    return json_response(ErrorResponse.of(InternalError()), InternalError.status)
