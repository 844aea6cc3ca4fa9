"""The page's files and headers over HTTP; what it does is in tests/browser."""

import json
import re
from http.client import HTTPResponse

import pytest

from service.app import create_app
from service.settings import Settings
from tests.support.images import multipart
from tests.support.paths import SEVEN
from tests.support.server import Server, serving


def get(server: Server, path: str, **headers: str) -> tuple[HTTPResponse, str]:
    connection = server.connect()
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    return response, response.read().decode()


def test_page_and_all_that_it_names_are_served(server: Server) -> None:
    response, html = get(server, "/")
    assert (response.status, response.headers.get_content_type()) == (200, "text/html")
    names = re.findall(r'(?:href|src)="(static/[^"]+)"', html)
    assert {name.rpartition(".")[2] for name in names} == {"css", "js", "svg"}
    for name in names:
        assert get(server, f"/{name}")[0].status == 200


@pytest.mark.parametrize(
    ("path", "prefix", "root"),
    [
        ("/", "/mnist", "/mnist/"),
        ("/docs", "/mnist/", "/mnist/"),
        ("/docs/", "/a/b%20c", "/a/b%20c/"),
        ("/docs/", "", "../"),
        ("/docs", "//example.org", ""),
        ("/", "/\\example.org", ""),
        ("/", 'javascript:"><script>', ""),
    ],
)
def test_pages_find_their_files_behind_a_proxy_that_strips_a_prefix(
    server: Server, path: str, prefix: str, root: str
) -> None:
    _, html = get(server, path, X_Forwarded_Prefix=prefix)
    links = re.findall(r'(?:href|src)="([^"]+)"', html)
    assert links
    assert all(re.match(re.escape(root) + r"(static|docs|openapi\.json|report)\b", link) for link in links)


@pytest.mark.parametrize(("proxies", "root"), [("*", "/mnist/"), ("127.0.0.0/8,::1", "/mnist/"), ("10.0.0.0/8", "")])
def test_a_prefix_is_taken_of_proxies_that_are_trusted(proxies: str, root: str) -> None:
    with serving("--workers", "1", "--trusted-proxies", proxies) as server:
        assert f'href="{root}static/page.css"' in get(server, "/", X_Forwarded_Prefix="/mnist")[1]


def test_a_slash_at_the_end_changes_nothing(server: Server) -> None:
    rules = [rule for rule in create_app(Settings()).url_map.iter_rules() if not rule.arguments]
    for path in (rule.rule for rule in rules if rule.rule != "/" and "GET" in (rule.methods or ())):
        assert get(server, f"{path}/")[0].status == get(server, path)[0].status, path
    form, headers = multipart(("7.png", SEVEN.read_bytes()))
    for path in ("/predict/", "/predict/batch/", "/read/", "/read/batch/", "/explain/"):
        assert server.ask("POST", path, form, headers)[0] == 200
    assert server.ask("GET", "/predict/")[0] == 405
    assert server.ask("GET", "/predict//")[0] == 404


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
