"""Log lines: readable text, or JSON; to standard error."""

import logging
import time
from typing import Any

import msgspec

from service.settings import Settings


class TextFormatter(logging.Formatter):
    """Time, process, level and message, and after them what is known, as name=value."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s [%(process)d] [%(levelname)s] %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Write the line, which the traceback of an error may follow."""
        fields = getattr(record, "fields", {})
        return " ".join([super().formatMessage(record), *(f"{name}={value}" for name, value in fields.items())])


class JSONFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record; a traceback is a field of it."""
        seconds, milliseconds = divmod(int(record.created * 1000), 1000)
        line = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{milliseconds:03}Z",
            "level": record.levelname.lower(),
            "process": record.process,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def configuration(settings: Settings) -> dict[str, Any]:
    """Describe where all logs go, gunicorn's among them, for logging.config.dictConfig."""
    loggers = ("gunicorn.error", "service")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": TextFormatter if settings.log_format == "text" else JSONFormatter}},
        "handlers": {"standard_error": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "loggers": {
            name: {"level": settings.log_level.upper(), "handlers": ["standard_error"], "propagate": False}
            for name in loggers
        },
        "root": {"level": "WARNING", "handlers": ["standard_error"]},
    }
