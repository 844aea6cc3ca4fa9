"""Image files are read out of forms, raw bodies and JSON."""

import base64
from typing import Any
from urllib.parse import quote

import flask
import pytest

from service.api import requests
from service.app import create_app
from service.errors import (
    InvalidBase64,
    InvalidJSON,
    MalformedRequest,
    NoImage,
    ServiceError,
    SeveralImages,
    TooLarge,
    UnsupportedMediaType,
)
from service.settings import Settings
from tests.support.images import multipart
from tests.support.paths import SEVEN

FILE = SEVEN.read_bytes()
BASE64 = base64.b64encode(FILE).decode()


@pytest.fixture(scope="module")
def app() -> flask.Flask:
    return create_app(Settings(max_files=3))


def read(app: flask.Flask, body: bytes, kind: str) -> bytes:
    with app.test_request_context("/predict", method="POST", data=body, content_type=kind):
        return requests.read_image(flask.request, "/read/batch")


def form(*files: tuple[str, bytes], field: str = "image") -> tuple[bytes, str]:
    body, headers = multipart(*files, field=field)
    return body, headers["Content-Type"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (FILE, "image/png"),
        (FILE, "application/octet-stream"),
        (FILE, ""),
        (f'{{"image": "{BASE64}", "name": 7}}'.encode(), "application/json"),
        (f"image={BASE64}".encode(), "application/x-www-form-urlencoded"),
        (f"name=seven&image={quote(BASE64)}".encode(), "application/x-www-form-urlencoded; charset=utf-8"),
        form(("7.png", FILE)),
        form(("7.png", FILE), field="any name"),
        form(("", b""), ("7.png", FILE)),
        (
            form(("7.png", BASE64.encode()))[0].replace(b'; filename="7.png"', b""),
            "multipart/form-data; boundary=limit",
        ),
    ],
)
def test_the_image_is_read_out_of_each_kind_of_body(app: flask.Flask, body: bytes, kind: str) -> None:
    assert read(app, body, kind) == FILE


@pytest.mark.parametrize(
    ("body", "kind", "error", "message"),
    [
        (b"", "image/png", NoImage, "no body"),
        (b"", "application/json", NoImage, "no body"),
        (b"{}", "application/json", NoImage, 'no "image"'),
        (b'{"image": 7}', "application/json", InvalidJSON, "not JSON of the form"),
        (b'{"image": "", "x": NaN}', "application/json", InvalidJSON, "not JSON of the form"),
        (b'{"image": "?"}', "application/json", InvalidBase64, "not base64"),
        (FILE, "text/plain", UnsupportedMediaType, "text/plain"),
        (FILE, "application/x-www-form-urlencoded", UnsupportedMediaType, "as curl sends it unasked"),
        (b"image=four", "application/x-www-form-urlencoded", InvalidBase64, "curl wants an @"),
        (b"a&b&c&d", "application/x-www-form-urlencoded", TooLarge, "4 images: at most 3"),
        (*form(("a", FILE), ("b", FILE)), SeveralImages, "POST them to /read/batch"),
        (*form(), NoImage, "The request has no file"),
    ],
)
def test_other_bodies_are_rejected(
    app: flask.Flask, body: bytes, kind: str, error: type[ServiceError], message: str
) -> None:
    with pytest.raises(error, match=message):
        read(app, body, kind)


@pytest.mark.parametrize(("query", "preparation"), [("", "auto"), ("?prepare=auto", "auto"), ("?prepare=none", "none")])
def test_the_query_says_how_to_prepare(app: flask.Flask, query: str, preparation: Any) -> None:
    with app.test_request_context(f"/predict{query}"):
        assert requests.read_preparation(flask.request) == preparation


def test_another_preparation_is_rejected(app: flask.Flask) -> None:
    with (
        app.test_request_context("/predict?prepare=maybe"),
        pytest.raises(MalformedRequest, match="prepare is 'maybe'"),
    ):
        requests.read_preparation(flask.request)
