"""The fast path answers small requests as the views do, or leaves them to the views."""

import base64
import json
import re
import time
from dataclasses import replace
from typing import cast

import flask
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from service.api.components import components
from service.app import create_app
from service.preparation.finder import Finder
from service.server import fast_path as fast_path_module
from service.server import responses
from service.server.fast_path import MAX_BODY_BYTES, FastPath, create_fast_path
from service.server.http_parser import Request, RequestParser
from service.settings import Settings
from tests.support.images import multipart, png
from tests.support.paths import SEVEN

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
    return FastPath(app)


def request(path: str, body: bytes, headers: dict[str, str], method: str = "POST") -> Request:
    parser = RequestParser(ENVIRON, 10**7)
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", "X-Request-ID: same"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    parser.feed("\r\n".join([*lines, "", ""]).encode() + body)
    return parser.requests.popleft()


def v1(*instances: object, **more: object) -> bytes:
    return json.dumps({"instances": instances, **more}).encode()


def v2(data: object, shape: list[int], datatype: str, **more: object) -> bytes:
    tensor = {"name": "image", "shape": shape, "datatype": datatype, "data": data}
    return json.dumps({"inputs": [tensor], **more}).encode()


def raw(pixels: bytes, shape: list[int]) -> tuple[bytes, dict[str, str]]:
    tensor = {"name": "image", "shape": shape, "datatype": "UINT8", "parameters": {"binary_data_size": len(pixels)}}
    document = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
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


def without_date(response: bytes) -> bytes:
    return re.sub(rb"\r\nDate: [^\r]*", b"", response)


def parts(response: bytes) -> tuple[set[bytes], bytes]:
    head, _, body = without_date(response).partition(b"\r\n\r\n")
    return set(head.split(b"\r\n")), body


@pytest.mark.parametrize(("path", "body", "headers"), QUICK)
def test_responses_are_those_of_the_views_to_the_byte(
    app: flask.Flask, fast_path: FastPath, path: str, body: bytes, headers: dict[str, str]
) -> None:
    parsed = request(path, body, headers)
    (response,) = fast_path.handle([parsed])
    assert response
    assert parts(responses.ok(*response, parsed)) == parts(
        responses.from_application(app, request(path, body, headers))
    )


def test_requests_of_a_batch_are_answered_as_single_ones(fast_path: FastPath) -> None:
    bad: tuple[str, bytes, dict[str, str]] = ("/predict", b"no picture", {})
    together = fast_path.handle([request(*arguments) for arguments in [bad, *QUICK, bad, *QUICK]])
    alone = [fast_path.handle([request(*arguments)])[0] for arguments in [bad, *QUICK]]
    assert together == alone * 2


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/predict", b"", {}),
        ("/predict", b"no picture", {}),
        ("/predict", bytes(MAX_BODY_BYTES + 1), {}),
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
        (V1, v1(*[{"b64": FILE}] * 5), {}),  # more images
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
def test_rare_large_and_wrong_requests_are_left_to_the_views_and_not_counted(
    fast_path: FastPath, path: str, body: bytes, headers: dict[str, str]
) -> None:
    before = counts()
    parsed = request(path, body, headers)
    assert not fast_path.accepts(parsed) or fast_path.handle([parsed]) == [None]
    assert counts() == before


def test_failures_are_counted_logged_once_a_minute_and_left_to_the_views(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(Settings())
    broken, no_finder = FastPath(app), cast(Finder, None)
    monkeypatch.setattr(broken, "_components", replace(components(app), finder=no_finder))
    monkeypatch.setattr(fast_path_module, "LOG_INTERVAL_SECONDS", 0.5)
    before = counts()[ERRORS]
    large = png(np.asarray(Image.open(SEVEN).resize((100, 100))))
    batch = [request("/predict", large, {}), request("/predict", DIGIT, {}), request("/predict", b"no picture", {})]
    for pause in (0.0, 0.0, 0.6):
        time.sleep(pause)
        assert [response is not None for response in broken.handle(batch)] == [False, True, False]
    assert counts()[ERRORS] == before + 3
    assert [record.getMessage() for record in caplog.records if record.exc_info] == [
        "The fast path failed, and left a request to the framework."
    ] * 2
    assert "AttributeError" in caplog.text
    _, body = parts(responses.from_application(app, request("/predict", large, {})))
    assert json.loads(body)["digit"] == 7


def test_other_methods_are_left_to_the_views(fast_path: FastPath) -> None:
    for method in ("GET", "HEAD", "OPTIONS", "PUT"):
        assert not fast_path.accepts(request("/predict", DIGIT, {}, method))


def test_requests_without_a_key_are_left_to_the_views() -> None:
    fast_path = FastPath(create_app(Settings(api_keys=KEY)))
    keys: list[dict[str, str]] = [
        {},
        {"X-API-Key": "another"},
        {"X-API-Key": KEY},
        {"Authorization": f"Bearer {KEY}"},
    ]
    handled = fast_path.handle([request("/predict", DIGIT, headers) for headers in keys])
    assert [response is not None for response in handled] == [False, False, True, True]


def test_it_can_be_turned_off() -> None:
    assert create_fast_path(create_app(Settings(fast_path=False))) is None


@given(st.sampled_from(QUICK), st.data())
def test_damaged_requests_are_answered_as_the_views_do_or_left_to_them(
    app: flask.Flask, fast_path: FastPath, quick: tuple[str, bytes, dict[str, str]], data: st.DataObject
) -> None:
    path, body, headers = quick
    start = data.draw(st.integers(0, len(body)))
    damaged = body[:start] + data.draw(st.binary(max_size=8)) + body[start + data.draw(st.integers(0, 8)) :]
    parsed, errors = request(path, damaged, headers), counts()[ERRORS]
    (response,) = fast_path.handle([parsed])
    assert counts()[ERRORS] == errors
    if response:
        assert parts(responses.ok(*response, parsed)) == parts(
            responses.from_application(app, request(path, damaged, headers))
        )


def counts() -> dict[str, float]:
    """Return all counts of this process."""
    from prometheus_client import REGISTRY

    return {
        f"{sample.name}{sample.labels}": sample.value
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name.startswith("mnist_") and not sample.name.endswith("_created")
    }
