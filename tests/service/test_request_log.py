"""The entry of a request: its identifiers, its fields, and what it adds to the metrics."""

import logging
from typing import Any

import numpy as np
import pytest
from prometheus_client import REGISTRY

from service.errors import Overloaded
from service.observability import request_log
from service.observability.request_log import LINES_PER_WRITE, LogEntry

SEVEN = np.eye(10, dtype=np.float32)[[7]]
VERSION = 99  # no other test counts its requests


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "service.requests")


def lines(caplog: pytest.LogCaptureFixture) -> list[list[dict[str, Any]]]:
    return [vars(record)["fields"] for record in caplog.records if record.name == "service.requests"]


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


def test_an_entry_of_one_image_has_its_digit_and_confidence() -> None:
    entry = LogEntry({"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "12", "HTTP_X_REQUEST_ID": "me"})
    entry.version = VERSION
    entry.on_images(1)
    entry.on_predictions(VERSION, SEVEN)
    entry.on_response("/predict", 200)
    request_log.write_entries([entry])
    fields = entry.fields()
    assert fields.pop("milliseconds") == round((entry.answered - entry.arrived) * 1000, 3)
    assert fields == {
        "method": "POST", "route": "/predict", "status": 200, "bytes": 12, "pictures": 1, "version": VERSION,
        "digit": 7, "confidence": 1, "id": "me",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "a b", "a\nb", "x" * 129])
def test_an_identifier_that_could_break_a_line_is_replaced(text: str) -> None:
    entry = LogEntry({"HTTP_X_REQUEST_ID": text, "HTTP_TRACEPARENT": text})
    assert len(entry.id) == 32
    assert entry.traceparent is None


def test_an_entry_without_a_whole_request_has_no_bytes() -> None:
    assert LogEntry({"CONTENT_LENGTH": "many"}).fields()["bytes"] == 0
    assert LogEntry({}).fields()["bytes"] == 0


def test_the_parts_of_a_request_follow_each_other() -> None:
    entry = LogEntry({request_log.ARRIVAL_KEY: 0.0})
    with entry.stage("predict"):
        pass
    entry.on_response("/predict", 200)
    times = entry.times()
    assert times[0] == 0.0
    assert times == tuple(sorted(times))
    assert times[2:4] == entry.intervals["predict"][0]


def test_entries_written_together_are_counted_and_share_writes(caplog: pytest.LogCaptureFixture) -> None:
    version = str(VERSION)
    requests, calls, in_flight = (
        count("mnist_version_requests_total", version=version, outcome="success"),
        count("mnist_version_calls_total", version=version),
        count("mnist_pictures_in_flight"),
    )
    entries = [LogEntry({}) for _ in range(LINES_PER_WRITE + 1)]
    for entry in entries:
        entry.version = VERSION
        entry.on_batched_predictions((entry.started, entry.started), SEVEN)
        entry.on_response("/predict", 200)
    assert count("mnist_pictures_in_flight") == in_flight + len(entries)
    request_log.write_entries(entries)
    assert count("mnist_pictures_in_flight") == in_flight
    assert [len(fields) for fields in lines(caplog)] == [LINES_PER_WRITE, 1]
    assert count("mnist_version_requests_total", version=version, outcome="success") == requests + len(entries)
    assert count("mnist_version_calls_total", version=version) == calls  # the caller counts the batch


def test_images_are_not_in_flight_where_the_entry_does_not_count_them() -> None:
    before = count("mnist_pictures_in_flight")
    entry = LogEntry({}, counts_in_flight=False)
    entry.on_images(3)
    assert entry.images == 3
    assert count("mnist_pictures_in_flight") == before


def test_failed_requests_of_a_version_are_counted_as_such() -> None:
    before = count("mnist_version_requests_total", version=str(VERSION), outcome="fail")
    entry = LogEntry({})
    entry.version = VERSION
    entry.on_response("/predict", 422)
    request_log.write_entries([entry])
    assert count("mnist_version_requests_total", version=str(VERSION), outcome="fail") == before + 1


def test_a_rejection_is_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    before = count("mnist_refused_total", code="overloaded")
    identifier = request_log.log_rejection(Overloaded("The queue is full."), {"REQUEST_METHOD": "POST"})
    [[line]] = lines(caplog)
    assert (line["id"], line["method"], line["route"], line["status"]) == (identifier, "POST", "none", 503)
    assert count("mnist_refused_total", code="overloaded") == before + 1
