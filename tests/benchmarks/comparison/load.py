"""What a job measures."""

import msgspec


class Load(msgspec.Struct, frozen=True):
    """The result of a job: responses a second, median and 99th percentile of milliseconds, failed requests."""

    rate: float
    median: float
    p99: float
    failed: int
