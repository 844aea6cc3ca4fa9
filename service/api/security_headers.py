"""Headers that tell a browser which use of a response is allowed: of JSON none, of a page what it needs."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import flask

SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_PAGE_HEADERS = SECURITY_HEADERS | {
    "Cache-Control": "no-cache",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=(), payment=(), usb=()",
}

# Nothing is loaded from other servers, and the only scripts and styles are files of /static.
PAGE_SOURCES = {
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "connect-src": "'self'",
}
# Swagger UI sets styles of its own.
DOCS_SOURCES = PAGE_SOURCES | {"style-src": "'self' 'unsafe-inline'"}
# The report is one file: its styles and images are within it, and it has no scripts.
REPORT_SOURCES = {"style-src": "'unsafe-inline'", "img-src": "data:"}


def init_app(app: "flask.Flask") -> None:
    """Add the headers to the responses of an application. Headers that a response has already stay."""

    def add_headers(response: "flask.Response") -> "flask.Response":
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    app.after_request(add_headers)


def init_pages(routes: "flask.Blueprint", sources: dict[str, str]) -> None:
    """Set the headers of pages on the responses of a blueprint.

    Args:
        routes: the blueprint of the pages.
        sources: what their Content-Security-Policy allows, by directive.

    """
    headers = _PAGE_HEADERS | {"Content-Security-Policy": _content_security_policy(sources)}

    def set_headers(response: "flask.Response") -> "flask.Response":
        response.headers.update(headers)
        return response

    routes.after_request(set_headers)


def _content_security_policy(sources: dict[str, str]) -> str:
    closed = dict.fromkeys(("base-uri", "form-action", "frame-ancestors"), "'none'")
    directives = {"default-src": "'none'"} | sources | closed
    return "; ".join(f"{directive} {source}" for directive, source in directives.items())
