"""Real parts to test on: MNIST, the shipped model, and servers in processes of their own."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from service.preparation import finder as finders
from service.preparation import heif
from service.preparation.finder import Finder
from service.settings import DEFAULT_MODELS
from tests.support.environments import make_environment
from tests.support.server import Server, serving
from training.data import datasets

SERVER_OPTIONS = {
    "litert": ("--runtime", "litert"),
    "tensorflow": ("--runtime", "tensorflow"),
    "framework": ("--fast-path", "false"),
}


if heif.FORMATS:
    heif.register()  # tests write HEIC images

# Modules of tests.support that start processes.
PROCESSES = {
    f"tests.support.{name}"
    for name in ("browser", "commands", "containers", "grpc_server", "prometheus", "server", "training")
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start processes, and put the files with slow tests first, from all folders by turns.

    So no worker of pytest-xdist is left with a slow file at the end, and not all build images at the start.
    """
    slow = sorted({item.path for item in items if item.get_closest_marker("slow")})
    turns = {path: sum(other.parent == path.parent for other in slow[:place]) for place, path in enumerate(slow)}
    items.sort(key=lambda item: turns.get(item.path, len(slow)))
    for item in items:
        if isinstance(item, pytest.Function) and _starts_processes(item):
            item.add_marker("processes")


def _starts_processes(item: pytest.Function) -> bool:
    imported = {getattr(value, "__module__", None) for value in vars(item.module).values()}
    return not PROCESSES.isdisjoint(imported) or "server" in item.fixturenames


@pytest.fixture(scope="session")
def mnist() -> datasets.Dataset:
    return datasets.load()


@pytest.fixture(scope="session")
def shipped() -> Path:
    return DEFAULT_MODELS / "mnist" / "3"


@pytest.fixture(scope="session")
def finder() -> Finder:
    return finders.load(DEFAULT_MODELS)


@pytest.fixture(scope="session")
def start_server() -> Iterator[Callable[[str], Server]]:
    """Start each server when a test first needs it. All run until the end, as TensorFlow takes seconds to start."""
    with ExitStack() as servers:

        @cache
        def start(name: str) -> Server:
            server = servers.enter_context(serving(*SERVER_OPTIONS[name]))
            server.wait_until_served("3", "2", "1")
            return server

        yield start


@pytest.fixture(scope="session", params=SERVER_OPTIONS)
def server(request: pytest.FixtureRequest, start_server: Callable[[str], Server]) -> Server:
    """The real service on the shipped model, once with each runtime, and once without its fast path."""
    return start_server(request.param)


@pytest.fixture(scope="session")
def python_with(pytestconfig: pytest.Config) -> Callable[..., Path]:
    """The function that makes an environment with packages that pin other versions."""

    def python_with(*packages: str) -> Path:
        name = "+".join((*packages, f"python{sys.version_info.major}.{sys.version_info.minor}"))
        return make_environment(Path(pytestconfig.cache.mkdir(name)), *packages)

    return python_with
