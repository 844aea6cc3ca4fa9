"""Real parts to test on: MNIST, the shipped model, and servers in processes of their own."""

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.models.store import CARD, REPORT
from service.preparation import finder as finders
from service.preparation.finder import Finder
from service.settings import DEFAULT_MODELS
from training.data import datasets

ROOT = Path(__file__).parent.parent
SEVEN = ROOT / "tests" / "seven.png"  # the first of the test images


def png(picture: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def multipart(*files: tuple[str, bytes], field: str = "image") -> tuple[bytes, dict[str, str]]:
    parts = [
        b'--limit\r\nContent-Disposition: form-data; name="%b"; filename="%b"\r\n\r\n%b\r\n'
        % (field.encode(), name.encode(), content)
        for name, content in files
    ]
    return b"".join(parts) + b"--limit--\r\n", {"Content-Type": "multipart/form-data; boundary=limit"}


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for what comes soon, and a minute at most."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def copy_version(shipped: Path, models: Path, report: str = "", **card: Any) -> Path:
    """Copy the shipped version, as the ninth under `models`, with this report and this in its card beside checksums."""
    version = Path(shutil.copytree(shipped, models / "mnist" / "9", ignore=shutil.ignore_patterns("report")))
    checksums = json.loads((version / CARD).read_text())["files"]
    files = {name: checksum for name, checksum in checksums.items() if (version / name).exists()}
    (version / CARD).write_text(json.dumps({"files": files, **card}))
    if report:
        (version / REPORT).parent.mkdir()
        (version / REPORT).write_text(report, encoding="utf-8")
    return version


def save_variant(shipped: Path, version: Path, white: float = 1, dtype: str = "float32") -> Path:
    """Write a SavedModel that reads as the shipped one, of pixels in [0, white], and answers in another dtype."""
    import tensorflow as tf

    model = tf.Module()
    model.shipped = tf.saved_model.load(str(shipped))
    read = model.shipped.signatures["serving_default"]

    @tf.function(input_signature=[tf.TensorSpec((None, 784), tf.float32, "image")])  # type: ignore[untyped-decorator]
    def serve(image: Any) -> dict[str, Any]:
        return {"probabilities": tf.cast(read(image=image / white)["probabilities"], dtype)}

    tf.saved_model.save(model, str(version), signatures={"serving_default": serve})
    return version


@dataclass
class Server:
    """A running server: its process, where it listens, and what it has logged."""

    process: subprocess.Popen[str]
    port: int = 0
    log: list[str] = field(default_factory=list)

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, method: str, path: str, *args: Any) -> tuple[int, Any]:
        connection = self.connect()
        connection.request(method, path, *args)
        response = connection.getresponse()
        assert response.headers["Content-Type"] == "application/json"
        return response.status, json.loads(response.read())

    def post(self, content: bytes, path: str = "/predict", kind: str = "image/png") -> tuple[int, Any]:
        return self.ask("POST", path, content, {"Content-Type": kind})

    def wait_until_served(self, *versions: str) -> None:
        """Wait until all processes of the service serve these versions, and no others."""

        def served() -> list[str]:
            statuses = self.ask("GET", "/v1/models/mnist")[1]["model_version_status"]
            return [each["version"] for each in statuses if each["state"] == "AVAILABLE"]

        wait_until(lambda: all(served() == [*versions] for _ in range(20)))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("MNIST_")}


@contextmanager
def serving(
    *options: str,
    command: tuple[str, ...] = ("-m", "service", "--port", "0"),
    is_ready: bool = True,
    **environment: str,
) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, *command, *options], cwd=ROOT, env=clean_environment() | environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    server, ready = Server(process), threading.Event()
    threading.Thread(target=_follow, args=(server, ready), daemon=True).start()
    try:
        assert ready.wait(60), server.log
        status, answer = server.ask("GET", "/readyz")
        assert status == (200 if is_ready else 503), answer
        yield server
    finally:
        if process.poll() is None:
            server.stop()


def _follow(server: Server, ready: threading.Event) -> None:
    assert server.process.stdout
    for line in server.process.stdout:
        server.log.append(line)
        if found := re.search(r"Listening at: http://.*:(\d+)", line):
            server.port = int(found[1])
            ready.set()
    ready.set()


@pytest.fixture(scope="session")
def mnist() -> datasets.Dataset:
    return datasets.load()


@pytest.fixture(scope="session")
def shipped() -> Path:
    return DEFAULT_MODELS / "mnist" / "3"


def copy_two_versions(folder: Path) -> Path:
    """Copy the package's models, but for version 3, into a new folder."""
    return Path(shutil.copytree(DEFAULT_MODELS, folder, ignore=shutil.ignore_patterns("3")))


@pytest.fixture(scope="session")
def finder() -> Finder:
    return finders.load(DEFAULT_MODELS)


@pytest.fixture(scope="session", params=["litert", "tensorflow", "framework"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The real service on the shipped model, once with each runtime, and once without its fast path."""
    with serving(
        *(["--fast-path", "false"] if request.param == "framework" else ["--runtime", request.param])
    ) as server:
        server.wait_until_served("3", "2", "1")
        yield server


@pytest.fixture(scope="session")
def run_training() -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "training", *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, env=clean_environment() | environment, capture_output=True, text=True)

    return run


@pytest.fixture(scope="session")
def python_with(pytestconfig: pytest.Config) -> Callable[..., Path]:
    """Makes environments for what pins other versions, kept for later runs; where pip can't make one, a skip."""

    def python_with(*packages: str) -> Path:
        name = "+".join((*packages, f"python{sys.version_info.major}.{sys.version_info.minor}"))
        folder = Path(pytestconfig.cache.mkdir(name))
        python, is_whole = folder / "bin" / "python", folder / "whole"
        if not is_whole.exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
            installed = subprocess.run(pip, capture_output=True, text=True)
            if installed.returncode:
                pytest.skip(f"pip can't install {' and '.join(packages)}: {installed.stderr.strip().splitlines()[-1]}")
            is_whole.touch()
        return python

    return python_with
