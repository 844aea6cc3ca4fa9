"""What Prometheus reads, over all worker processes.

The processes share it through files (multiprocess_metrics.py); under a gunicorn of your own each tells of itself.
"""

import fcntl
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from service.models.repository import Repository
from service.observability import multiprocess_metrics, reserved_counts

CONTENT_TYPE = CONTENT_TYPE_LATEST

reserved_counts.install()  # before there is a metric

REQUESTS = Counter("mnist_requests", "Requests answered.", ["route", "status"])
STAGE_SECONDS = Histogram(
    "mnist_stage_seconds",
    "Time to decode and to prepare a picture, to predict a batch, and of whole requests with pictures.",
    ["stage"],
    buckets=(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30),
)
PICTURES_IN_FLIGHT = Gauge("mnist_pictures_in_flight", "Pictures taken and not answered.", multiprocess_mode="livesum")
BATCH_PICTURES = Histogram(
    "mnist_batch_pictures", "Pictures predicted at once.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
)
DIGITS_PER_PICTURE = Histogram(
    "mnist_picture_digits", "Digits read in a picture, by /read.", buckets=(1, 2, 3, 5, 10, 20, 50, 100, 1000)
)
REJECTED = Counter("mnist_refused", "Requests and pictures of batches that were refused.", ["code"])
FAST_PATH_ERRORS = Counter(
    "mnist_fast_path_errors", "Errors of the fast path that are no refusals; the framework was asked instead."
)
DIGITS = Counter("mnist_predicted_digits", "Pictures predicted to be each digit.", ["version", "digit"])
CONFIDENCE = Histogram(
    "mnist_confidence",
    "Probability of the predicted digit.",
    ["version"],
    buckets=(0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1),
)
VERSION_STATE = Gauge(
    "mnist_version_state", "Worker processes that have a version in a state.", ["version", "state"],
    multiprocess_mode="livesum",
)  # fmt: skip
VERSION_LOADED = Gauge(
    "mnist_version_loaded", "Worker processes that hold a version in memory.", ["version"], multiprocess_mode="livesum"
)
VERSION_REQUESTS = Counter("mnist_version_requests", "Requests that a version was asked for.", ["version", "outcome"])
VERSION_SECONDS = Counter(
    "mnist_version_seconds", "Time of requests, by their parts; of those that failed.", ["version", "part"]
)
VERSION_LAST = Gauge(
    "mnist_version_last_answer_seconds", "When a version answered last, in seconds since 1970.", ["version"],
    multiprocess_mode="livemax",
)  # fmt: skip
VERSION_CALLS = Counter("mnist_version_calls", "Batches that a version predicted.", ["version"])
VERSION_REFUSED = Gauge(
    "mnist_version_refused", "Worker processes that refuse a version as it is on disk.", ["version"],
    multiprocess_mode="livesum",
)  # fmt: skip
VERSION_MISREADS = Gauge(
    "mnist_version_misreads", "Worker processes whose version reads most of a few known digits wrong.", ["version"],
    multiprocess_mode="livesum",
)  # fmt: skip

# The parts of a request, as the statistics of Triton name them.
PARTS = ("queue", "compute_input", "compute_infer", "compute_output")

stages = {name: STAGE_SECONDS.labels(name) for name in ("decode", "prepare", "predict", "whole")}


def count_answers(version: int, probabilities: NDArray[np.float32]) -> None:
    """Count the answers to a batch, float32 (n, 10), by digit and by confidence."""
    BATCH_PICTURES.observe(len(probabilities))
    child(VERSION_CALLS, version).inc()
    child(VERSION_LAST, version).set_to_current_time()
    digits = probabilities.argmax(axis=1).tolist()
    for digit in set(digits):
        child(DIGITS, version, digit).inc(digits.count(digit))
    observe_all(child(CONFIDENCE, version), probabilities.max(axis=1).tolist())


def observe_all(histogram: Histogram, values: Sequence[float]) -> None:
    """Observe many values by one write for each bucket: prometheus-client has one for each value."""
    # The histogram's private parts, as `observe` of prometheus-client 0.26.0 uses them.
    if values:
        histogram._sum.inc(sum(values))
    places = [bisect_left(histogram._upper_bounds, value) for value in values]
    for place in set(places):
        histogram._buckets[place].inc(places.count(place))


@cache  # to look it up takes as long as to count
def child(metric: Any, *labels: object) -> Any:
    """Give what counts for these labels of a metric; their values are few, such as routes and versions on disk."""
    return metric.labels(*labels)


class VersionGauges:
    """Keeps the gauges of versions as a repository has them."""

    def __init__(self) -> None:
        self._shown: set[tuple[Gauge, int, str]] = set()

    def update(self, repository: Repository) -> None:
        """Show the states of the versions; what is no longer so is shown as zero."""
        true = {(VERSION_STATE, version.number, str(version.state)) for version in repository.versions()}
        true |= {(VERSION_LOADED, version.number, "") for version in repository.versions() if version.model}
        true |= {(VERSION_REFUSED, version.number, "") for version in repository.versions() if version.reason}
        true |= {(VERSION_MISREADS, version.number, "") for version in repository.versions() if version.fault}
        self._shown |= true | {(VERSION_MISREADS, version.number, "") for version in repository.versions()}
        for gauge, number, state in self._shown:
            gauge.labels(*filter(None, (str(number), state))).set((gauge, number, state) in true)


def scrape(repository: Repository) -> bytes:
    """Write all metrics of all processes; of versions, those that are on disk."""
    present = {str(version.number) for version in repository.versions()}
    return generate_latest(_Present(_collector(), {None, *present}))


def totals(version: int) -> dict[tuple[str, ...], float]:
    """Sum what a version did in all processes, by a sample's name and the values of its other labels."""
    return {
        (sample.name, *(value for name, value in sample.labels.items() if name != "version")): sample.value
        for metric in _collector().collect()
        for sample in metric.samples
        if sample.labels.get("version") == str(version)
    }


def _collector() -> Collector:
    return _Shared() if multiprocess_metrics.is_made() else REGISTRY


class _Shared(Collector):
    """The metrics of all processes, none of which is being added to another."""

    def collect(self) -> Iterable[Metric]:
        # `merge` is in no documentation: read in prometheus-client 0.26.0.
        with multiprocess_metrics.lock(fcntl.LOCK_SH) as folder:
            metrics: Iterable[Metric] = MultiProcessCollector.merge(map(str, multiprocess_metrics.files(folder)))
        return metrics


class _Present(Collector):
    """Leaves out the versions that are no longer there, so that their number stays bounded."""

    def __init__(self, collector: Collector, versions: set[str | None]) -> None:
        self._collector, self._versions = collector, versions

    def collect(self) -> Iterable[Metric]:
        for metric in self._collector.collect():
            metric.samples = [each for each in metric.samples if each.labels.get("version") in self._versions]
            yield metric
