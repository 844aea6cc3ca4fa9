"""The folder in which worker processes share their metrics, as the master process keeps it."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client looks there


def make(parent: str | None) -> None:
    """Make the folder within `parent`; worker processes find it in their environment.

    Each master process has its own: another, that replaces it on SIGUSR2, would find its folder gone.
    """
    os.environ[VARIABLE] = tempfile.mkdtemp(prefix="mnist-metrics-", dir=parent)


def remove() -> None:
    """Remove the folder, at the end."""
    shutil.rmtree(os.environ[VARIABLE], ignore_errors=True)


def files(folder: Path) -> list[Path]:
    """List the files that hold anything: a process may have died, or be seen, before it has written to its own."""
    return [file for file in folder.glob("*.db") if file.stat().st_size]


def bury(process: int) -> None:
    """Add what a dead process counted to what all dead ones did, so that no number of deaths slows a scrape."""
    from prometheus_client.multiprocess import mark_process_dead

    with lock(fcntl.LOCK_EX) as folder:
        mark_process_dead(process)
        for file in files(folder):
            kind, _, owner = file.stem.rpartition("_")
            if owner == str(process):
                try:
                    _add(file, folder / f"{kind}_0.db")
                finally:
                    file.unlink()


def _add(file: Path, total: Path) -> None:
    from prometheus_client.mmap_dict import MmapedDict  # private, as are the files' names: read in 0.26.0

    sums = MmapedDict(str(total))
    for key, value, _, _ in MmapedDict.read_all_values_from_file(str(file)):
        sums.write_value(key, sums.read_value(key)[0] + value, 0.0)
    sums.close()


@contextmanager
def lock(kind: int) -> Iterator[Path]:
    """Lock the files: those who read them (fcntl.LOCK_SH) see none twice, while one is added to another (LOCK_EX)."""
    folder = Path(os.environ[VARIABLE])
    with open(folder / "lock", "w") as file:
        fcntl.flock(file, kind)
        yield folder
