"""Around the framework: small requests of the most frequent kinds, answered by what their views call, in half the time.

Whatever is rare, large or wrong is left to the application. So all refusals come from there, and the time that an
answer takes here is bounded: the worker's loop gives it itself.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import flask
import msgspec

from service import keys
from service.errors import MalformedRequest
from service.headers import SECURITY
from service.parser import Request
from service.predictor import Predictor
from service.record import Record
from service.repository import Repository
from service.routes import multipart, openinference, tfserving, uploads
from service.settings import Settings
from service.versions import NAME

MAX_BYTES = 16 * 2**10  # of a body
MAX_PICTURES = 4
MAX_PIXELS = 2**14  # of a picture; larger ones take longer than other requests may be kept waiting

# What the views see to, in a request that has these.
_LEFT = ("HTTP_CONTENT_ENCODING", "HTTP_ORIGIN")

_FORM = re.compile(r"multipart/form-data; ?boundary=(?P<boundary>[\w'()+,./:=?-]{1,70})", re.ASCII)

Answer = tuple[dict[str, str], bytes]  # the headers, and the body
Route = Callable[[bytes, Mapping[str, Any], Predictor], Answer]


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
        )
        self._repository: Repository = app.extensions["repository"]
        self._digests = digests
        urls = app.url_map.bind("")
        self._names: dict[str, str] = {path: urls.match(path, "POST", return_rule=True)[0].rule for path in ROUTES}

    def answer(self, request: Request) -> Answer | None:
        """Answer a request with 200, and keep its record; or leave it to the application by None."""
        environ = request.environ
        route = ROUTES.get(environ["PATH_INFO"])
        if route is None or not _is_plain(request):
            return None
        record = Record(environ)
        try:
            headers, body = self._ask(route, request, record)
        except Exception:  # the application tells what it is
            record.drop()
            return None
        record.close(self._names[environ["PATH_INFO"]], 200)
        return {**headers, "X-Request-ID": record.id, **SECURITY}, body

    def _ask(self, route: Route, request: Request, record: Record) -> Answer:
        keys.check(request.environ, self._digests)
        model = self._repository.default()
        record.version = model.version
        return route(request.body.getvalue(), request.environ, Predictor(model, self._limits, record))


def _is_plain(request: Request) -> bool:
    environ = request.environ
    return (
        request.size <= MAX_BYTES
        and environ["REQUEST_METHOD"] == "POST"
        and not environ["QUERY_STRING"]
        and not any(name in environ for name in _LEFT)
    )


def _predict(body: bytes, environ: Mapping[str, Any], predictor: Predictor) -> Answer:
    vector = predictor.prepare(_read_image(body, environ.get("CONTENT_TYPE", "")))
    return _json(predictor.predict([vector])[0])


def _read_image(body: bytes, content_type: str) -> bytes:
    """Take the one picture file out of a body.

    Raises:
        ServiceError: there is none, or several, or they are sent in an unusual way.

    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind != uploads.FORM:
        return uploads.from_body(body, kind)
    if not (form := _FORM.fullmatch(content_type)) or not (files := multipart.split(body, form["boundary"].encode())):
        raise MalformedRequest("This is no plain form.")
    return uploads.only([file for _, file in files])


def _predict_instances(body: bytes, _: Mapping[str, Any], predictor: Predictor) -> Answer:
    return _json(tfserving.answer(tfserving.decode(body, tfserving.PREDICT), predictor))


def _json(answer: object) -> Answer:
    return {"Content-Type": "application/json"}, msgspec.json.encode(answer)


ROUTES: dict[str, Route] = {
    "/predict": _predict,
    f"/v1/models/{NAME}:predict": _predict_instances,
    f"/v2/models/{NAME}/infer": openinference.answer,
}
