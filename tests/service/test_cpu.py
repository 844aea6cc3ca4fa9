"""How many cores a process is given, by files as Linux and container engines lay them out."""

import os
import subprocess
import sys
from math import inf
from pathlib import Path

import pytest

from service import cpu


def version_2(path: str, limits: dict[str, str]) -> dict[str, str]:
    files = {f"sys/fs/cgroup{group}/cpu.max": limit for group, limit in limits.items()}
    return {"proc/self/cgroup": f"0::{path}", **files}


def version_1(path: str, group: str, quota: str) -> dict[str, str]:
    folder = f"sys/fs/cgroup/cpu{group}"
    lines = f"9:name=systemd:{path}\n4:memory:/else\n1:cpu,cpuacct:{path}\n0::/"
    return {"proc/self/cgroup": lines, f"{folder}/cpu.cfs_quota_us": quota, f"{folder}/cpu.cfs_period_us": "100000"}


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, inf),  # not Linux
        (version_2("/", {}), inf),
        (version_2("/", {"/": "max 100000"}), inf),
        (version_2("/", {"/": "200000 100000"}), 2),
        (version_2("/", {"/": "50000 50000"}), 1),
        (version_2("/", {"/": "150000 100000"}), 1.5),
        (version_2("/a/b", {"/a/b": "300000 100000", "/a": "200000 100000", "/c": "100000 100000"}), 2),
        (version_2("/a/b", {"/a/b": "100000 100000", "/a": "max 100000"}), 1),
        (version_2("/../../elsewhere", {"/": "200000 100000"}), 2),  # moved out of its namespace
        (version_1("/", "", "-1"), inf),
        (version_1("/", "", "10000"), 0.1),
        (version_1("/docker/1f", "", "150000"), 1.5),  # the path is the host's
        (version_1("/a/b", "/a", "200000"), 2),
    ],
)
def test_the_least_of_all_limits_counts(tmp_path: Path, files: dict[str, str], limit: float) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    assert cpu.read_limit(tmp_path) == limit


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes can't be bound to a core here")
def test_no_more_than_the_process_may_run_on() -> None:
    code = "import os; from service import cpu; os.sched_setaffinity(0, {0}); print(cpu.count_available())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"1\n"
