"""The images, built in a real engine, and containers of them."""

from typing import Any

import docker
import pytest

from tests.support.containers import build
from tests.support.training import write_part
from training.data.datasets import Dataset


@pytest.fixture(scope="session")
def engine() -> docker.DockerClient:
    try:
        client = docker.from_env()
        client.ping()
    except docker.errors.DockerException as error:
        pytest.skip(f"there is no Docker engine: {error}")
    try:
        client.images.get("python:3.13-slim")
    except docker.errors.ImageNotFound:
        try:
            client.images.pull("python", "3.13-slim")
        except docker.errors.APIError as error:
            pytest.skip(f"the base image can't be had: {error}")
    return client


@pytest.fixture(scope="session")
def image(engine: docker.DockerClient) -> str:
    return build(engine, "serving")


@pytest.fixture(scope="session")
def training_image(engine: docker.DockerClient) -> str:
    return build(engine, "training")


@pytest.fixture(scope="session")
def part(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A volume with the part of MNIST that versions are fitted to: the option `--data /part.npz`."""
    return {str(write_part(mnist, tmp_path_factory.mktemp("part"))): {"bind": "/part.npz", "mode": "ro"}}
