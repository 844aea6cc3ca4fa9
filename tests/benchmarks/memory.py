"""Memory of a process and of all that it started."""

import re
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")


def pss(pid: int) -> int:
    """Sum the proportional set sizes of a process and its descendants, in bytes: what is shared counts once (Linux).

    Raises:
        OSError: one of them ended meanwhile, or is another user's.

    """
    return sum(_own(process) for process in _tree(pid))


def _own(pid: int) -> int:
    text = (PROC / str(pid) / "smaps_rollup").read_text()
    return 1024 * int(re.search(r"^Pss: +(\d+) kB", text, re.MULTILINE)[1])  # type: ignore[index]


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for children in (PROC / str(pid) / "task").glob("*/children"):
        for child in children.read_text().split():
            yield from _tree(int(child))
