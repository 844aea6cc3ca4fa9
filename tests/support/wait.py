"""Waiting for a condition."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for what comes soon, and a minute at most."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
