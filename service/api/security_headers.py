"""Headers that every answer has, so that a browser does nothing with it that isn't meant."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import flask

SECURITY = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def init_app(app: "flask.Flask") -> None:
    """Add the headers to every answer of an application that has none of its own."""
    app.after_request(_protect)


def _protect(response: "flask.Response") -> "flask.Response":
    for name, value in SECURITY.items():
        response.headers.setdefault(name, value)
    return response
