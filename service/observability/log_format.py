"""Log lines: readable text, or JSON; to standard error."""

import atexit
import logging
import os
import threading
import time
from functools import lru_cache
from typing import Any

import msgspec

from service.settings import Settings

# No line has them, and finding them takes a part of its time (https://docs.python.org/3/howto/logging.html#optimization).
logging.logThreads = logging.logMultiprocessing = False

STANDARD_ERROR = 2
JOIN_SECONDS = 1.0

log = logging.getLogger("standard_error")


class TextFormatter(logging.Formatter):
    """Time, process, level and message, and after them what is known, as name=value.

    A record's `fields` are a list: there is a line for each.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s [%(process)d] [%(levelname)s] %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """Write when it was, to the millisecond."""
        return f"{_local_second(int(record.created))},{int(record.msecs):03}"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Write the lines, which the traceback of an error may follow."""
        start = super().formatMessage(record)
        each = getattr(record, "fields", [{}])
        return "\n".join([" ".join([start, *[f"{name}={value}" for name, value in fields.items()]]) for fields in each])


class JSONFormatter(logging.Formatter):
    """One JSON object a line, for each of a record's `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record; a traceback is a field of it."""
        seconds, milliseconds = divmod(int(record.created * 1000), 1000)
        line = {
            "time": f"{_second(seconds)}.{milliseconds:03}Z",
            "level": record.levelname.lower(),
            "process": record.process,
            "logger": record.name,
            "message": _escape(record.getMessage()),
        }
        last = {"traceback": _escape(self.formatException(record.exc_info))} if record.exc_info else {}
        each = getattr(record, "fields", [{}])
        return b"\n".join(msgspec.json.encode(line | fields | last) for fields in each).decode()


# The lines of a second share it.
@lru_cache(1)
def _local_second(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))


@lru_cache(1)
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def _escape(text: str) -> str:
    """Escape what UTF-8 can't hold: bytes of file names that are none."""
    return text.encode("utf-8", "backslashreplace").decode()


def configuration(settings: Settings) -> dict[str, Any]:
    """Describe where all logs go, gunicorn's among them, for logging.config.dictConfig."""
    loggers = ("gunicorn.error", "service")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": TextFormatter if settings.log_format == "text" else JSONFormatter}},
        "handlers": {"standard_error": {"()": _handler, "settings": settings, "formatter": "lines"}},
        "loggers": {
            name: {"level": settings.log_level.upper(), "handlers": ["standard_error"], "propagate": False}
            for name in loggers
        },
        "root": {"level": "WARNING", "handlers": ["standard_error"]},
    }


def _handler(settings: Settings) -> logging.Handler:
    """Write to standard error; where that is followed, to what it was before."""
    if settings.log_format == "text":
        return logging.StreamHandler()
    return logging.StreamHandler(open(os.dup(STANDARD_ERROR), "w", encoding="utf-8"))


def follow_standard_error() -> None:
    """Log, line by line, what libraries written in C++ write to standard error: all of a log of JSON lines is JSON."""
    before = os.dup(STANDARD_ERROR)
    reading, writing = os.pipe()
    os.dup2(writing, STANDARD_ERROR)
    os.close(writing)
    thread = threading.Thread(target=_log_lines, args=(reading,), name="standard-error", daemon=True)
    thread.start()

    def finish() -> None:
        os.dup2(before, STANDARD_ERROR)  # which ends the pipe, and so the thread
        thread.join(JOIN_SECONDS)

    atexit.register(finish)


def _log_lines(reading: int) -> None:
    with open(reading, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            log.warning(line.rstrip())
