"""Memory of a process and of all that it started."""

import re
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")


def pss(pid: int) -> int:
    """Sum the proportional set sizes of a process and its descendants, in bytes: what is shared counts once (Linux).

    One that has just ended has none.
    """
    return sum(_own(process) for process in tree(pid))


def _own(pid: int) -> int:
    try:
        text = (PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return 0
    return 1024 * int(re.search(r"^Pss: +(\d+) kB", text, re.MULTILINE)[1])  # type: ignore[index]


def tree(pid: int) -> Iterator[int]:
    """Give a process and its descendants, as long as they are there."""
    yield pid
    for children in (PROC / str(pid) / "task").glob("*/children"):
        for child in children.read_text().split():
            yield from tree(int(child))
