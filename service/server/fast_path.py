"""Answers small requests in the event loop, without Flask. Requests that arrive together are one batch of the model.

The fast path declines requests that are rare, large or wrong. The application's views answer these, so all errors come
from the views, and a batch keeps the loop for a limited time only. Both call the same functions.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from time import monotonic, perf_counter
from typing import Any, NamedTuple

import flask
import msgspec
import numpy as np
from numpy.typing import NDArray

from service.api import auth, multipart, requests
from service.api.components import components
from service.api.open_inference import routes as open_inference
from service.api.open_inference.responses import EncodedResponse, EncodeFn
from service.api.security_headers import SECURITY_HEADERS
from service.api.tensorflow_serving import routes as tensorflow_serving
from service.errors import MalformedRequest, ServiceError
from service.inference.predictor import Predictor
from service.models.loading import Model
from service.models.store import NAME
from service.observability import metrics, request_log
from service.observability.request_log import LogEntry
from service.server.http_parser import Request

MAX_BATCH_REQUESTS = 64
MAX_BODY_BYTES = 16 * 2**10
MAX_IMAGES = 4
MAX_PIXELS = 2**14  # of an image; larger images would keep other requests waiting for too long
LOG_INTERVAL_SECONDS = 60.0

# Requests with these headers are left to the views.
_DECLINED_HEADERS = ("HTTP_CONTENT_ENCODING", "HTTP_ORIGIN")
_FORM = re.compile(r"multipart/form-data; ?boundary=(?P<boundary>[\w'()+,./:=?-]{1,70})", re.ASCII)

log = logging.getLogger(__name__)

# Of the body, the WSGI environ and the predictor: returns vectors float32 (n, 784), and what encodes the response.
ParseFn = Callable[[bytes, Mapping[str, Any], Predictor], tuple[NDArray[np.float32], EncodeFn]]


class _ParsedRequest(NamedTuple):
    """A request whose images are prepared."""

    entry: LogEntry
    route: str
    vectors: NDArray[np.float32]  # (n, 784)
    encode: EncodeFn


class FastPath:
    """Answers small requests of an application. Only one thread may use it."""

    def __init__(self, app: flask.Flask) -> None:
        self._components = components(app)
        settings = self._components.settings
        self._limits = msgspec.structs.replace(
            settings,
            max_pixels=min(settings.max_pixels, MAX_PIXELS),
            max_files=min(settings.max_files, MAX_IMAGES),
            max_frames=1,
            max_digits=1,  # the views count the digits of an image with several, which takes longer
        )
        self._next_log = 0.0
        urls = app.url_map.bind("")
        self._routes: dict[str, str] = {path: urls.match(path, "POST", return_rule=True)[0].rule for path in PARSERS}

    def accepts(self, request: Request) -> bool:
        """Return whether to try a request here: it is a small POST to one of the paths, without anything unusual."""
        environ = request.environ
        return (
            environ["PATH_INFO"] in PARSERS
            and request.size <= MAX_BODY_BYTES
            and environ["REQUEST_METHOD"] == "POST"
            and not environ["QUERY_STRING"]
            and not any(name in environ for name in _DECLINED_HEADERS)
        )

    def handle(self, batch: Sequence[Request]) -> list[EncodedResponse | None]:
        """Return the headers and the body of each response 200, or None for a request that the views must answer."""
        try:
            model = self._components.repository.default()
            parsed_batch = [self._parse(request, model) for request in batch]
            responses = iter(_predict([parsed for parsed in parsed_batch if parsed], model))
        except Exception as error:
            self._count_error(error)
            return [None] * len(batch)
        return [next(responses) if parsed else None for parsed in parsed_batch]

    def _parse(self, request: Request, model: Model) -> _ParsedRequest | None:
        path, entry = request.environ["PATH_INFO"], LogEntry(request.environ, counts_in_flight=False)
        entry.on_model(model)
        try:
            auth.check_key(request.environ, self._components.key_digests)
            predictor = Predictor(model, self._components.finder, self._limits, entry)
            return _ParsedRequest(
                entry, self._routes[path], *PARSERS[path](request.body.getvalue(), request.environ, predictor)
            )
        except Exception as error:
            self._count_error(error)
            return None

    def _count_error(self, error: Exception) -> None:
        """Count and log an error, except a `ServiceError`, which the views raise again and answer."""
        if isinstance(error, ServiceError):
            return
        metrics.FAST_PATH_ERRORS.inc()
        if (now := monotonic()) >= self._next_log:
            self._next_log = now + LOG_INTERVAL_SECONDS
            log.error("The fast path failed, and left a request to the framework.", exc_info=error)


def create_fast_path(app: flask.Flask) -> FastPath | None:
    """Return the fast path of an application, or None if a setting turns it off."""
    return FastPath(app) if components(app).settings.fast_path else None


def _predict(batch: Sequence[_ParsedRequest], model: Model) -> list[EncodedResponse]:
    if not batch:
        return []
    vectors = np.concatenate([request.vectors for request in batch])
    start = perf_counter()
    probabilities = model.predict(vectors)
    interval = start, perf_counter()
    metrics.observe_all(metrics.stages["predict"], [interval[1] - start])
    metrics.count_predictions(model.version, probabilities)
    ends = accumulate(len(request.vectors) for request in batch)
    responses = [
        _encode(request, interval, probabilities[end - len(request.vectors) : end])
        for request, end in zip(batch, ends, strict=True)
    ]
    request_log.write_entries([request.entry for request in batch])
    return responses


def _encode(
    request: _ParsedRequest, interval: request_log.Interval, probabilities: NDArray[np.float32]
) -> EncodedResponse:
    request.entry.on_batched_predictions(interval, probabilities)
    headers, body = request.encode(probabilities)
    request.entry.on_response(request.route, 200)
    return {**headers, "X-Request-ID": request.entry.id, **SECURITY_HEADERS}, body


def _parse_image(body: bytes, environ: Mapping[str, Any], predictor: Predictor) -> tuple[NDArray[np.float32], EncodeFn]:
    file = _find_file(body, environ.get("CONTENT_TYPE", ""))
    return predictor.prepare(file)[np.newaxis], lambda probabilities: _json(predictor.to_predictions(probabilities)[0])


def _find_file(body: bytes, content_type: str) -> bytes:
    """Return the only image file of a body.

    Raises:
        ServiceError: there is no file, or several, or the body has an unusual form.

    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind != requests.FORM:
        return requests.image_from_body(body, kind)
    form = _FORM.fullmatch(content_type)
    files = form and multipart.split_plain_form(body, form["boundary"].encode())
    if not files:
        raise MalformedRequest("The fast path does not parse this form.")  # never sent: the views answer
    return requests.require_one(files)


def _parse_instances(body: bytes, _: Mapping[str, Any], predictor: Predictor) -> tuple[NDArray[np.float32], EncodeFn]:
    vectors, response_type = tensorflow_serving.read_vectors(
        tensorflow_serving.decode_message(body, tensorflow_serving.PREDICT_DECODER), predictor
    )
    return vectors, lambda probabilities: _json(response_type(probabilities.tolist()))


def _json(document: object) -> EncodedResponse:
    return {"Content-Type": "application/json"}, msgspec.json.encode(document)


PARSERS: dict[str, ParseFn] = {
    "/predict": _parse_image,
    f"/v1/models/{NAME}:predict": _parse_instances,
    f"/v2/models/{NAME}/infer": open_inference.parse_request,
}
