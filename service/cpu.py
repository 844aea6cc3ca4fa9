"""The processor cores that this process is given: those it may run on, within its control groups' limits (Linux)."""

import os
from collections.abc import Iterator
from math import ceil, inf
from pathlib import Path


def available() -> int:
    """Count the cores that this process may use; one that it may use in part counts as well."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return ceil(min(affinity, limit()))


def limit(root: Path = Path("/")) -> float:
    """Give the number of cores whose time this process may use, such as 1.5; infinity where there is no limit.

    Args:
        root: the folder that has `proc` and `sys`.

    """
    return min((_read_limit(group) for group in _groups(root)), default=inf)


def _groups(root: Path) -> Iterator[Path]:
    """Find the folders of this process's control groups, and of those above them, that can rule its cores.

    The lower are not there in a container without a namespace of its own: it sees its group as the topmost.
    """
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers or "cpu" in controllers.split(","):  # version 2 names none
            top = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
            group = Path(path.lstrip("/"))
            yield from (top / each for each in (group, *group.parents))


def _read_limit(group: Path) -> float:
    """Read a control group's quota of each period, by the file of version 2, or those of version 1."""
    text = _read(group / "cpu.max") or _read(group / "cpu.cfs_quota_us") + _read(group / "cpu.cfs_period_us")
    quota, period = text.split() or ("max", "")
    return inf if quota in ("max", "-1") else int(quota) / int(period)


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
