"""The page's files and headers over HTTP; what it does is in tests/browser."""

import json
import re
from http.client import HTTPResponse

import pytest

from tests.conftest import Server


def get(server: Server, path: str) -> tuple[HTTPResponse, str]:
    connection = server.connect()
    connection.request("GET", path)
    response = connection.getresponse()
    return response, response.read().decode()


def test_page_and_all_that_it_names_are_served(server: Server) -> None:
    response, html = get(server, "/")
    assert (response.status, response.headers.get_content_type()) == (200, "text/html")
    names = re.findall(r'(?:href|src)="(static/[^"]+)"', html)
    assert {name.rpartition(".")[2] for name in names} == {"css", "js", "svg"}
    for name in names:
        assert get(server, f"/{name}")[0].status == 200


def test_page_has_no_inline_script_or_style(server: Server) -> None:
    _, html = get(server, "/")
    assert re.findall(r"<script[^>]*>([^<]+)</script>|<style|\sstyle=|\son\w+=|https?://", html) == []


@pytest.mark.parametrize("path", ["/", "/static/page.js"])
def test_security_headers(server: Server, path: str) -> None:
    headers = get(server, path)[0].headers
    policy = dict(directive.split(" ", 1) for directive in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "camera=(self)" in headers["Permissions-Policy"]


def test_unknown_file_is_an_error_of_the_form_of_all(server: Server) -> None:
    response, body = get(server, "/static/nope.js")
    assert (response.status, json.loads(body)["code"]) == (404, "not_found")
