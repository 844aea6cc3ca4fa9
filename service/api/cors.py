"""Which pages of other origins may use the service: none, unless they are set."""

import re
from typing import Any

import flask
from flask_cors import CORS

from service.errors import SettingsError
from service.settings import Settings

# As browsers send it: without a path, nor a slash at the end.
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:]+\]|[a-z0-9._-]+)(:[0-9]+)?", re.ASCII | re.IGNORECASE)

# What a page of another origin may send, and read of an answer.
HEADERS: dict[str, Any] = {
    "allow_headers": [
        "Authorization", "Content-Type", "Inference-Header-Content-Length", "traceparent", "X-API-Key", "X-Request-ID",
    ],
    "expose_headers": ["Inference-Header-Content-Length", "Retry-After", "X-Request-ID"],
    "max_age": 3600,
}  # fmt: skip


def read(settings: Settings) -> list[str]:
    """Give the origins that are set.

    Raises:
        SettingsError: one is no origin.

    """
    origins = [origin for each in settings.cors_origins.split(",") if (origin := each.strip())]
    for origin in origins:
        if origin != "*" and not ORIGIN.fullmatch(origin):
            raise SettingsError(f"MNIST_CORS_ORIGINS has {origin!r}: an origin is * or such as https://example.org.")
    return origins


def init_app(app: flask.Flask, origins: list[str]) -> None:
    """Let pages of these origins use an application."""
    if origins:
        CORS(app, origins=[each if each == "*" else _exactly(each) for each in origins], **HEADERS)


def _exactly(origin: str) -> re.Pattern[str]:
    """Match an origin and no other: flask-cors takes one with brackets, as of IPv6, for a pattern."""
    return re.compile(re.escape(origin) + r"\Z", re.IGNORECASE)
