"""What is kept of each request: its line in the log, and what it adds to the metrics."""

import logging
import re
import secrets
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any, cast, get_args

import flask
import numpy as np
from flask import g, request
from numpy.typing import NDArray

from service.errors import ServiceError
from service.inference.predictor import Stage
from service.observability import metrics

# Others' identifiers are taken where they can't break a line or fill the log.
REQUEST_ID = re.compile(r"[\w.:/+=@-]{1,128}", re.ASCII)
TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]{0,64})?")

NO_ROUTE = "none"
LINES = 6  # of the log, written together: a pipe takes 4096 bytes of one process without those of another between them

Span = tuple[float, float]  # when something began and ended, by time.perf_counter()

log = logging.getLogger("service.requests")

ARRIVED = "service.arrived"  # in an environ: when the request was whole, by time.perf_counter()


class Record:
    """One request, from its arrival to its answer. It observes the predictor."""

    def __init__(self, environ: Mapping[str, Any], shows: bool = True) -> None:
        """Open it.

        Args:
            environ: the request's WSGI environ.
            shows: its pictures are counted as in flight, until it is closed.

        """
        given = environ.get("HTTP_X_REQUEST_ID", "")
        self.id = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
        traceparent = environ.get("HTTP_TRACEPARENT", "")
        self.traceparent = traceparent if TRACEPARENT.fullmatch(traceparent) else None
        self.method, self.bytes = environ.get("REQUEST_METHOD"), environ.get("CONTENT_LENGTH", "")
        self.started = perf_counter()
        self.arrived: float = environ.get(ARRIVED, self.started)
        self.version: int | None = None
        self.pictures = 0
        self.digits = 0  # read in pictures of several
        self.answer: tuple[int, float] | None = None  # digit and confidence, of a single picture
        self.route, self.status, self.answered = NO_ROUTE, 0, self.started
        self.spans: defaultdict[Stage, list[Span]] = defaultdict(list)
        self.predicting: Span | None = None  # if that was together with others, which is counted there
        self.in_flight = 0
        self._shows = shows

    def reads(self, pictures: int) -> None:
        """Count picture files that are taken."""
        self._count(pictures)

    def stage(self, name: Stage) -> "_Stopwatch":
        """Measure a stage of a picture's way."""
        return _Stopwatch(self.spans[name])

    def predicted(self, version: int, probabilities: NDArray[np.float32]) -> None:
        """Note and count the answers to a batch, float32 (n, 10)."""
        self._count(len(probabilities) - self.pictures)
        metrics.count_answers(version, probabilities)
        self._note(probabilities)

    def read(self, version: int, probabilities: NDArray[np.float32]) -> None:
        """Note and count the digits read in one picture, float32 (n, 10)."""
        self.digits += len(probabilities)
        metrics.DIGITS_PER_PICTURE.observe(len(probabilities))
        metrics.count_answers(version, probabilities)

    def shares(self, predicting: Span, probabilities: NDArray[np.float32]) -> None:
        """Note answers float32 (n, 10) that are part of a batch with others."""
        self.predicting = predicting
        self._count(len(probabilities) - self.pictures)
        self._note(probabilities)

    def _note(self, probabilities: NDArray[np.float32]) -> None:
        if len(probabilities) == 1:
            confidence = max(row := probabilities[0].tolist())
            self.answer = row.index(confidence), confidence

    def _count(self, pictures: int) -> None:
        """Count pictures taken: files where they are decoded, vectors where they are predicted."""
        if pictures > 0:
            self.pictures += pictures
            if self._shows:
                self.in_flight += pictures
                metrics.PICTURES_IN_FLIGHT.inc(pictures)

    def close(self, route: str, status: int) -> None:
        """Count the request and write its line."""
        self.finish(route, status)
        close([self])

    def finish(self, route: str, status: int) -> None:
        """Note how the request was answered, and when: now."""
        self.route, self.status, self.answered = route, status, perf_counter()

    def times(self) -> tuple[float, ...]:
        """Give when each of the parts of the request began, and when the last ended, as `metrics.PARTS` has them."""
        predicting = self.predicting or self.spans.get("predict", [(self.started, self.started)])[-1]
        return self.arrived, self.started, *predicting, self.answered

    def fields(self) -> dict[str, object]:
        """Give what the log's line says."""
        digit, confidence = self.answer or (None, None)
        fields = {
            "method": self.method,
            "route": self.route,
            "status": self.status,
            "milliseconds": round((self.answered - self.arrived) * 1000, 3),
            "bytes": int(self.bytes) if self.bytes.isdecimal() else 0,
            "pictures": self.pictures or None,
            "version": self.version,
            "digits": self.digits or None,
            "digit": digit,
            "confidence": confidence and round(confidence, 6),
            "id": self.id,
            "traceparent": self.traceparent,
        }
        return {name: value for name, value in fields.items() if value is not None}


class _Stopwatch:
    """Adds when it began and ended to others."""

    def __init__(self, spans: list[Span]) -> None:
        self._spans = spans

    def __enter__(self) -> None:
        self._start = perf_counter()

    def __exit__(self, *_: object) -> None:
        self._spans.append((self._start, perf_counter()))


def close(records: Sequence[Record]) -> None:
    """Count requests that are finished, and write their lines."""
    if shown := sum(record.in_flight for record in records):
        metrics.PICTURES_IN_FLIGHT.dec(shown)
    for name in get_args(Stage):
        spans = [span for record in records if name in record.spans for span in record.spans[name]]
        metrics.observe_all(metrics.stages[name], [end - start for start, end in spans])
    whole = [record.answered - record.arrived for record in records if record.pictures]
    metrics.observe_all(metrics.stages["whole"], whole)
    for (route, status), count in Counter((record.route, record.status) for record in records).items():
        metrics.child(metrics.REQUESTS, route, status).inc(count)
    for version in {record.version for record in records if record.version is not None}:
        _close_version(version, [record for record in records if record.version == version])
    if log.isEnabledFor(logging.INFO):
        fields = [record.fields() for record in records]
        for start in range(0, len(fields), LINES):
            log.info("request", extra={"fields": fields[start : start + LINES]})


def _close_version(version: int, records: Sequence[Record]) -> None:
    succeeded = [record.times() for record in records if record.status < 400]
    failed = [record.answered - record.arrived for record in records if record.status >= 400]
    for outcome, number in (("success", len(succeeded)), ("fail", len(failed))):
        if number:
            metrics.child(metrics.VERSION_REQUESTS, version, outcome).inc(number)
    if failed:
        metrics.child(metrics.VERSION_SECONDS, version, "fail").inc(sum(failed))
    for place, part in enumerate(metrics.PARTS):
        if succeeded:
            metrics.child(metrics.VERSION_SECONDS, version, part).inc(sum(t[place + 1] - t[place] for t in succeeded))


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
    metrics.REJECTED.labels(error.code).inc()
    record.close(NO_ROUTE, error.status)
    return record.id
