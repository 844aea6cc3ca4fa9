"""The log: a line for each request, as text or JSON, without secrets or parts of images."""

import base64
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import flask
import numpy as np
import pytest

import service
from tests.support.images import multipart, png
from tests.support.paths import ROOT, SEVEN
from tests.support.server import Server, clean_environment, serving
from tests.support.wait import wait_until
from tests.support.written_numbers import draw, say, write
from training.data.datasets import Dataset

DIGIT = SEVEN.read_bytes()
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def failing() -> flask.Flask:
    """Return the service with defects: a route fails, the server fails, and a library writes to standard error."""
    app = service.create_app()
    app.add_url_rule("/fail", "fail", view_func=lambda: str(1 / 0))
    app.add_url_rule("/print", "print", view_func=lambda: str(os.write(2, b"INFO: from a \xff library\n")))
    direct = app.wsgi_app

    def wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/crash":
            raise RuntimeError("This is \udcff no answer.")
        return direct(environ, start_response)

    app.wsgi_app = wsgi  # type: ignore[method-assign]
    return app


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    command = ("-m", "gunicorn", "-c", "python:service.server.gunicorn_conf", "tests.service.test_logs:failing()")
    with serving(command=command, MNIST_PORT="0", MNIST_WORKERS="1", MNIST_LOG_FORMAT="json") as server:
        yield server


@pytest.fixture(scope="module")
def text_server() -> Iterator[Server]:
    with serving("--workers", "1") as server:
        yield server


def send(server: Server, method: str, path: str, body: bytes = b"", **headers: str) -> str:
    """Send a request, and return the identifier in its response."""
    connection = server.connect()
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    response.read()
    return response.headers["X-Request-ID"]


def line_with(server: Server, *texts: str) -> str:
    """Wait for the one line with these texts, and return it."""

    def find_lines() -> list[str]:
        return [line for line in server.log if all(text in line for text in texts)]

    wait_until(find_lines)
    (line,) = find_lines()
    return line


def request_fields(server: Server, identifier: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(line_with(server, "service.requests", identifier))
    return fields


def test_a_line_of_json_has_all_fields_of_a_request(server: Server) -> None:
    line = request_fields(
        server, send(server, "POST", "/predict", DIGIT, Content_Type="image/png", traceparent=TRACEPARENT)
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert re.fullmatch(r"[0-9a-f]{32}", line.pop("id"))
    assert 0 < line.pop("milliseconds") < 10_000
    assert 0.9 < line.pop("confidence") <= 1
    assert line.pop("process") > 0
    assert line == {
        "level": "info", "logger": "service.requests", "message": "request", "method": "POST", "route": "/predict",
        "status": 200, "bytes": len(DIGIT), "pictures": 1, "version": 3, "digit": 7, "traceparent": TRACEPARENT,
    }  # fmt: skip


def test_a_line_of_text_has_the_same_fields(text_server: Server) -> None:
    identifier = send(text_server, "POST", "/predict", DIGIT, Content_Type="image/png", traceparent=TRACEPARENT)
    line = line_with(text_server, identifier)
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \[\d+\] \[INFO\] request method=POST route=/predict status=200"
        rf" milliseconds=[\d.]+ bytes={len(DIGIT)} pictures=1 version=3 digit=7 confidence=0\.9\d+"
        rf" id=[0-9a-f]{{32}} traceparent={TRACEPARENT}\n",
        line,
    )


def test_a_line_has_the_count_of_digits_read(server: Server, mnist: Dataset) -> None:
    number = png(draw(write(say(mnist, "42"), np.random.default_rng(0)))[0])
    body, headers = multipart(("42.png", number), ("7.png", DIGIT), ("bad.png", b"no picture"))
    line = request_fields(server, send(server, "POST", "/read/batch", body, **headers))
    assert (line["route"], line["status"], line["pictures"], line["digits"]) == ("/read/batch", 200, 3, 3)
    assert line["version"] == 3
    assert not {"digit", "confidence"} & line.keys()


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", "/livez", "/livez", 200),
        ("GET", "/static/page.js", "/static/<path:filename>", 200),
        ("GET", "/nope", "none", 404),
        ("DELETE", "/predict", "none", 405),
        ("POST", "/predict", "/predict", 400),
        ("GET", "/fail", "/fail", 500),
    ],
)
def test_every_request_has_one_line(server: Server, method: str, path: str, route: str, status: int) -> None:
    line = request_fields(server, send(server, method, path))
    assert (line["method"], line["route"], line["status"]) == (method, route, status)
    assert "digit" not in line


@pytest.mark.parametrize("request_id", ["1", "a.b:c/d+e=f@g-h_i", "x" * 128])
def test_a_valid_identifier_is_kept(server: Server, request_id: str) -> None:
    request_id += f"-{time.monotonic_ns()}" * (len(request_id) < 100)
    assert send(server, "GET", "/livez", X_Request_ID=request_id) == request_id
    assert request_fields(server, f'"{request_id}"')["id"] == request_id


@pytest.mark.parametrize("request_id", ["", " ", "a b", 'a"b', "a\tb", "a,b", "a\\b", "{a}", "naïve", "x" * 129])
def test_an_identifier_that_could_break_a_line_is_replaced(server: Server, request_id: str) -> None:
    identifier = send(server, "GET", "/livez", X_Request_ID=request_id)
    assert re.fullmatch(r"[0-9a-f]{32}", identifier)
    assert request_fields(server, identifier)["status"] == 200


@pytest.mark.parametrize(
    "traceparent", ["", "00-1-2-01", TRACEPARENT.upper(), f"{TRACEPARENT} x", f"{TRACEPARENT}-{'a' * 99}"]
)
def test_an_invalid_traceparent_is_left_out(server: Server, traceparent: str) -> None:
    assert "traceparent" not in request_fields(server, send(server, "GET", "/livez", traceparent=traceparent))


def test_tracebacks_and_the_lines_of_libraries_are_json(server: Server) -> None:
    identifier = send(server, "GET", "/fail")
    assert "ZeroDivisionError" in json.loads(line_with(server, "A request failed.", identifier))["traceback"]
    connection = server.connect()
    connection.request("GET", "/crash")
    assert connection.getresponse().status == 500
    crash = json.loads(line_with(server, "RuntimeError"))
    assert (crash["logger"], crash["level"]) == ("service.server.responses", "error")
    assert "RuntimeError: This is \\udcff no answer." in crash["traceback"]
    send(server, "GET", "/print")
    assert json.loads(line_with(server, "library"))["message"] == "INFO: from a \N{REPLACEMENT CHARACTER} library"


def test_no_part_of_an_image_and_no_secret_is_in_the_log(server: Server, text_server: Server) -> None:
    image = base64.b64encode(DIGIT).decode()
    for logging_server in (server, text_server):
        send(
            logging_server,
            "POST",
            "/predict?token=secret",
            b'{"image": "%b"}' % image.encode(),
            Content_Type="application/json",
        )
        send(
            logging_server, "POST", "/predict?prepare=secret", DIGIT, Authorization="Bearer secret", X_API_Key="secret"
        )
        body, headers = multipart(("secret.png", DIGIT))
        send(
            logging_server,
            "POST",
            "/predict",
            body,
            **headers,
            Cookie="secret",
            Referer="http://secret",
            User_Agent="secret",
        )
        send(logging_server, "POST", "/predict", b"secret", Content_Type="text/secret")
        send(logging_server, "GET", "/secret?secret=secret")
        line_with(logging_server, send(logging_server, "GET", "/livez"))
        for part in ("secret", image[40:60], "PNG", "IHDR"):
            assert not [line for line in logging_server.log if part in line]


def test_every_line_of_a_log_is_json_from_the_start_to_the_stop(server: Server) -> None:
    assert server.stop() == 0
    line_with(server, "Shutting down: Master")
    lines = [json.loads(line) for line in server.log]
    assert any(line["message"] == "Version 2 is served by litert." for line in lines)
    assert all(line.keys() >= {"time", "level", "process", "logger", "message"} for line in lines)


@pytest.mark.parametrize("level", ["warning", "error"])
def test_messages_below_the_level_are_not_logged(level: str) -> None:
    program = """
import logging.config, os
from service.server import gunicorn_conf
logging.config.dictConfig(gunicorn_conf.logconfig_dict)
for name in ("service.requests", "gunicorn.error"):
    for level in ("info", "warning", "error"):
        getattr(logging.getLogger(name), level)(level)
"""
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=clean_environment() | {"MNIST_LOG_LEVEL": level},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    messages = [line.rpartition(" ")[2] for line in result.stderr.splitlines()]
    assert messages == (["warning", "error"] if level == "warning" else ["error"]) * 2
