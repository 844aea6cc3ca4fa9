"""Compose in a real engine, with gRPC: replicas behind the proxy, replaced, retrained and killed under load."""

import json
import os
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from typing import Any

import docker
import numpy as np
import pytest
import yaml
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

from tests.support.containers import GRPC_PORT, HTTP_PORT, Container, build
from tests.support.paths import ROOT, SEVEN
from tests.support.prometheus import Prometheus
from tests.support.server import clean_environment
from tests.support.wait import wait_until
from training.data.datasets import Dataset
from training.synthetic.conditions import draw_uploads

pytestmark = pytest.mark.slow

FILE, GRPC_FILE = (ROOT / "deploy" / name for name in ("compose.yaml", "compose.grpc.yaml"))
REPLICAS = 3
CLIENTS = 8
PAUSE_SECONDS = 0.05  # before each request of a client: it leaves the cores time to replace and to fit
REQUESTS = 20_000  # most that a client makes


class Project:
    """The command of compose, with a project of its own, and what it has started."""

    def __init__(self, engine: docker.DockerClient, *command: str) -> None:
        self.engine, self.name = engine, f"mnist-test-{os.getpid()}"
        self.command = [*command, "--file", str(FILE), "--file", str(GRPC_FILE)]
        self.images = {"SERVICE_IMAGE": f"{self.name}-service", "TRAINING_IMAGE": f"{self.name}-training"}
        names = ("PORT", "GRPC_PORT", "PROXY_PORT", "PROXY_GRPC_PORT", "PROMETHEUS_PORT")
        ports = dict.fromkeys(names, "0")
        self.environment = clean_environment() | self.images | ports | {"COMPOSE_PROJECT_NAME": self.name}

    def __call__(self, *arguments: str) -> str:
        return self.run(*self.command, *arguments)

    def run(self, *command: str, **environment: str) -> str:
        done = subprocess.run(command, env=self.environment | environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def roll(self) -> None:
        self.run("sh", str(FILE.with_name("roll.sh")), COMPOSE=" ".join(self.command))

    def replicas(self) -> list["Replica"]:
        return [Replica(self.engine.containers.get(name)) for name in self("ps", "--quiet", "service").split()]

    def port(self, service: str, port: int) -> int:
        return int(self("port", service, str(port)).rpartition(":")[2])


class Replica(Container):
    """A container that compose has started."""

    def __init__(self, container: Any) -> None:
        self.container = container
        self.port = self.published(HTTP_PORT)


@pytest.fixture(scope="module")
def project(engine: docker.DockerClient, image: str, training_image: str) -> Iterator[Project]:
    project = Project(engine, *compose_command())
    for service in ("proxy", "prometheus"):
        obtain(engine, yaml.safe_load(FILE.read_text())["services"][service]["image"])
    engine.images.get(image).tag(project.images["SERVICE_IMAGE"])
    engine.images.get(training_image).tag(project.images["TRAINING_IMAGE"])
    try:
        project("up", "--detach", "--no-build", "--scale", f"service={REPLICAS}", "service", "proxy", "prometheus")
        yield project
    finally:
        project("--profile", "proxy", "down", "--volumes", "--timeout", "1")
        for name in project.images.values():
            engine.images.remove(name, force=True)


def compose_command() -> list[str]:
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and subprocess.run([*command, "version"], capture_output=True).returncode == 0:
            return command
    pytest.skip("there is neither docker compose nor docker-compose")


def obtain(engine: docker.DockerClient, image: str) -> None:
    try:
        engine.images.get(image)
    except docker.errors.ImageNotFound:
        try:
            engine.images.pull(image)
        except docker.errors.APIError as error:
            pytest.skip(f"{image} can't be had: {error}")


class Load:
    """Clients that post pictures, each its own, one after the other, over connections that they keep."""

    def __init__(self, port: int) -> None:
        self.port, self.stopped, self.answers, self.seen = port, threading.Event(), list[str](), 0

    def post_all(self, picture: bytes) -> None:
        connection = self.connect()
        for _ in range(REQUESTS):
            if self.stopped.wait(PAUSE_SECONDS):
                break
            self.answers.append(self.post(connection, picture))

    def connect(self) -> Any:
        return HTTPConnection("127.0.0.1", self.port, timeout=60)

    def post(self, connection: Any, picture: bytes) -> str:
        """Give the version that answered, or what went wrong."""
        try:
            connection.request("POST", "/predict", picture, {"Content-Type": "image/png"})
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, HTTPException, ValueError) as error:
            connection.close()
            return repr(error)
        return f"version {answer['model']['version']}" if response.status == 200 else f"{response.status}: {answer}"

    def counts(self) -> Counter[str]:
        """Count the answers since the last call; at least those to a hundred requests from now on are among them."""
        enough = len(self.answers) + 100 + CLIENTS
        wait_until(lambda: len(self.answers) >= enough)
        start, self.seen = self.seen, len(self.answers)
        return Counter(self.answers[start : self.seen])


class GrpcLoad(Load):
    """Clients that call ModelInfer instead."""

    def connect(self) -> InferenceServerClient:
        return InferenceServerClient(f"127.0.0.1:{self.port}")

    def post(self, connection: Any, picture: bytes) -> str:
        image = InferInput("image", [1], "BYTES").set_data_from_numpy(np.array([picture], np.object_))
        try:
            answer = connection.infer("mnist", [image], client_timeout=60).get_response()
        except InferenceServerException as error:
            return str(error)
        return f"version {answer.model_version}"


@contextmanager
def load(load: Load, pictures: list[bytes]) -> Iterator[Load]:
    with ThreadPoolExecutor(len(pictures)) as pool:
        done = [pool.submit(load.post_all, picture) for picture in pictures]
        try:
            yield load
        finally:
            load.stopped.set()
    for each in done:
        each.result()


def test_prometheus_finds_all_replicas(project: Project) -> None:
    prometheus = Prometheus(project.port("prometheus", 9090))
    wait_until(lambda: len(prometheus.get("query", query='up{job="mnist"} == 1')["result"]) == REPLICAS)
    assert prometheus.rules()


def test_no_request_fails_while_images_and_versions_are_replaced(
    project: Project,
    engine: docker.DockerClient,
    mnist: Dataset,
    part: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    photos = [each.data for each in draw_uploads(mnist.train, 1, seed=1) if each.condition.startswith("photo")]
    old = project.replicas()
    assert len(old) == REPLICAS
    new = build(engine, "serving", project.images["SERVICE_IMAGE"], labels={"next": "1"})
    pictures = [SEVEN.read_bytes()] * (CLIENTS - 2) + photos[:2]
    with (
        load(Load(project.port("proxy", 8000)), pictures) as clients,
        load(GrpcLoad(project.port("proxy", GRPC_PORT)), pictures[-4:]) as callers,
    ):
        before, called = clients.counts(), callers.counts()
        project.roll()
        replaced, called_while_replaced = clients.counts(), callers.counts()
        replicas = project.replicas()
        data = "--data", "/part.npz"
        mount = "--volume", ":".join((*part, "/part.npz", "ro"))
        project("run", "--rm", *mount, "training", *data, "--recipe", "dense", "--epochs", "1", "--evaluate-on", "1")
        for replica in replicas:
            replica.wait_until_served("1")
        retrained, called_while_retrained = clients.counts(), callers.counts()
        after, called_after = clients.counts(), callers.counts()
        replicas[0].container.kill("SIGKILL")
        killed, called_while_killed = clients.counts(), callers.counts()
    with capsys.disabled():
        print(f"\nreplaced: {dict(replaced)}, by gRPC {dict(called_while_replaced)}")
        print(f"retrained: {dict(retrained)}, by gRPC {dict(called_while_retrained)}")
        print(f"one killed: {dict(killed)}, by gRPC {dict(called_while_killed)}")
    assert before.keys() == replaced.keys() == called.keys() == called_while_replaced.keys() == {"version 3"}
    assert {each.container.image.id for each in replicas} == {new}
    assert len(replicas) == REPLICAS
    assert retrained.keys() == called_while_retrained.keys() == {"version 3", "version 1"}
    assert after.keys() == called_after.keys() == {"version 1"}
    for counts in (killed, called_while_killed):
        assert counts.total() - counts["version 1"] <= CLIENTS  # in flight on it
