"""Which proxies in front of the service may say under which path it is reached."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

import flask
from werkzeug.middleware.proxy_fix import ProxyFix

from service.errors import SettingsError
from service.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ANY = [ip_network("0.0.0.0/0"), ip_network("::/0")]


def read(settings: Settings) -> list[IPv4Network | IPv6Network]:
    """Return the networks of the proxies that are trusted.

    Raises:
        SettingsError: one is neither an address nor a network.

    """
    names = [name for part in settings.trusted_proxies.split(",") if (name := part.strip())]
    try:
        return [network for name in names for network in (ANY if name == "*" else [ip_network(name)])]
    except ValueError as error:
        raise SettingsError(
            f"MNIST_TRUSTED_PROXIES is wrong: {error}; it takes addresses and networks, such as 10.0.0.0/8, or *."
        ) from None


def init_app(app: flask.Flask, networks: list[IPv4Network | IPv6Network]) -> None:
    """Take the header X-Forwarded-Prefix of a request as the path of an application, if a proxy here sent it."""
    direct = app.wsgi_app
    forwarded = ProxyFix(direct, x_for=0, x_proto=0, x_prefix=1)

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        trusted = _is_in(environ.get("REMOTE_ADDR", ""), networks)
        return (forwarded if trusted else direct)(environ, start_response)

    app.wsgi_app = serve  # type: ignore[method-assign]  # as Flask's documentation wraps an application


def _is_in(address: str, networks: list[IPv4Network | IPv6Network]) -> bool:
    """Tell whether networks hold an address; a Unix socket has none, and is open to this machine alone."""
    if not address:
        return True
    client = ip_address(address)
    client = getattr(client, "ipv4_mapped", None) or client  # as a socket for IPv6 has addresses of IPv4
    return any(client in network for network in networks)
