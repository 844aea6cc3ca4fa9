"""Errors as responses: one form for the views, the framework's errors and the parts of a batch."""

import logging

import flask
import msgspec
from werkzeug.exceptions import HTTPException

from service.errors import ServiceError
from service.observability import metrics, request_log

log = logging.getLogger("service.app")


class Failure(msgspec.Struct, frozen=True):
    """What is wrong, in the form of every error."""

    error: str
    code: str

    @classmethod
    def of(cls, error: ServiceError) -> "Failure":
        """Describe an error of this service."""
        return cls(str(error), error.code)


def init_app(app: flask.Flask) -> None:
    """Answer every error of an application in this form."""
    app.register_error_handler(ServiceError, _handle_service_error)
    app.register_error_handler(HTTPException, _handle_http_exception)
    app.register_error_handler(Exception, _handle_exception)


def reject_image(error: ServiceError) -> Failure:
    """Count an image of a batch that is rejected, and describe its error."""
    metrics.REJECTED.labels(error.code).inc()
    return Failure.of(error)


def json_response(answer: object, status: int = 200) -> flask.Response:
    """Answer with the JSON of `answer`: a msgspec struct, or what JSON knows."""
    return flask.Response(msgspec.json.encode(answer), status, content_type="application/json")


def _handle_service_error(error: ServiceError) -> flask.Response:
    metrics.REJECTED.labels(error.code).inc()
    response = json_response(Failure.of(error), error.status)
    response.headers.extend(error.headers)
    return response


def _handle_http_exception(error: HTTPException) -> flask.Response:
    """Answer an error of the framework, such as an unknown path, in the form of the service's own."""
    code = error.name.lower().replace(" ", "_")
    metrics.REJECTED.labels(code).inc()
    sentence = f"{flask.request.method} {flask.request.path}: {error.name.lower()}."
    response = json_response(Failure(sentence, code), error.code or 500)
    response.headers.extend((name, value) for name, value in error.get_headers() if name == "Allow")
    return response


def _handle_exception(error: Exception) -> flask.Response:
    log.exception("A request failed.", exc_info=error, extra={"fields": [{"id": request_log.current().id}]})
    return json_response(Failure("Something went wrong here; it is in the log.", ServiceError.code), 500)
