"""Log lines as text and as JSON: a line for each dict of fields, tracebacks, and bytes that are not UTF-8."""

import json
import logging
import sys
import time
from typing import Any

import pytest

from service.observability.log_format import JSONFormatter, TextFormatter, configuration
from service.settings import Settings

CREATED = 1_700_000_000.25  # 2023-11-14 22:13:20.250 UTC


def record(message: str = "request", error: BaseException | None = None, **more: Any) -> logging.LogRecord:
    attributes = {
        "name": "service",
        "levelname": "INFO",
        "msg": message,
        "process": 7,
        "created": CREATED,
        "msecs": 250,
    }
    info = (type(error), error, error.__traceback__) if error else None
    return logging.makeLogRecord(attributes | {"exc_info": info} | more)


def caught() -> Exception:
    try:
        raise ValueError("no \udcff value")
    except ValueError as error:
        return error


def test_text_has_a_line_for_each_dict_of_fields() -> None:
    start = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(CREATED)) + ",250 [7] [INFO] request"
    formatter = TextFormatter()
    assert formatter.format(record()) == start
    assert formatter.format(record(fields=[{"a": 1, "b": "x"}, {"a": 2}])) == f"{start} a=1 b=x\n{start} a=2"


def test_json_has_a_line_for_each_dict_of_fields() -> None:
    lines = JSONFormatter().format(record(fields=[{"a": 1}, {"a": 2}])).splitlines()
    common = {"time": "2023-11-14T22:13:20.250Z", "level": "info", "process": 7, "logger": "service"}
    assert [json.loads(line) for line in lines] == [common | {"message": "request", "a": number} for number in (1, 2)]


def test_a_traceback_follows_text_and_is_a_field_of_json() -> None:
    text = TextFormatter().format(record(error=caught()))
    assert text.splitlines()[1] == "Traceback (most recent call last):"
    line = json.loads(JSONFormatter().format(record(error=caught())))
    assert line["traceback"].endswith("ValueError: no \\udcff value")


def test_what_utf_8_cannot_hold_is_escaped_in_json() -> None:
    assert json.loads(JSONFormatter().format(record("file \udcff.png")))["message"] == "file \\udcff.png"


@pytest.mark.parametrize(("log_format", "formatter"), [("text", TextFormatter), ("json", JSONFormatter)])
def test_all_logs_go_to_standard_error_in_the_form_of_the_setting(log_format: Any, formatter: type) -> None:
    described = configuration(Settings(log_format=log_format, log_level="warning"))
    assert described["formatters"]["lines"]["()"] is formatter
    assert {name: logger["level"] for name, logger in described["loggers"].items()} == {
        "gunicorn.error": "WARNING", "service": "WARNING",
    }  # fmt: skip
    handlers = [logger["handlers"] for logger in [*described["loggers"].values(), described["root"]]]
    assert handlers == [["standard_error"]] * 3


def test_text_is_written_to_the_current_standard_error() -> None:
    described = configuration(Settings())["handlers"]["standard_error"]
    handler = described["()"](described["settings"])
    assert handler.stream is sys.stderr
