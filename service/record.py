"""What is kept of each request: its line in the log, and what it adds to the metrics."""

import logging
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
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
from service.predictor import Stage, Surround

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
        self.predicting = self.predicted_at = self.started
        self.version: int | None = None
        self.pictures = 0
        self.answer: tuple[int, float] | None = None  # digit and confidence, of a single picture

    def stage(self, name: Stage) -> AbstractContextManager[object]:
        """Measure a stage of a picture's way."""
        if name == "predict":
            return self._predict()
        if name == "decode":
            self._count(1)
        return metrics.stages[name].time()

    @contextmanager
    def stages(self, pictures: int) -> Iterator[Surround]:
        """Measure the stages of many pictures, and count them all at once."""
        self._count(pictures)
        seconds: dict[Stage, list[float]] = {"decode": [], "prepare": []}
        yield lambda name: _Stopwatch(seconds[name])
        for name, times in seconds.items():
            metrics.observe_all(metrics.stages[name], times)

    @contextmanager
    def _predict(self) -> Iterator[None]:
        self.predicting = perf_counter()
        yield
        self.predicted_at = perf_counter()
        metrics.stages["predict"].observe(self.predicted_at - self.predicting)

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
        metrics.PICTURES_IN_FLIGHT.dec(self.pictures)
        metrics.stages["whole"].observe(answered - self.arrived)
        metrics.REQUESTS.labels(route, status).inc()
        if self.version is not None:
            self._close_version(self.version, answered, status < 400)
        if log.isEnabledFor(logging.INFO):
            log.info("request", extra={"fields": self._fields(answered, route, status)})

    def _close_version(self, version: int, answered: float, succeeded: bool) -> None:
        metrics.VERSION_REQUESTS.labels(version, "success" if succeeded else "fail").inc()
        if not succeeded:
            metrics.VERSION_SECONDS.labels(version, "fail").inc(answered - self.arrived)
            return
        times = (self.arrived, self.started, self.predicting, self.predicted_at, answered)
        for part, (start, end) in zip(metrics.PARTS, pairwise(times), strict=True):
            metrics.VERSION_SECONDS.labels(version, part).inc(end - start)

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


class _Stopwatch:
    """Adds the seconds that pass within it to those of others."""

    def __init__(self, seconds: list[float]) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        self._start = perf_counter()

    def __exit__(self, *_: object) -> None:
        self._seconds.append(perf_counter() - self._start)


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
