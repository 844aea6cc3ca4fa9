"""Count the processor cores that this process may use: by its CPU affinity and its control groups' limits (Linux)."""

import os
from collections.abc import Iterator
from math import ceil, inf
from pathlib import Path


def count_available() -> int:
    """Return the number of cores that this process may use, rounded up."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return ceil(min(affinity, read_limit()))


def read_limit(root: Path = Path("/")) -> float:
    """Return how many cores' time this process may use, such as 1.5, or infinity if there is no limit.

    Args:
        root: the folder that has `proc` and `sys`.

    """
    return min((_read_group_limit(group) for group in _find_groups(root)), default=inf)


def _find_groups(root: Path) -> Iterator[Path]:
    """Yield the folders of this process's control groups, and of their parents, that can limit its cores.

    In a container without its own namespace only the topmost folder exists: it is the container's group.
    """
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, name = line.split(":", 2)
        if not controllers or "cpu" in controllers.split(","):  # version 2 names no controllers
            top = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
            group = Path(name.lstrip("/"))
            yield from (top / path for path in (group, *group.parents))


def _read_group_limit(group: Path) -> float:
    """Return the limit of one control group, from the file of cgroup version 2 or the files of version 1."""
    text = _read(group / "cpu.max") or _read(group / "cpu.cfs_quota_us") + _read(group / "cpu.cfs_period_us")
    quota, period = text.split() or ("max", "")
    return inf if quota in ("max", "-1") else int(quota) / int(period)


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
