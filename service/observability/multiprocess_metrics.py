"""The folder in which worker processes share their metrics, as the master process keeps it."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client looks there
MEMORY = "/dev/shm"  # noqa: S108
FILES = 4  # of a process: prometheus-client has one for each kind of metric, and for each mode of gauges
FILE_BYTES = 64 * 2**10  # as prometheus-client begins each; a full one is doubled


def make(workers: int) -> str | None:
    """Make the folder, and return the one it is in; worker processes find it in their environment.

    Where no folder has space for the counts of as many workers, there is none, and each process counts by itself.
    Each master process has its own: another, that replaces it on SIGUSR2, would find its folder gone.
    """
    os.environ.pop(VARIABLE, None)
    processes = 1 + 2 * workers  # what the dead ones counted; and on SIGHUP there are those that come and those that go
    parent = folder_with(processes * FILES * FILE_BYTES)
    if parent:
        os.environ[VARIABLE] = tempfile.mkdtemp(prefix="mnist-metrics-", dir=parent)
    return parent


def folder_with(space: int) -> str | None:
    """Return the first folder for temporary files, those in memory first, that takes a file of `space` bytes."""
    return next((folder for folder in _folders() if _takes(folder, space)), None)


def _folders() -> Iterator[str]:
    yield MEMORY
    with suppress(FileNotFoundError):  # none can be written
        yield tempfile.gettempdir()


def _takes(folder: str, size: int) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            reserve(file.fileno(), size)
    except OSError:
        return False
    return True


def reserve(file: int, size: int) -> None:
    """Make an open file at least `size` bytes long, all of which it has space for.

    Raises:
        OSError: there is too little.

    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    else:  # macOS
        os.truncate(file, max(size, os.fstat(file).st_size))


def is_made() -> bool:
    """Return whether there is such a folder."""
    return VARIABLE in os.environ


def remove() -> None:
    """Remove the folder, at the end."""
    if is_made():
        shutil.rmtree(os.environ[VARIABLE], ignore_errors=True)


def files(folder: Path) -> list[Path]:
    """List the files that hold anything: a process may have died, or be seen, before it has written to its own."""
    return [file for file in folder.glob("*.db") if file.stat().st_size]


def bury(process: int) -> None:
    """Add what a dead process counted to what all dead ones did, so that no number of deaths slows a scrape."""
    from prometheus_client.multiprocess import mark_process_dead

    if not is_made():
        return
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
    from service.observability.reserved_counts import ReservedDict

    sums = ReservedDict(str(total))
    # Private, as are the files' names: read in prometheus-client 0.26.0.
    for key, value, _, _ in ReservedDict.read_all_values_from_file(str(file)):
        sums.write_value(key, sums.read_value(key)[0] + value, 0.0)
    sums.close()


@contextmanager
def lock(kind: int) -> Iterator[Path]:
    """Lock the files: those who read them (fcntl.LOCK_SH) see none twice, while one is added to another (LOCK_EX)."""
    folder = Path(os.environ[VARIABLE])
    with open(folder / "lock", "w") as file:
        fcntl.flock(file, kind)
        yield folder
