"""The folder in which worker processes share their metrics. The master process creates and removes it."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client reads it when it is imported
MEMORY_FOLDER = "/dev/shm"  # noqa: S108
FILES_PER_PROCESS = 4  # prometheus-client writes one for each kind of metric, and for each mode of gauges
FILE_BYTES = 64 * 2**10  # the initial size in prometheus-client, which doubles a full file


def create_folder(workers: int) -> str | None:
    """Create the folder, set its variable for worker processes, and return its parent.

    Return None if no parent has space for the counts of all workers: each process then counts by itself.
    A master process that replaces this one on SIGUSR2 creates its own folder, as this one is removed.
    """
    os.environ.pop(FOLDER_VARIABLE, None)
    processes = 1 + 2 * workers  # the counts of all dead processes, and on SIGHUP the old workers beside the new
    parent = find_folder(processes * FILES_PER_PROCESS * FILE_BYTES)
    if parent:
        os.environ[FOLDER_VARIABLE] = tempfile.mkdtemp(prefix="mnist-metrics-", dir=parent)
    return parent


def find_folder(size: int) -> str | None:
    """Return the first folder for temporary files that has space for `size` bytes. Memory comes first."""
    return next((folder for folder in _temporary_folders() if _has_space(folder, size)), None)


def _temporary_folders() -> Iterator[str]:
    yield MEMORY_FOLDER
    with suppress(FileNotFoundError):  # no folder is writable
        yield tempfile.gettempdir()


def _has_space(folder: str, size: int) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            reserve(file.fileno(), size)
    except OSError:
        return False
    return True


def reserve(file: int, size: int) -> None:
    """Extend an open file to at least `size` bytes, and reserve the space for them.

    Raises:
        OSError: there is too little space.

    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    else:  # macOS
        os.truncate(file, max(size, os.fstat(file).st_size))


def has_folder() -> bool:
    """Return whether processes share their metrics."""
    return FOLDER_VARIABLE in os.environ


def remove_folder() -> None:
    """Remove the folder, at the end."""
    if has_folder():
        shutil.rmtree(os.environ[FOLDER_VARIABLE], ignore_errors=True)


def list_files(folder: Path) -> list[Path]:
    """Return the files that are not empty. A file is empty before its process has written to it."""
    return [file for file in folder.glob("*.db") if file.stat().st_size]


def merge_dead_process(process: int) -> None:
    """Add the counts of a dead process to the sums over dead processes, so that no number of deaths slows a scrape."""
    from prometheus_client.multiprocess import mark_process_dead

    if not has_folder():
        return
    with lock(fcntl.LOCK_EX) as folder:
        mark_process_dead(process)
        for file in list_files(folder):
            kind, _, owner = file.stem.rpartition("_")
            if owner == str(process):
                try:
                    _add(file, folder / f"{kind}_0.db")
                finally:
                    file.unlink()


def _add(file: Path, total: Path) -> None:
    from service.observability.reserved_counts import ReservedDict

    sums = ReservedDict(str(total))
    # Private, as are the names of the files: read in prometheus-client 0.26.0.
    for key, value, _, _ in ReservedDict.read_all_values_from_file(str(file)):
        sums.write_value(key, sums.read_value(key)[0] + value, 0.0)
    sums.close()


@contextmanager
def lock(kind: int) -> Iterator[Path]:
    """Lock the files to read (fcntl.LOCK_SH) or merge them (LOCK_EX): no count is read twice. Yield the folder."""
    folder = Path(os.environ[FOLDER_VARIABLE])
    with open(folder / "lock", "w") as file:
        fcntl.flock(file, kind)
        yield folder
