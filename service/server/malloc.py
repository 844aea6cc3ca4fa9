"""Configures glibc's allocator so that freed memory of images goes back to the system."""

import ctypes
import threading
import time
from collections.abc import Callable
from contextlib import suppress

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # malloc.h
MMAP_THRESHOLD_BYTES = 2**20
TRIM_SECONDS = 1.0


def configure() -> None:
    """Return large blocks when they are freed, and use one arena for all threads. Forked processes inherit this.

    After 15,000 mutated requests to two workers, one arena for each thread took 5 MB more.
    """
    with suppress(AttributeError):  # other systems have no mallopt
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)
        mallopt(M_ARENA_MAX, 1)


def start_trimming() -> None:
    """Start a thread that returns all free pages every second; glibc alone returns those at the heap's end.

    A trim takes a millisecond. After 50,000 mutated requests, each of two workers had 12 MB less than without it. With
    a trim every 5 seconds, two workers had 6 MB more at the end of 80,000 requests; after it both had the same.
    """
    with suppress(AttributeError):
        trim = ctypes.CDLL(None).malloc_trim
        threading.Thread(target=_trim_forever, args=(trim,), name="malloc-trim", daemon=True).start()


def _trim_forever(trim: Callable[[int], object]) -> None:
    while True:
        time.sleep(TRIM_SECONDS)
        trim(0)
