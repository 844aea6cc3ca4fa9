"""A Ray cluster on this machine: a head without cores, and nodes with one core each, which can be killed."""

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NODES = 2


class RayCluster:
    """The cluster, and the token that its clients need."""

    def __init__(self, cluster: Any, nodes: list[Any], token: str) -> None:
        self._cluster, self._nodes = cluster, nodes
        self.environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def find_actors(self) -> list[int]:
        """Find the processes of the actors that write parts."""
        nodes = ",".join(str(node.all_processes["raylet"][0].process.pid) for node in self._nodes)
        pgrep = subprocess.run(["pgrep", "-P", nodes, "-f", "PartWriter"], capture_output=True, text=True, check=False)
        return [int(pid) for pid in pgrep.stdout.split()]

    def lose_node(self) -> None:
        """Kill a node with all of its processes, as a machine is lost, and start another."""
        self._cluster.remove_node(self._nodes.pop(), allow_graceful=False)
        self._nodes.append(self._cluster.add_node(num_cpus=1))


@contextmanager
def ray_cluster() -> Iterator[RayCluster]:
    token = secrets.token_hex(16)
    environment = dict(os.environ)
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
    from ray.cluster_utils import Cluster  # it reads the environment

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        yield RayCluster(cluster, [cluster.add_node(num_cpus=1) for _ in range(NODES)], token)
    finally:
        cluster.shutdown()
        os.environ.clear()
        os.environ |= environment
