"""Small requests around the framework: answered as the views answer them, or left to those."""

import base64
import json
import re
import time

import flask
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from service.app import create_app
from service.server import fast_path as fast_path_module
from service.server import responses
from service.server.fast_path import MAX_BYTES, FastPath
from service.server.http_parser import Request, RequestParser
from service.settings import Settings
from tests.conftest import SEVEN, multipart, png

DIGIT = SEVEN.read_bytes()
PIXELS = (np.asarray(Image.open(SEVEN)) / 255).round(4)
SEVENS = png(np.tile(np.asarray(Image.open(SEVEN)), (1, 2)))
LENGTH = "Inference-Header-Content-Length"
ENVIRON = {"wsgi.url_scheme": "http", "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SCRIPT_NAME": ""}
KEY = "a-key"
ERRORS = "mnist_fast_path_errors_total{}"


@pytest.fixture(scope="module")
def app() -> flask.Flask:
    return create_app(Settings())


@pytest.fixture(scope="module")
def fast_path(app: flask.Flask) -> FastPath:
    fast_path = app.extensions["fast_path"]
    assert isinstance(fast_path, FastPath)
    return fast_path


def request(path: str, body: bytes, headers: dict[str, str], method: str = "POST") -> Request:
    parser = RequestParser(ENVIRON, 10**7)
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", "X-Request-ID: same"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    parser.feed("\r\n".join([*lines, "", ""]).encode() + body)
    return parser.requests.popleft()


def v1(*instances: object, **more: object) -> bytes:
    return json.dumps({"instances": instances, **more}).encode()


def v2(data: object, shape: list[int], datatype: str, **more: object) -> bytes:
    given = {"name": "image", "shape": shape, "datatype": datatype, "data": data}
    return json.dumps({"inputs": [given], **more}).encode()


def raw(pixels: bytes, shape: list[int]) -> tuple[bytes, dict[str, str]]:
    given = {"name": "image", "shape": shape, "datatype": "UINT8", "parameters": {"binary_data_size": len(pixels)}}
    document = json.dumps({"inputs": [given], "parameters": {"binary_data_output": True}}).encode()
    return document + pixels, {LENGTH: str(len(document))}


FILE = base64.b64encode(DIGIT).decode()
V1, V2 = "/v1/models/mnist:predict", "/v2/models/mnist/infer"
QUICK: list[tuple[str, bytes, dict[str, str]]] = [
    ("/predict", DIGIT, {"Content-Type": "image/png"}),
    ("/predict", DIGIT, {}),
    ("/predict", DIGIT, {"Content-Type": "Application/Octet-Stream; a=b"}),
    ("/predict", *multipart(("seven.png", DIGIT))),
    ("/predict", json.dumps({"image": FILE}).encode(), {"Content-Type": "application/json"}),
    (V1, v1(PIXELS.ravel().tolist()), {}),
    (V1, v1({"b64": FILE}, PIXELS.tolist()), {"Content-Type": "text/plain"}),
    (V1, json.dumps({"inputs": {"image": [{"b64": FILE}]}}).encode(), {}),
    (V2, v2(PIXELS.ravel().tolist(), [1, 784], "FP32", id="7"), {}),
    (V2, v2([FILE, FILE], [2], "BYTES"), {"Accept-Encoding": "gzip"}),
    (V2, *raw(np.asarray(Image.open(SEVEN)).tobytes(), [1, 28, 28])),
]  # fmt: skip


def without_date(answer: bytes) -> bytes:
    return re.sub(rb"\r\nDate: [^\r]*", b"", answer)


def parts(answer: bytes) -> tuple[set[bytes], bytes]:
    head, _, body = without_date(answer).partition(b"\r\n\r\n")
    return set(head.split(b"\r\n")), body


@pytest.mark.parametrize(("path", "body", "headers"), QUICK)
def test_answers_are_those_of_the_views_to_the_byte(
    app: flask.Flask, fast_path: FastPath, path: str, body: bytes, headers: dict[str, str]
) -> None:
    asked = request(path, body, headers)
    (answer,) = fast_path.answer([asked])
    assert answer
    assert parts(responses.success(*answer, asked)) == parts(responses.answer(app, request(path, body, headers)))


def test_requests_of_a_moment_are_answered_each_as_alone(fast_path: FastPath) -> None:
    bad: tuple[str, bytes, dict[str, str]] = ("/predict", b"no picture", {})
    together = fast_path.answer([request(*each) for each in [bad, *QUICK, bad, *QUICK]])
    alone = [fast_path.answer([request(*each)])[0] for each in [bad, *QUICK]]
    assert together == alone * 2


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/predict", b"", {}),
        ("/predict", b"no picture", {}),
        ("/predict", bytes(MAX_BYTES + 1), {}),
        ("/predict", png(np.eye(300, dtype=np.uint8) * 255), {}),  # more pixels
        ("/predict", SEVENS, {}),
        ("/predict?prepare=none", DIGIT, {}),
        ("/read", DIGIT, {}),
        ("/predict", DIGIT, {"Content-Type": "text/plain"}),
        ("/predict", DIGIT, {"Origin": "https://page.example"}),
        ("/predict", *multipart(("a.png", DIGIT), ("b.png", DIGIT))),
        ("/predict", b"--x--", {"Content-Type": "multipart/form-data; boundary=x"}),
        ("/predict", b"", {"Content-Type": "multipart/form-data"}),
        ("/predict", multipart(("a.png", DIGIT))[0], {"Content-Type": "multipart/form-data; boundary=other"}),
        ("/predict/batch", *multipart(("a.png", DIGIT))),
        (V1, v1(*[{"b64": FILE}] * 5), {}),  # more pictures
        (V1, v1({"b64": FILE}, {"b64": base64.b64encode(SEVENS).decode()}), {}),
        (V1, v1([1, 2]), {}),
        (V1, v1({"b64": FILE}, signature_name="other"), {}),
        (V1, v1({"b64": FILE}), {"Content-Encoding": "identity"}),
        ("/v1/models/mnist/versions/1:predict", v1({"b64": FILE}), {}),
        (V2, v2([FILE], [2], "BYTES"), {}),
        (V2, b"{", {}),
        (V2, b"", {LENGTH: "-1"}),
    ],
)
def test_what_is_rare_large_or_wrong_is_left_to_the_views_and_not_counted(
    fast_path: FastPath, path: str, body: bytes, headers: dict[str, str]
) -> None:
    before = counts()
    asked = request(path, body, headers)
    assert not fast_path.takes(asked) or fast_path.answer([asked]) == [None]
    assert counts() == before


def test_what_fails_is_counted_and_logged_once_a_minute_and_left_to_the_views(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(Settings())
    broken = FastPath(app, [])
    monkeypatch.setattr(broken, "_finder", None)
    monkeypatch.setattr(fast_path_module, "LOG_EVERY_SECONDS", 0.5)
    before = counts()[ERRORS]
    large = png(np.asarray(Image.open(SEVEN).resize((100, 100))))
    asked = [request("/predict", large, {}), request("/predict", DIGIT, {}), request("/predict", b"no picture", {})]
    for pause in (0.0, 0.0, 0.6):
        time.sleep(pause)
        assert [answer is not None for answer in broken.answer(asked)] == [False, True, False]
    assert counts()[ERRORS] == before + 3
    assert [record.getMessage() for record in caplog.records if record.exc_info] == [
        "The fast path failed, and left a request to the framework."
    ] * 2
    assert "AttributeError" in caplog.text
    assert json.loads(responses.answer(app, request("/predict", large, {})).partition(b"\r\n\r\n")[2])["digit"] == 7


def test_other_methods_are_left_to_the_views(fast_path: FastPath) -> None:
    for method in ("GET", "HEAD", "OPTIONS", "PUT"):
        assert not fast_path.takes(request("/predict", DIGIT, {}, method))


def test_keys_are_asked_for() -> None:
    fast_path = create_app(Settings(api_keys=KEY)).extensions["fast_path"]
    brought: list[dict[str, str]] = [
        {},
        {"X-API-Key": "another"},
        {"X-API-Key": KEY},
        {"Authorization": f"Bearer {KEY}"},
    ]
    answers_ = fast_path.answer([request("/predict", DIGIT, headers) for headers in brought])
    assert [answer is not None for answer in answers_] == [False, False, True, True]


def test_it_can_be_turned_off() -> None:
    assert create_app(Settings(fast_path=False)).extensions["fast_path"] is None


@given(st.sampled_from(QUICK), st.data())
def test_damaged_requests_are_answered_as_the_views_do_or_left_to_them(
    app: flask.Flask, fast_path: FastPath, sent: tuple[str, bytes, dict[str, str]], data: st.DataObject
) -> None:
    path, body, headers = sent
    start = data.draw(st.integers(0, len(body)))
    damaged = body[:start] + data.draw(st.binary(max_size=8)) + body[start + data.draw(st.integers(0, 8)) :]
    asked, errors = request(path, damaged, headers), counts()[ERRORS]
    (answer,) = fast_path.answer([asked])
    assert counts()[ERRORS] == errors
    if answer:
        assert parts(responses.success(*answer, asked)) == parts(responses.answer(app, request(path, damaged, headers)))


def counts() -> dict[str, float]:
    """Give all counts of this process."""
    from prometheus_client import REGISTRY

    return {
        f"{sample.name}{sample.labels}": sample.value
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name.startswith("mnist_") and not sample.name.endswith("_created")
    }
