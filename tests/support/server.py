"""The service in a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.support.paths import ROOT
from tests.support.wait import wait_until


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


def workers(server: Server) -> list[int]:
    children = subprocess.run(["pgrep", "-P", str(server.process.pid)], capture_output=True, text=True, check=False)
    return [int(pid) for pid in children.stdout.split()]


def count_connections(server: Server) -> int:
    """Count the open connections that the workers have accepted. Linux only."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    port, established = f":{server.port:04X}", "01"
    return sum(
        address.endswith(port) and state == established and inode != "0"
        for _, address, _, state, *_, inode in (fields[:4] + fields[9:10] for fields in lines)
    )
