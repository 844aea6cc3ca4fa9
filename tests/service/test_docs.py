"""The files and headers of GET /docs; what the page does is in tests/browser."""

import re
from urllib.parse import urljoin

import pytest
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from service.app import create_app
from service.settings import Settings


@pytest.fixture(scope="module")
def client() -> Client:
    """A client of the application mounted below /digits."""
    return Client(DispatcherMiddleware(NotFound(), {"/digits": create_app(Settings())}))


def test_all_that_the_page_names_is_served_below_a_prefix(client: Client) -> None:
    names = re.findall(r'(?:href|src)="([^"]+)"', client.get("/digits/docs").text)
    assert {name.rpartition(".")[2] for name in names} == {"css", "js", "json", "svg"}
    for name in names:
        assert client.get(urljoin("/digits/docs", name)).status_code == 200
    assert client.get("/digits/openapi.json").get_json()["servers"][0]["url"] == "."


def test_no_script_runs_that_is_not_a_file_of_the_service(client: Client) -> None:
    page = client.get("/digits/docs")
    assert re.findall(r"<script[^>]*>([^<]+)</script>|\son\w+=|https?://", page.text) == []
    policy = dict(directive.split(" ", 1) for directive in page.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert policy["style-src"] == "'self' 'unsafe-inline'"
