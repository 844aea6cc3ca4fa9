"""Who may use the service: keys, pages of other origins, and what a browser may do with an answer."""

import hashlib
import json
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path

import pytest

from service.api import auth
from service.settings import Settings
from tests.support.commands import run_module
from tests.support.paths import SEVEN
from tests.support.server import Server, serving, workers

DIGIT = SEVEN.read_bytes()
HASHED = hashlib.sha256(b"the-hashed-key").hexdigest()
KEYS = ["first-key", "other key", "the-hashed-key", "key,of-a-file", "schlüssel"]


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service that requires one of KEYS, and that pages of two other origins may use."""
    file = tmp_path_factory.mktemp("keys") / "keys"
    file.write_text(
        "# Who has which\n  # key is told elsewhere\n\nkey,of-a-file\r\n  schlüssel  \n", encoding="utf-8-sig"
    )
    with serving("--workers", "1", "--api-keys-file", str(file), "--cors-origins",
                 "https://page.example, http://[::1]:80", "--max-bytes", "1000000",
                 MNIST_API_KEYS=f"first-key, other key,sha256:{HASHED.upper()},") as server:  # fmt: skip
        yield server


@pytest.fixture(scope="module")
def opened() -> Iterator[Server]:
    with serving("--workers", "1", "--max-bytes", "1000") as server:
        yield server


def get(server: Server, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> HTTPResponse:
    connection = server.connect()
    named = {name: value.encode() for name, value in (headers or {}).items()}
    connection.request(method, path, headers=named)
    return connection.getresponse()


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("form", ["Authorization: Bearer ", "authorization: bearer  ", "X-API-Key: "])
def test_each_key_opens_in_each_form(locked: Server, key: str, form: str) -> None:
    name, _, prefix = form.partition(": ")
    assert get(locked, "/metrics", {name: prefix + key}).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": ""},
        {"X-API-Key": "first-key2"},
        {"X-API-Key": "first-ke"},
        {"X-API-Key": "FIRST-KEY"},
        {"X-API-Key": "first-key,other key"},
        {"X-API-Key": f"sha256:{HASHED}"},
        {"X-API-Key": HASHED},
        {"X-API-Key": "# Who has which"},
        {"X-API-Key": "# key is told elsewhere"},
        {"Authorization": "first-key"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic first-key"},
        {"Authorization": "Bearer first-key other"},
    ],
)
def test_nothing_else_does(locked: Server, headers: dict[str, str]) -> None:
    response = get(locked, "/", headers)
    assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert json.loads(response.read()) == {
        "error": "A key is needed, as Authorization: Bearer KEY, or as X-API-Key: KEY.", "code": "unauthorized",
    }  # fmt: skip


@pytest.mark.parametrize(
    "path",
    ["/", "/predict", "/read", "/report", "/metrics", "/static/page.js", "/nope", "/livez//", "/v1/models",
     "/v2/models/mnist"],
)  # fmt: skip
def test_all_but_health_requires_a_key(locked: Server, path: str) -> None:
    for method in ("GET", "POST", "HEAD", "DELETE"):
        assert get(locked, path, method=method).status == 401
    for open_ in ("/livez", "/livez/", "/readyz", "/readyz/", "/v2/health/live", "/v2/health/ready"):
        assert get(locked, open_).status == 200


def test_an_image_of_megabytes_without_a_key_gets_a_response_and_no_reset(locked: Server) -> None:
    assert locked.post(bytes(900_000))[0] == 401
    assert locked.ask("POST", "/predict", DIGIT, {"Content-Type": "image/png", "X-API-Key": "first-key"})[0] == 200


def test_keys_are_in_no_log_and_no_command_line(locked: Server) -> None:
    for key in (*KEYS, "a-wrong-key"):
        get(locked, f"/nope?key={key}".replace(" ", "+").replace("ü", "%C3%BC"), {"X-API-Key": key})
    commands = [
        Path(f"/proc/{process}/cmdline").read_text() for process in (locked.process.pid, *workers(locked))
    ]  # fmt: skip
    for secret in ("first-key", "other key", "hashed-key", HASHED, "of-a-file", "schl", "a-wrong-key"):
        assert not [text for text in (*locked.log, *commands) if secret.lower() in text.lower()]


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"MNIST_API_KEYS": "sha256:tell-nobody"}, "MNIST_API_KEYS has a hash that is not sha256: and 64 hexadecimal"),
        ({"MNIST_API_KEYS": " , ,"}, "are set, but hold no key"),
        ({"MNIST_API_KEYS_FILE": "tell-nobody"}, "The file of MNIST_API_KEYS_FILE can't be read: no such file"),
        ({"MNIST_API_KEYS_FILE": "/dev/null"}, "are set, but hold no key"),
        ({"MNIST_API_KEYS_FILE": str(SEVEN)}, "can't be read: it is not text in UTF-8"),
        ({"MNIST_API_KEYS_FILE": "/"}, "can't be read: is a directory"),
        ({"MNIST_API_KEY": "tell-nobody"}, "MNIST_API_KEY is not a setting (did you mean MNIST_API_KEYS?)"),
        ({"MNIST_CORS_ORIGINS": "https://page.example/"}, "https://page.example/': use *"),
    ],
)
def test_a_wrong_setting_stops_the_start_without_telling_a_key(variables: dict[str, str], sentence: str) -> None:
    result = run_module("service", "--port", "0", **variables)
    assert result.returncode == 1
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) == 1
    assert sentence in result.stderr
    assert "tell-nobody" not in result.stderr


def test_a_key_is_no_option() -> None:
    result = run_module("service", "--port", "0", "--api-keys=tell-nobody")
    assert result.returncode == 2
    assert "tell-nobody" not in result.stdout + result.stderr


def test_keys_may_be_bytes_that_are_not_text() -> None:
    assert auth.read_key_digests(Settings(api_keys="\udcff")) == [hashlib.sha256(b"\xff").digest()]


@pytest.mark.parametrize("origin", ["https://page.example", "http://[::1]:80"])
def test_pages_of_the_set_origins_may_ask_and_read(locked: Server, origin: str) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "content-type,x-api-key"}  # fmt: skip
    preflight = get(locked, "/predict", headers, "OPTIONS")
    assert preflight.status == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == origin
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert {"content-type", "x-api-key"} <= set(preflight.headers["Access-Control-Allow-Headers"].lower().split(", "))
    for key, status in (("first-key", 200), ("wrong", 401)):
        answer = get(locked, "/metrics", {"Origin": origin, "X-API-Key": key})
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (status, origin)
        assert "X-Request-ID" in answer.headers["Access-Control-Expose-Headers"]
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin", ["https://other.example", "https://page.example.evil", "http://page.example", "http://[::1]:8080", "null"]
)
def test_others_may_not(locked: Server, origin: str) -> None:
    for method, path in (("OPTIONS", "/predict"), ("GET", "/livez")):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        assert "Access-Control-Allow-Origin" not in get(locked, path, headers, method).headers


def test_without_origins_no_page_of_another_may(opened: Server) -> None:
    headers = {"Origin": "https://page.example", "Access-Control-Request-Method": "POST"}
    for method in ("OPTIONS", "GET"):
        answer = get(opened, "/livez", headers, method)
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/static/page.css", 200),
        ("GET", "/report", 200),
        ("GET", "/metrics", 200),
        ("GET", "/livez", 200),
        ("OPTIONS", "/predict", 200),
        ("GET", "/nope", 404),
        ("GET", "/static/nope", 404),
        ("GET", "/predict", 405),
        ("POST", "/predict", 400),
    ],
)
def test_every_answer_has_the_security_headers(opened: Server, method: str, path: str, status: int) -> None:
    answer = get(opened, path, method=method)
    assert answer.status == status
    check_headers(answer)


def test_so_do_rejections_of_what_is_too_large_or_without_a_key(opened: Server, locked: Server) -> None:
    for server, status in ((opened, 413), (locked, 401)):
        connection = server.connect()
        connection.request("POST", "/predict", bytes(1001), {"Content-Type": "image/png"})
        answer = connection.getresponse()
        assert answer.status == status
        check_headers(answer)


def check_headers(answer: HTTPResponse) -> None:
    policy = dict(directive.split(" ", 1) for directive in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] in ("no-store", "no-cache")
    assert len(answer.headers.get_all("Content-Security-Policy", [])) == 1
