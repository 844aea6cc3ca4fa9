"""Responses tell a browser what it may do with them: nothing with JSON, and with a page what the page needs."""

import pytest
from flask.testing import FlaskClient

from service.api.security_headers import SECURITY_HEADERS
from service.app import create_app
from service.settings import Settings


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return create_app(Settings()).test_client()


@pytest.mark.parametrize("path", ["/livez", "/metrics", "/nope", "/predict"])
def test_nothing_is_allowed_to_other_responses(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert {name: headers.getlist(name) for name in SECURITY_HEADERS} == {
        name: [value] for name, value in SECURITY_HEADERS.items()
    }
    assert "Permissions-Policy" not in headers


@pytest.mark.parametrize(
    ("path", "sources"),
    [
        ("/", "script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'"),
        ("/static/page.css", "script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'"),
        (
            "/docs",
            "script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'",
        ),
        ("/report", "style-src 'unsafe-inline'; img-src data:"),
    ],
)
def test_pages_are_allowed_what_they_need(client: FlaskClient, path: str, sources: str) -> None:
    headers = client.get(path).headers
    closed = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    assert headers.getlist("Content-Security-Policy") == [f"default-src 'none'; {sources}; {closed}"]
    assert headers.getlist("Cache-Control") == ["no-cache"]
    assert headers["Permissions-Policy"].startswith("camera=(self), ")
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
