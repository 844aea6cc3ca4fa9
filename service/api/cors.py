"""Cross-origin requests: which pages of other origins may use the service. By default none may."""

import re
from typing import Any
from urllib.parse import urlsplit

import flask
from flask_cors import CORS

from service.errors import CrossOrigin, SettingsError
from service.settings import Settings

# As browsers send it: without a path or a slash at the end.
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:]+\]|[a-z0-9._-]+)(:[0-9]+)?", re.ASCII | re.IGNORECASE)

# The headers that a page of another origin may send, and those that it may read.
HEADERS: dict[str, Any] = {
    "allow_headers": [
        "Authorization", "Content-Type", "Inference-Header-Content-Length", "traceparent", "X-API-Key", "X-Request-ID",
    ],
    "expose_headers": ["Inference-Header-Content-Length", "Retry-After", "X-Request-ID"],
    "max_age": 3600,
}  # fmt: skip


def read_origins(settings: Settings) -> list[str]:
    """Return the allowed origins in the settings.

    Raises:
        SettingsError: one of them is not an origin.

    """
    origins = [origin for part in settings.cors_origins.split(",") if (origin := part.strip())]
    for origin in origins:
        if origin != "*" and not ORIGIN.fullmatch(origin):
            raise SettingsError(
                f"MNIST_CORS_ORIGINS has {origin!r}: use * or an origin such as https://example.org, without a path."
            )
    return origins


def init_app(app: flask.Flask, origins: list[str]) -> None:
    """Allow pages of these origins to use an application."""
    if origins:
        CORS(app, origins=[origin if origin == "*" else _exact_pattern(origin) for origin in origins], **HEADERS)


def check_origin(request: flask.Request, origins: list[str]) -> None:
    """Check that no page of another origin sent a request, except of these origins: forms are sent without a preflight.

    Raises:
        CrossOrigin: such a page sent it.

    """
    origin = request.headers.get("Origin", "")
    is_allowed = "*" in origins or origin.lower() in map(str.lower, origins)
    if not (is_allowed or _is_same_origin(request, origin)):
        raise CrossOrigin("A page of another origin sent this: MNIST_CORS_ORIGINS must name the origin.")


def _is_same_origin(request: flask.Request, origin: str) -> bool:
    # Browsers send Sec-Fetch-Site over HTTPS and to this machine; clients that are no browsers send neither header.
    if site := request.headers.get("Sec-Fetch-Site"):
        return site in ("same-origin", "none")
    return not origin or urlsplit(origin).netloc.lower() == request.headers.get("Host", "").lower()


def _exact_pattern(origin: str) -> re.Pattern[str]:
    """Return a pattern that matches this origin only: flask-cors takes origins with brackets (IPv6) for patterns."""
    return re.compile(re.escape(origin) + r"\Z", re.IGNORECASE)
