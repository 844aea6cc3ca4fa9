"""The images, built in a real engine, and containers of them."""

import docker
import pytest

from tests.support.containers import build


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
