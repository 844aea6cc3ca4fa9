"""The request log: one line for each request, and what the request adds to the metrics."""

import logging
import re
import secrets
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, cast, get_args

import flask
import numpy as np
from flask import g, request
from numpy.typing import NDArray

from service.errors import ServiceError
from service.inference.predictor import Stage
from service.models.loading import Model
from service.observability import metrics

# A client's identifiers are logged if they can't break a line or fill the log.
REQUEST_ID = re.compile(r"[\w.:/+=@-]{1,128}", re.ASCII)
TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]{0,64})?")

NO_ROUTE = "none"
LINES_PER_WRITE = 6  # a pipe keeps up to 4,096 bytes of one write together, whatever other processes write

Interval = tuple[float, float]  # start and end, by time.perf_counter()

log = logging.getLogger("service.requests")

ARRIVAL_KEY = "service.arrived"  # in an environ: when the last byte of the request arrived, by time.perf_counter()
RPC_KEY = "service.rpc"  # in an environ: the call of gRPC that the request was translated from


@dataclass
class Rpc:
    """A call of gRPC: the name of its method, and the model that answers it."""

    method: str
    model: Model | None = None


class LogEntry:
    """The entry of one request, from its arrival to its response. It is the instrumentation of the predictor."""

    def __init__(self, environ: Mapping[str, Any], counts_in_flight: bool = True) -> None:
        """Start the entry.

        Args:
            environ: the request's WSGI environ.
            counts_in_flight: whether the gauge of images in flight counts the images until the entry is written.

        """
        request_id = environ.get("HTTP_X_REQUEST_ID", "")
        self.id = request_id if REQUEST_ID.fullmatch(request_id) else secrets.token_hex(16)
        traceparent = environ.get("HTTP_TRACEPARENT", "")
        self.traceparent = traceparent if TRACEPARENT.fullmatch(traceparent) else None
        self.method, self.content_length = environ.get("REQUEST_METHOD"), environ.get("CONTENT_LENGTH", "")
        self.rpc: Rpc | None = environ.get(RPC_KEY)
        self.started = perf_counter()
        self.arrived: float = environ.get(ARRIVAL_KEY, self.started)
        self.version: int | None = None
        self.images = 0
        self.read_digits = 0  # by /read, in all images
        self.prediction: tuple[int, float] | None = None  # digit and confidence, if the request has one image
        self.route, self.status, self.answered = NO_ROUTE, 0, self.started
        self.intervals: defaultdict[Stage, list[Interval]] = defaultdict(list)
        self.batch_interval: Interval | None = None  # of a prediction together with other requests
        self.images_in_flight = 0
        self._counts_in_flight = counts_in_flight

    def on_model(self, model: Model) -> None:
        """Note the model that answers the request."""
        self.version = model.version
        if self.rpc:
            self.rpc.model = model

    def on_images(self, images: int) -> None:
        """Count images: files where they are decoded, vectors where they are predicted."""
        if images > 0:
            self.images += images
            if self._counts_in_flight:
                self.images_in_flight += images
                metrics.IMAGES_IN_FLIGHT.inc(images)

    def stage(self, name: Stage) -> "_Stopwatch":
        """Measure a stage of an image's preparation or prediction."""
        return _Stopwatch(self.intervals[name])

    def on_predictions(self, version: int, probabilities: NDArray[np.float32]) -> None:
        """Count the predictions of a batch, float32 (n, 10)."""
        self.on_images(len(probabilities) - self.images)
        metrics.count_predictions(version, probabilities)
        self._set_prediction(probabilities)

    def on_read_digits(self, version: int, probabilities: NDArray[np.float32]) -> None:
        """Count the digits read in one image, float32 (n, 10)."""
        self.read_digits += len(probabilities)
        metrics.DIGITS_PER_IMAGE.observe(len(probabilities))
        metrics.count_predictions(version, probabilities)

    def on_batched_predictions(self, interval: Interval, probabilities: NDArray[np.float32]) -> None:
        """Count this request's part of a batch, float32 (n, 10). The caller counts the batch in the metrics."""
        self.batch_interval = interval
        self.on_images(len(probabilities) - self.images)
        self._set_prediction(probabilities)

    def _set_prediction(self, probabilities: NDArray[np.float32]) -> None:
        if len(probabilities) == 1:
            confidence = max(row := probabilities[0].tolist())
            self.prediction = row.index(confidence), confidence

    def on_response(self, route: str, status: int) -> None:
        """Note the status of the response, and the time as the end of the request."""
        self.route, self.status, self.answered = route, status, perf_counter()

    def times(self) -> tuple[float, ...]:
        """Return when each of `metrics.REQUEST_PARTS` began, and when the last one ended."""
        predict = self.batch_interval or self.intervals.get("predict", [(self.started, self.started)])[-1]
        return self.arrived, self.started, *predict, self.answered

    def fields(self) -> dict[str, object]:
        """Return the fields of the line in the log."""
        digit, confidence = self.prediction or (None, None)
        fields = {
            "method": self.method,
            "rpc": self.rpc and self.rpc.method,
            "route": self.route,
            "status": self.status,
            "milliseconds": round((self.answered - self.arrived) * 1000, 3),
            "bytes": int(self.content_length) if self.content_length.isdecimal() else 0,
            "pictures": self.images or None,
            "version": self.version,
            "digits": self.read_digits or None,
            "digit": digit,
            "confidence": confidence and round(confidence, 6),
            "id": self.id,
            "traceparent": self.traceparent,
        }
        return {name: value for name, value in fields.items() if value is not None}


class _Stopwatch:
    """A context manager that adds its interval to a list."""

    def __init__(self, intervals: list[Interval]) -> None:
        self._intervals = intervals

    def __enter__(self) -> None:
        self._start = perf_counter()

    def __exit__(self, *_: object) -> None:
        self._intervals.append((self._start, perf_counter()))


def write_entries(entries: Sequence[LogEntry]) -> None:
    """Count requests in the metrics, and write their lines, once they have a response."""
    _count_requests(entries)
    for version in {entry.version for entry in entries if entry.version is not None}:
        _count_version(version, [entry for entry in entries if entry.version == version])
    if log.isEnabledFor(logging.INFO):
        fields = [entry.fields() for entry in entries]
        for start in range(0, len(fields), LINES_PER_WRITE):
            log.info("request", extra={"fields": fields[start : start + LINES_PER_WRITE]})


def _count_requests(entries: Sequence[LogEntry]) -> None:
    if images_in_flight := sum(entry.images_in_flight for entry in entries):
        metrics.IMAGES_IN_FLIGHT.dec(images_in_flight)
    for name in get_args(Stage):
        intervals = [interval for entry in entries if name in entry.intervals for interval in entry.intervals[name]]
        metrics.observe_all(metrics.stages[name], [end - start for start, end in intervals])
    seconds = [entry.answered - entry.arrived for entry in entries if entry.images]
    metrics.observe_all(metrics.stages["whole"], seconds)
    for (route, status), count in Counter((entry.route, entry.status) for entry in entries).items():
        metrics.child(metrics.REQUESTS, route, status).inc(count)


def _count_version(version: int, entries: Sequence[LogEntry]) -> None:
    succeeded = [entry.times() for entry in entries if entry.status < 400]
    failed = [entry.answered - entry.arrived for entry in entries if entry.status >= 400]
    for outcome, count in (("success", len(succeeded)), ("fail", len(failed))):
        if count:
            metrics.child(metrics.VERSION_REQUESTS, version, outcome).inc(count)
    if failed:
        metrics.child(metrics.VERSION_SECONDS, version, "fail").inc(sum(failed))
    if succeeded:
        for index, part in enumerate(metrics.REQUEST_PARTS):
            seconds = sum(times[index + 1] - times[index] for times in succeeded)
            metrics.child(metrics.VERSION_SECONDS, version, part).inc(seconds)


def init_app(app: flask.Flask) -> None:
    """Log each request of an application."""
    app.before_request(_start_entry)
    app.after_request(_write_entry)


def current() -> LogEntry:
    """Return the entry of the current request."""
    return cast(LogEntry, g.log_entry)


def _start_entry() -> None:
    g.log_entry = LogEntry(request.environ)


def _write_entry(response: flask.Response) -> flask.Response:
    entry = current()
    entry.on_response(request.url_rule.rule if request.url_rule else NO_ROUTE, response.status_code)
    write_entries([entry])
    response.headers["X-Request-ID"] = entry.id
    return response


def log_rejection(error: ServiceError, environ: Mapping[str, Any]) -> str:
    """Count and log a request that the server rejects before the application sees it, and return its identifier.

    Args:
        error: the reason.
        environ: the request's WSGI environ, which is empty if the request did not arrive whole.

    """
    entry = LogEntry(environ)
    metrics.REJECTED.labels(error.code).inc()
    entry.on_response(NO_ROUTE, error.status)
    write_entries([entry])
    return entry.id
