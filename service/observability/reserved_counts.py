"""Files of counts with reserved space: the system ends a process that writes to a full disk by mmap (SIGBUS)."""

import logging
import mmap
import os
from functools import cache

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

from service.observability.multiprocess_metrics import FILE_BYTES, reserve

MAX_ENTRY_BYTES = 32  # of a count, without its key

log = logging.getLogger(__name__)


# The base's private parts (_capacity, _f, _init_value, _m, _positions, _used), and that `values` looks the class up
# whenever it opens a file, were read in prometheus-client 0.26.0.
class ReservedDict(MmapedDict):
    """A file of counts. Without space for the file, the process keeps the counts in memory, and logs that once."""

    def __init__(self, filename: str) -> None:
        try:
            with open(filename, "ab") as file:
                reserve(file.fileno(), max(FILE_BYTES, file.tell()))
            super().__init__(filename)  # type: ignore[no-untyped-call]
        except OSError as error:
            _log_missing_space(os.getpid(), error.strerror)
            self._f, self._positions, self._used = None, {}, 8  # type: ignore[assignment]
            self._m, self._capacity = mmap.mmap(-1, FILE_BYTES), FILE_BYTES

    def _init_value(self, key: str) -> None:
        """Add a count. This method enlarges the file first, so that the base class never does."""
        while self._used + len(key.encode()) + MAX_ENTRY_BYTES > self._capacity:
            larger = self._map(2 * self._capacity)
            larger[: self._capacity] = self._m[:]
            self._m, self._capacity = larger, 2 * self._capacity
        super()._init_value(key)  # type: ignore[no-untyped-call]

    def _map(self, size: int) -> mmap.mmap:
        """Enlarge the file and map it, or map memory if there is no space."""
        try:
            if self._f:
                reserve(self._f.fileno(), size)
                return mmap.mmap(self._f.fileno(), size)
        except OSError as error:
            _log_missing_space(os.getpid(), error.strerror)
        return mmap.mmap(-1, size)


def install() -> None:
    """Replace the files of prometheus-client by files with reserved space."""
    values.MmapedDict = ReservedDict  # type: ignore[assignment, attr-defined]


@cache
def _log_missing_space(process: int, error: str | None) -> None:
    log.warning("There is no space for the counts of process %s (%s): /metrics lacks some of them.", process, error)
