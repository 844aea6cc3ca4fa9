"""Around the framework: small requests of the most frequent kinds, those of a moment with one call of the model.

Whatever is rare, large or wrong is left to the application, whose views call the same functions. So all refusals come
from there, and the time that an answer takes here is bounded: the worker's loop gives it itself.
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
from service.api.open_inference import routes as open_inference
from service.api.open_inference.responses import Answer, Write
from service.api.security_headers import SECURITY
from service.api.tensorflow_serving import routes as tensorflow_serving
from service.errors import MalformedRequest, ServiceError
from service.inference.predictor import Predictor
from service.models.loading import Model
from service.models.repository import Repository
from service.models.store import NAME
from service.observability import metrics, request_log
from service.observability.request_log import Record
from service.preparation.finder import Finder
from service.server.http_parser import Request
from service.settings import Settings

MAX_BYTES = 16 * 2**10  # of a body
MAX_PICTURES = 4
MAX_PIXELS = 2**14  # of a picture; larger ones take longer than other requests may be kept waiting
LOG_EVERY_SECONDS = 60.0

# What the views see to, in a request that has these.
_LEFT = ("HTTP_CONTENT_ENCODING", "HTTP_ORIGIN")
_FORM = re.compile(r"multipart/form-data; ?boundary=(?P<boundary>[\w'()+,./:=?-]{1,70})", re.ASCII)

log = logging.getLogger(__name__)

Read = Callable[[bytes, Mapping[str, Any], Predictor], tuple[NDArray[np.float32], Write]]


class _Question(NamedTuple):
    """A request whose pictures are read."""

    record: Record
    route: str
    vectors: NDArray[np.float32]  # (n, 784)
    write: Write


class FastPath:
    """Answers what it can of an application's requests. One thread may use it."""

    def __init__(self, app: flask.Flask, digests: list[bytes]) -> None:
        """Take what an application serves, and the digests of its keys."""
        settings: Settings = app.extensions["settings"]
        self._limits = msgspec.structs.replace(
            settings,
            max_pixels=min(settings.max_pixels, MAX_PIXELS),
            max_files=min(settings.max_files, MAX_PICTURES),
            max_frames=1,
            max_digits=1,  # to count several takes longer, too: the views do
        )
        self._repository: Repository = app.extensions["repository"]
        self._finder: Finder = app.extensions["finder"]
        self._digests = digests
        self._next_log = 0.0
        urls = app.url_map.bind("")
        self._names: dict[str, str] = {path: urls.match(path, "POST", return_rule=True)[0].rule for path in READS}

    def takes(self, request: Request) -> bool:
        """Tell whether a request is one to be tried here."""
        environ = request.environ
        return (
            environ["PATH_INFO"] in READS
            and request.size <= MAX_BYTES
            and environ["REQUEST_METHOD"] == "POST"
            and not environ["QUERY_STRING"]
            and not any(name in environ for name in _LEFT)
        )

    def answer(self, requests: Sequence[Request]) -> list[Answer | None]:
        """Answer requests with 200, and keep their records; what is left to the application has None in its place."""
        try:
            model = self._repository.default()
            questions = [self._read(request, model) for request in requests]
            answers = iter(_answer([each for each in questions if each], model))
        except Exception as error:
            self._leave(error)
            return [None] * len(requests)
        return [next(answers) if each else None for each in questions]

    def _read(self, request: Request, model: Model) -> _Question | None:
        path, kept = request.environ["PATH_INFO"], Record(request.environ, shows=False)
        kept.version = model.version
        try:
            auth.check(request.environ, self._digests)
            predictor = Predictor(model, self._finder, self._limits, kept)
            return _Question(kept, self._names[path], *READS[path](request.body.getvalue(), request.environ, predictor))
        except Exception as error:
            self._leave(error)
            return None

    def _leave(self, error: Exception) -> None:
        """Leave a request to the application, which tells what it refuses; any other error is counted and logged."""
        if isinstance(error, ServiceError):
            return
        metrics.FAST_PATH_ERRORS.inc()
        if (now := monotonic()) >= self._next_log:
            self._next_log = now + LOG_EVERY_SECONDS
            log.error("The fast path failed, and left a request to the framework.", exc_info=error)


def _answer(questions: Sequence[_Question], model: Model) -> list[Answer]:
    if not questions:
        return []
    vectors = np.concatenate([each.vectors for each in questions])
    start = perf_counter()
    probabilities = model.predict(vectors)
    predicting = start, perf_counter()
    metrics.observe_all(metrics.stages["predict"], [predicting[1] - start])
    metrics.count_answers(model.version, probabilities)
    ends = [*accumulate(len(each.vectors) for each in questions)]
    rows = [probabilities[end - len(each.vectors) : end] for each, end in zip(questions, ends, strict=True)]
    answers = [_write(each, predicting, part) for each, part in zip(questions, rows, strict=True)]
    request_log.close([each.record for each in questions])
    return answers


def _write(question: _Question, predicting: request_log.Span, probabilities: NDArray[np.float32]) -> Answer:
    question.record.shares(predicting, probabilities)
    headers, body = question.write(probabilities)
    question.record.finish(question.route, 200)
    return {**headers, "X-Request-ID": question.record.id, **SECURITY}, body


def _read_picture(body: bytes, environ: Mapping[str, Any], predictor: Predictor) -> tuple[NDArray[np.float32], Write]:
    file = _read_file(body, environ.get("CONTENT_TYPE", ""))
    return predictor.prepare(file)[np.newaxis], lambda probabilities: _json(predictor.judge(probabilities)[0])


def _read_file(body: bytes, content_type: str) -> bytes:
    """Take the one picture file out of a body.

    Raises:
        ServiceError: there is none, or several, or they are sent in an unusual way.

    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind != requests.FORM:
        return requests.from_body(body, kind)
    if not (form := _FORM.fullmatch(content_type)) or not (files := multipart.split(body, form["boundary"].encode())):
        raise MalformedRequest("This is no plain form.")
    return requests.only(files)


def _read_instances(body: bytes, _: Mapping[str, Any], predictor: Predictor) -> tuple[NDArray[np.float32], Write]:
    vectors, form = tensorflow_serving.read_vectors(
        tensorflow_serving.decode(body, tensorflow_serving.PREDICT), predictor
    )
    return vectors, lambda probabilities: _json(form(probabilities.tolist()))


def _json(answer: object) -> Answer:
    return {"Content-Type": "application/json"}, msgspec.json.encode(answer)


READS: dict[str, Read] = {
    "/predict": _read_picture,
    f"/v1/models/{NAME}:predict": _read_instances,
    f"/v2/models/{NAME}/infer": open_inference.read,
}
