"""What is kept of each request: its line in the log, and what it adds to the metrics."""

import logging
import re
import secrets
from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise
from time import perf_counter
from typing import Any, cast

import flask
import numpy as np
from flask import g, request
from numpy.typing import NDArray

from service import metrics
from service.errors import ServiceError
from service.parser import ARRIVED
from service.predictor import Stage

# Others' identifiers are taken where they can't break a line or fill the log.
REQUEST_ID = re.compile(r"[\w.:/+=@-]{1,128}", re.ASCII)
TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]{0,64})?")

NO_ROUTE = "none"

log = logging.getLogger("service.requests")


class Record:
    """One request, from its arrival to its answer. It observes the predictor."""

    def __init__(self, environ: Mapping[str, Any]) -> None:
        given = environ.get("HTTP_X_REQUEST_ID", "")
        self.id = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
        traceparent = environ.get("HTTP_TRACEPARENT", "")
        self.traceparent = traceparent if TRACEPARENT.fullmatch(traceparent) else None
        self.method, self.bytes = environ.get("REQUEST_METHOD"), environ.get("CONTENT_LENGTH", "")
        self.started = perf_counter()
        self.arrived: float = environ.get(ARRIVED, self.started)
        self.version: int | None = None
        self.pictures = 0
        self.answer: tuple[int, float] | None = None  # digit and confidence, of a single picture
        self._spans: defaultdict[Stage, list[tuple[float, float]]] = defaultdict(list)  # when each began and ended

    def reads(self, pictures: int) -> None:
        """Count picture files that are taken."""
        self._count(pictures)

    def stage(self, name: Stage) -> "_Span":
        """Measure a stage of a picture's way."""
        return _Span(self._spans[name])

    def predicted(self, version: int, probabilities: NDArray[np.float32]) -> None:
        """Note and count the answers to a batch, float32 (n, 10)."""
        self._count(len(probabilities) - self.pictures)
        metrics.count_answers(version, probabilities)
        if len(probabilities) == 1:
            self.answer = int(probabilities[0].argmax()), float(probabilities[0].max())

    def _count(self, pictures: int) -> None:
        """Count pictures taken: files where they are decoded, vectors where they are predicted."""
        if pictures > 0:
            self.pictures += pictures
            metrics.PICTURES_IN_FLIGHT.inc(pictures)

    def close(self, route: str, status: int) -> None:
        """Count the request and write its line."""
        answered = perf_counter()
        self.drop()
        for name, spans in self._spans.items():
            metrics.observe_all(metrics.stages[name], [end - start for start, end in spans])
        metrics.observe_all(metrics.stages["whole"], [answered - self.arrived])
        metrics.child(metrics.REQUESTS, route, status).inc()
        if self.version is not None:
            self._close_version(self.version, answered, status < 400)
        if log.isEnabledFor(logging.INFO):
            log.info("request", extra={"fields": self._fields(answered, route, status)})

    def drop(self) -> None:
        """Forget the request, before anything was predicted: another record is kept of it."""
        metrics.PICTURES_IN_FLIGHT.dec(self.pictures)

    def _close_version(self, version: int, answered: float, succeeded: bool) -> None:
        metrics.child(metrics.VERSION_REQUESTS, version, "success" if succeeded else "fail").inc()
        if not succeeded:
            metrics.child(metrics.VERSION_SECONDS, version, "fail").inc(answered - self.arrived)
            return
        predicting, predicted = self._spans.get("predict", [(self.started, self.started)])[-1]
        times = (self.arrived, self.started, predicting, predicted, answered)
        for part, (start, end) in zip(metrics.PARTS, pairwise(times), strict=True):
            metrics.child(metrics.VERSION_SECONDS, version, part).inc(end - start)

    def _fields(self, answered: float, route: str, status: int) -> dict[str, object]:
        digit, confidence = self.answer or (None, None)
        fields = {
            "method": self.method,
            "route": route,
            "status": status,
            "milliseconds": round((answered - self.arrived) * 1000, 3),
            "bytes": int(self.bytes) if self.bytes.isdecimal() else 0,
            "pictures": self.pictures or None,
            "version": self.version,
            "digit": digit,
            "confidence": confidence and round(confidence, 6),
            "id": self.id,
            "traceparent": self.traceparent,
        }
        return {name: value for name, value in fields.items() if value is not None}


class _Span:
    """Adds when it began and ended to others."""

    def __init__(self, spans: list[tuple[float, float]]) -> None:
        self._spans = spans

    def __enter__(self) -> None:
        self._start = perf_counter()

    def __exit__(self, *_: object) -> None:
        self._spans.append((self._start, perf_counter()))


def init_app(app: flask.Flask) -> None:
    """Keep a record of each request of an application."""
    app.before_request(_open)
    app.after_request(_close)


def current() -> Record:
    """Get the record of the current request."""
    return cast(Record, g.record)


def _open() -> None:
    g.record = Record(request.environ)


def _close(response: flask.Response) -> flask.Response:
    route = request.url_rule.rule if request.url_rule else NO_ROUTE
    response.headers["X-Request-ID"] = current().id
    current().close(route, response.status_code)
    return response


def refuse(error: ServiceError, environ: Mapping[str, Any]) -> str:
    """Record a request that is refused before the application sees it, or all that came of one; give its identifier."""
    record = Record(environ)
    metrics.REFUSED.labels(error.code).inc()
    record.close(NO_ROUTE, error.status)
    return record.id
