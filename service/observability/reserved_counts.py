"""Counts in files whose space is reserved: the system ends a process that writes where the disk has none (SIGBUS)."""

import logging
import mmap
import os
from functools import cache

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

from service.observability.multiprocess_metrics import FILE_BYTES, reserve

ENTRY_BYTES = 32  # of a count, at most, beside its key

log = logging.getLogger(__name__)


# The base's private parts (_capacity, _f, _init_value, _m, _positions, _used), and that `values` looks the class up
# whenever it opens a file, were read in prometheus-client 0.26.0.
class ReservedDict(MmapedDict):
    """A file of counts. Where there is no space for it, the process keeps them in its memory, and says so once."""

    def __init__(self, filename: str) -> None:
        try:
            with open(filename, "ab") as file:
                reserve(file.fileno(), max(FILE_BYTES, file.tell()))
            super().__init__(filename)  # type: ignore[no-untyped-call]
        except OSError as error:
            _say(os.getpid(), error.strerror)
            self._f, self._positions, self._used = None, {}, 8  # type: ignore[assignment]
            self._m, self._capacity = mmap.mmap(-1, FILE_BYTES), FILE_BYTES

    def _init_value(self, key: str) -> None:
        """Add a count; there is room for it before the base class looks for any."""
        while self._used + len(key.encode()) + ENTRY_BYTES > self._capacity:
            larger = self._map(2 * self._capacity)
            larger[: self._capacity] = self._m[:]
            self._m, self._capacity = larger, 2 * self._capacity
        super()._init_value(key)  # type: ignore[no-untyped-call]

    def _map(self, size: int) -> mmap.mmap:
        """Map the file, made larger; or memory."""
        try:
            if self._f:
                reserve(self._f.fileno(), size)
                return mmap.mmap(self._f.fileno(), size)
        except OSError as error:
            _say(os.getpid(), error.strerror)
        return mmap.mmap(-1, size)


def install() -> None:
    """Let prometheus-client keep all counts in files so."""
    values.MmapedDict = ReservedDict  # type: ignore[assignment, attr-defined]


@cache
def _say(process: int, error: str | None) -> None:
    log.warning("There is no space for the counts of process %s (%s): /metrics lacks some of them.", process, error)
