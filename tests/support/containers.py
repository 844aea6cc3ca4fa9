"""Containers of the images, in a real engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import docker

from tests.support.lock import lock
from tests.support.paths import ROOT
from tests.support.server import Server

# Everything a cautious orchestrator takes away.
LOCKED: Any = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "mem_limit": "256m",
    "memswap_limit": "256m",
}


LOCK = Path(gettempdir(), "mnist-test-build.lock")


def build(engine: docker.DockerClient, target: str, tag: str = "", **options: Any) -> str:
    with lock(LOCK):  # a worker of pytest-xdist that waits finds all of the image in the engine's cache
        return _build(engine, target, tag or f"mnist-{target}:test", **options)


@contextmanager
def built_without_cache(engine: docker.DockerClient, target: str) -> Iterator[str]:
    """Build an image anew, and remove all that the build left: later builds would start from its first stages."""
    with lock(LOCK):
        before = {image.id for image in engine.images.list()}
        try:
            yield _build(engine, target, f"mnist-{target}:again", nocache=True)
        finally:
            for image in engine.images.list():
                if image.id not in before:
                    engine.images.remove(image.id, force=True)


def _build(engine: docker.DockerClient, target: str, tag: str, **options: Any) -> str:
    options |= {"path": str(ROOT), "network_mode": "host", "rm": True, "forcerm": True}
    image, _ = engine.images.build(target=target, tag=tag, **options)
    return str(image.id)


def run(engine: docker.DockerClient, image: str, command: Any, **options: Any) -> str:
    """Run a container to its end, and return its output, which the engine has whole only then."""
    container = engine.containers.run(image, command, detach=True, **options)
    try:
        status, output = container.wait()["StatusCode"], container.logs(stderr=False).decode()
        assert status == 0, output + container.logs(stdout=False).decode()
        return str(output)
    finally:
        container.remove(force=True)


HTTP_PORT, GRPC_PORT = 8080, 8500  # in the container


class Container(Server):
    """A container that serves on ports of this machine."""

    def __init__(self, engine: docker.DockerClient, image: str, **options: Any) -> None:
        ports: Any = {f"{port}/tcp": ("127.0.0.1", None) for port in (HTTP_PORT, GRPC_PORT)}
        self.container = engine.containers.run(image, detach=True, ports=ports, **LOCKED | options)

    def wait_until_ready(self) -> None:
        for line in self.container.logs(stream=True):
            if b"Booting worker" in line:
                break
        self.container.reload()
        self.port = self.published(HTTP_PORT)
        assert self.ask("GET", "/readyz")[0] == 200

    def published(self, port: int) -> int:
        """Return the port of this machine that leads to a port of the container."""
        return int(self.container.ports[f"{port}/tcp"][0]["HostPort"])
