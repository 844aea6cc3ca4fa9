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

# No line shows them, and finding them takes time (https://docs.python.org/3/howto/logging.html#optimization).
logging.logThreads = logging.logMultiprocessing = False

STANDARD_ERROR = 2  # file descriptor
JOIN_SECONDS = 1.0

log = logging.getLogger("standard_error")


class TextFormatter(logging.Formatter):
    """Time, process, level and message, followed by the record's fields as name=value.

    `fields` of a record is a list of dicts: the formatter writes one line for each.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s [%(process)d] [%(levelname)s] %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """Return the local time, to the millisecond."""
        return f"{_format_local(int(record.created))},{int(record.msecs):03}"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Return the lines. logging appends the traceback of an error to them."""
        start = super().formatMessage(record)
        lines = getattr(record, "fields", [{}])
        return "\n".join([" ".join([start, *[f"{name}={value}" for name, value in line.items()]]) for line in lines])


class JSONFormatter(logging.Formatter):
    """One line with a JSON object for each dict in the record's `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record. A traceback is one of the fields."""
        seconds, milliseconds = divmod(int(record.created * 1000), 1000)
        common = {
            "time": f"{_format_utc(seconds)}.{milliseconds:03}Z",
            "level": record.levelname.lower(),
            "process": record.process,
            "logger": record.name,
            "message": _escape(record.getMessage()),
        }
        last = {"traceback": _escape(self.formatException(record.exc_info))} if record.exc_info else {}
        lines = getattr(record, "fields", [{}])
        return b"\n".join(msgspec.json.encode(common | line | last) for line in lines).decode()


# Cached: all lines of a second share the result.
@lru_cache(1)
def _format_local(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))


@lru_cache(1)
def _format_utc(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def _escape(text: str) -> str:
    """Escape characters that UTF-8 can't encode: bytes of file names that are not UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def configuration(settings: Settings) -> dict[str, Any]:
    """Return the configuration of all logs, including gunicorn's, for logging.config.dictConfig."""
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
    """Return a handler for standard error. For JSON it is a copy: `follow_standard_error` replaces the original."""
    if settings.log_format == "text":
        return logging.StreamHandler()
    return logging.StreamHandler(open(os.dup(STANDARD_ERROR), "w", encoding="utf-8"))


def follow_standard_error() -> None:
    """Log each line that C++ libraries write to standard error, so that every line of a JSON log is JSON."""
    original = os.dup(STANDARD_ERROR)
    read_end, write_end = os.pipe()
    os.dup2(write_end, STANDARD_ERROR)
    os.close(write_end)
    thread = threading.Thread(target=_log_lines, args=(read_end,), name="standard-error", daemon=True)
    thread.start()

    def finish() -> None:
        os.dup2(original, STANDARD_ERROR)  # closes the pipe, and so ends the thread
        thread.join(JOIN_SECONDS)

    atexit.register(finish)


def _log_lines(read_end: int) -> None:
    with open(read_end, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            log.warning(line.rstrip())
