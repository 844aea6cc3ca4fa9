"""gRPC, as TensorFlow Serving, Triton and KServe speak it: each call becomes the HTTP request that asks the same."""

import socket
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import flask

from service.api.components import components
from service.errors import SettingsError, os_reason
from service.settings import Settings, bind_address

if TYPE_CHECKING:
    from service.server.grpc.server import GrpcServer

MODULES = ("grpc", "grpc_health", "grpc_reflection")  # of the extra grpc
APP_LOAD_ERROR = 4  # the exit code of a worker after which gunicorn stops, and starts no other worker


def check_settings(settings: Settings) -> None:
    """Check that gRPC can be served if the settings turn it on.

    Raises:
        SettingsError: a package of the extra is missing, or the port is that of HTTP.

    """
    if not settings.grpc_port:
        return
    if missing := [name for name in MODULES if not find_spec(name)]:
        raise SettingsError(
            f"MNIST_GRPC_PORT is set, but {' and '.join(missing)} can't be imported: pip install 'mnist-service[grpc]'."
        )
    if settings.grpc_port == settings.port:
        raise SettingsError(f"MNIST_GRPC_PORT and MNIST_PORT are both {settings.port}: gRPC needs a port of its own.")


def check_port(settings: Settings) -> None:
    """Check that no other program listens on the port: workers share it, so a second service could, too, unnoticed.

    Raises:
        SettingsError: the port is in use, or this process may not use it.

    """
    host = settings.host.strip("[]")
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # or closed connections would be in the way
            probe.bind((host, settings.grpc_port))
    except OSError as error:
        address = bind_address(settings.host, settings.grpc_port)
        raise SettingsError(f"MNIST_GRPC_PORT: {address} can't be listened on: {os_reason(error)}.") from error


def start_grpc_server(app: flask.Flask) -> "GrpcServer | None":
    """Start the gRPC server of a worker process, if a setting turns it on. Call it after the fork.

    Raises:
        SystemExit: the port can't be listened on.

    """
    if not components(app).settings.grpc_port:
        return None
    from service.server.grpc.server import GrpcServer

    server = GrpcServer(app)
    try:
        server.start()
    except SettingsError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.exit(APP_LOAD_ERROR)
    return server
