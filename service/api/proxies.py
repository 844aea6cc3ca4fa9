"""Trusted proxies: which proxies in front of the service may set the path prefix under which clients reach it."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

import flask
from werkzeug.middleware.proxy_fix import ProxyFix

from service.errors import SettingsError
from service.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ALL_NETWORKS = [ip_network("0.0.0.0/0"), ip_network("::/0")]


def read_networks(settings: Settings) -> list[IPv4Network | IPv6Network]:
    """Return the networks of the trusted proxies in the settings.

    Raises:
        SettingsError: one of them is neither an address nor a network.

    """
    names = [name for part in settings.trusted_proxies.split(",") if (name := part.strip())]
    try:
        return [network for name in names for network in (ALL_NETWORKS if name == "*" else [ip_network(name)])]
    except ValueError as error:
        raise SettingsError(
            f"MNIST_TRUSTED_PROXIES is wrong: {error}. Use addresses and networks, such as 10.0.0.0/8, or *."
        ) from None


def init_app(app: flask.Flask, networks: list[IPv4Network | IPv6Network]) -> None:
    """Use the header X-Forwarded-Prefix as the path of an application, if a proxy in these networks sent it."""
    direct = app.wsgi_app
    forwarded = ProxyFix(direct, x_for=0, x_proto=0, x_prefix=1)

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        trusted = _is_in(environ.get("REMOTE_ADDR", ""), networks)
        return (forwarded if trusted else direct)(environ, start_response)

    app.wsgi_app = serve  # type: ignore[method-assign]  # as Flask's documentation wraps an application


def _is_in(address: str, networks: list[IPv4Network | IPv6Network]) -> bool:
    """Return whether an address is in one of the networks. A Unix socket has no address and is always trusted."""
    if not address:
        return True  # only programs of this machine can open a Unix socket
    client = ip_address(address)
    client = getattr(client, "ipv4_mapped", None) or client  # a socket for IPv6 maps IPv4 addresses into IPv6
    return any(client in network for network in networks)
