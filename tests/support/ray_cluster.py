"""A Ray cluster on this machine, with two nodes of one core each, which can be killed."""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.paths import SUPPORT

NODES = 2


class RayCluster:
    def __init__(self, process: subprocess.Popen[str], environment: dict[str, str]) -> None:
        self._process = process
        self.address = self._read_line()
        self.environment = environment  # of its clients, which need its token
        self._nodes = [self._add_node() for _ in range(NODES)]

    def find_actors(self) -> list[int]:
        """Find the processes of the actors that write parts."""
        nodes = ",".join(map(str, self._nodes))
        pgrep = subprocess.run(["pgrep", "-P", nodes, "-f", "PartWriter"], capture_output=True, text=True, check=False)
        return [int(pid) for pid in pgrep.stdout.split()]

    def lose_node(self) -> None:
        """Kill a node, and with it all of its processes, as a machine is lost; then start another."""
        os.kill(self._nodes.pop(), signal.SIGKILL)
        self._nodes.append(self._add_node())

    def _add_node(self) -> int:
        assert self._process.stdin
        print(file=self._process.stdin, flush=True)
        return int(self._read_line())

    def _read_line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().rstrip()


@contextmanager
def ray_cluster() -> Iterator[RayCluster]:
    environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(16)}
    with subprocess.Popen(
        [sys.executable, SUPPORT / "ray_nodes.py"], cwd="/", env=os.environ | environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        yield RayCluster(process, environment)
