"""Measures the memory of a process and its descendants."""

import re
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")


def pss(pid: int) -> int:
    """Return the proportional set size (PSS) of a process and its descendants in bytes. Shared pages count once.

    A process that has just ended has 0 bytes. Linux only.
    """
    return sum(_read_pss(process) for process in tree(pid))


def _read_pss(pid: int) -> int:
    try:
        text = (PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return 0
    return 1024 * int(re.search(r"^Pss: +(\d+) kB", text, re.MULTILINE)[1])  # type: ignore[index]


def tree(pid: int) -> Iterator[int]:
    """Yield the pids of a process and its descendants."""
    yield pid
    for children in (PROC / str(pid) / "task").glob("*/children"):
        for child in children.read_text().split():
            yield from tree(int(child))
