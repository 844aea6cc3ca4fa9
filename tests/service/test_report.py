"""GET /report, and the page's link to it."""

import re
import shutil
from pathlib import Path
from urllib.parse import urljoin

import pytest
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from service.app import create_app
from service.models.store import REPORT
from service.settings import Settings
from tests.support.models import copy_version
from tests.support.server import serving

HTML = "<!doctype html><meta charset=utf-8><title>Version 9</title><style>p { color: red }</style><p>99,6 %, très bien"
LINK = re.compile(r'<a href="([^"]*)">how well it reads</a>')


@pytest.fixture
def client(shipped: Path, tmp_path: Path) -> Client:
    """A client of the application with a report, mounted below /digits."""
    copy_version(shipped, tmp_path, report=HTML)
    return Client(DispatcherMiddleware(NotFound(), {"/digits": create_app(Settings(models=tmp_path))}))


def test_report_is_served_as_it_is(shipped: Path, tmp_path: Path) -> None:
    copy_version(shipped, tmp_path, report=HTML)
    with serving("--workers", "1", "--models", str(tmp_path)) as server:
        connection = server.connect()
        connection.request("GET", "/report")
        response = connection.getresponse()
        assert (response.status, response.read().decode()) == (200, HTML)
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"


def test_headers_let_the_report_render_and_nothing_else(client: Client) -> None:
    headers = client.get("/digits/report").headers
    policy = dict(directive.split(" ", 1) for directive in headers["Content-Security-Policy"].split("; "))
    assert (policy.pop("style-src"), policy.pop("img-src")) == ("'unsafe-inline'", "data:")
    assert set(policy) == {"default-src", "base-uri", "form-action", "frame-ancestors"}
    assert set(policy.values()) == {"'none'"}
    assert headers["Cache-Control"] == "no-cache"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_a_report_that_the_browser_has_is_not_sent_again(client: Client) -> None:
    etag = client.get("/digits/report").headers["ETag"]
    again = client.get("/digits/report", headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")


def test_the_pages_link_leads_to_it_below_a_prefix(client: Client) -> None:
    (link,) = LINK.findall(client.get("/digits/").text)
    assert client.get(urljoin("/digits/", link)).text == HTML


def test_the_report_stays_that_of_the_loaded_version(client: Client, tmp_path: Path) -> None:
    shutil.rmtree((tmp_path / "mnist" / "9" / REPORT).parent)
    assert client.get("/digits/report").text == HTML


def test_a_version_without_a_report_has_no_link_either(shipped: Path, tmp_path: Path) -> None:
    copy_version(shipped, tmp_path)
    with serving("--workers", "1", "--models", str(tmp_path)) as server:
        error = {"error": "Version 9 of the model has no report.", "code": "not_found"}
        assert server.ask("GET", "/report") == (404, error)
        connection = server.connect()
        connection.request("GET", "/")
        page = connection.getresponse().read().decode()
        assert "version 9." in page
        assert "report" not in page
