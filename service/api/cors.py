"""Cross-origin requests: which pages of other origins may use the service. By default none may."""

import re
from typing import Any

import flask
from flask_cors import CORS

from service.errors import SettingsError
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


def _exact_pattern(origin: str) -> re.Pattern[str]:
    """Return a pattern that matches this origin only: flask-cors takes origins with brackets (IPv6) for patterns."""
    return re.compile(re.escape(origin) + r"\Z", re.IGNORECASE)
