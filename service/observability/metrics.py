"""The metrics that Prometheus scrapes, summed over all worker processes.

The processes share them in files (multiprocess_metrics.py). Under another gunicorn configuration or server there are no
such files, and each process shows its own metrics.
"""

import fcntl
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from service.feedback.store import FOLDERS
from service.models.repository import Repository
from service.observability import multiprocess_metrics, reserved_counts

CONTENT_TYPE = CONTENT_TYPE_LATEST

reserved_counts.install()  # before the first metric is created

REQUESTS = Counter("mnist_requests", "Requests answered.", ["route", "status"])
STAGE_SECONDS = Histogram(
    "mnist_stage_seconds",
    "Time to decode and to prepare an image, to predict a batch, and to answer a whole request with images.",
    ["stage"],
    buckets=(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30),
)
IMAGES_IN_FLIGHT = Gauge(
    "mnist_pictures_in_flight", "Images received and not yet answered.", multiprocess_mode="livesum"
)
BATCH_IMAGES = Histogram(
    "mnist_batch_pictures", "Images predicted in one call.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
)
DIGITS_PER_IMAGE = Histogram(
    "mnist_picture_digits", "Digits read in an image by /read.", buckets=(1, 2, 3, 5, 10, 20, 50, 100, 1000)
)
REJECTED = Counter("mnist_refused", "Requests, and images of batches, that were rejected.", ["code"])
FAST_PATH_ERRORS = Counter(
    "mnist_fast_path_errors", "Errors of the fast path, without rejections; Flask answered these requests."
)
DIGITS = Counter("mnist_predicted_digits", "Images predicted as each digit.", ["version", "digit"])
CONFIDENCE = Histogram(
    "mnist_confidence",
    "Probability of the predicted digit.",
    ["version"],
    buckets=(0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1),
)
VERSION_STATE = Gauge(
    "mnist_version_state", "Worker processes in which a version has this state.", ["version", "state"],
    multiprocess_mode="livesum",
)  # fmt: skip
VERSION_LOADED = Gauge(
    "mnist_version_loaded", "Worker processes that have loaded a version.", ["version"], multiprocess_mode="livesum"
)
VERSION_REQUESTS = Counter("mnist_version_requests", "Requests for a version.", ["version", "outcome"])
VERSION_SECONDS = Counter(
    "mnist_version_seconds", "Seconds of successful requests by part, and of failed requests.", ["version", "part"]
)
VERSION_LAST = Gauge(
    "mnist_version_last_answer_seconds", "Time of the last answer of a version, in seconds since 1970.", ["version"],
    multiprocess_mode="livemax",
)  # fmt: skip
VERSION_CALLS = Counter("mnist_version_calls", "Batches that a version predicted.", ["version"])
VERSION_REFUSED = Gauge(
    "mnist_version_refused", "Worker processes that rejected the files of a version.", ["version"],
    multiprocess_mode="livesum",
)  # fmt: skip
VERSION_MISREADS = Gauge(
    "mnist_version_misreads", "Worker processes in which a version misreads most of the known digits.", ["version"],
    multiprocess_mode="livesum",
)  # fmt: skip
CORRECTIONS = Counter("mnist_corrections", "Answers that were corrected.", ["version", "digit"])

# The parts of a request, by their names in Triton's statistics.
REQUEST_PARTS = ("queue", "compute_input", "compute_infer", "compute_output")

stages = {name: STAGE_SECONDS.labels(name) for name in ("decode", "prepare", "predict", "whole")}


def count_predictions(version: int, probabilities: NDArray[np.float32]) -> None:
    """Count the predictions of a batch, float32 (n, 10), by digit and by confidence."""
    BATCH_IMAGES.observe(len(probabilities))
    child(VERSION_CALLS, version).inc()
    child(VERSION_LAST, version).set_to_current_time()
    digits = probabilities.argmax(axis=1).tolist()
    for digit in set(digits):
        child(DIGITS, version, digit).inc(digits.count(digit))
    observe_all(child(CONFIDENCE, version), probabilities.max(axis=1).tolist())


def observe_all(histogram: Histogram, values: Sequence[float]) -> None:
    """Observe many values with one write to each bucket: prometheus-client needs one for each value."""
    # The histogram's private parts, as `observe` of prometheus-client 0.26.0 uses them.
    if values:
        histogram._sum.inc(sum(values))
    buckets = [bisect_left(histogram._upper_bounds, value) for value in values]
    for bucket in set(buckets):
        histogram._buckets[bucket].inc(buckets.count(bucket))


@cache  # `labels` takes as long as the count itself
def child(metric: Any, *labels: object) -> Any:
    """Return the child of a metric with these labels, which must have few values, such as routes and versions."""
    return metric.labels(*labels)


class VersionGauges:
    """The gauges of the versions in a repository."""

    def __init__(self, counts_corrections: bool = False) -> None:
        self._counts_corrections = counts_corrections
        self._shown: set[tuple[Gauge, tuple[object, ...]]] = set()  # each with the values of its labels

    def update(self, repository: Repository) -> None:
        """Set the gauges to the states of the versions. A state that has ended is zero."""
        versions = repository.versions()
        if self._counts_corrections:
            _start_corrections([version.number for version in versions])
        current: set[tuple[Gauge, tuple[object, ...]]] = set()
        current |= {(VERSION_STATE, (version.number, version.state)) for version in versions}
        current |= {(VERSION_LOADED, (version.number,)) for version in versions if version.model}
        current |= {(VERSION_REFUSED, (version.number,)) for version in versions if version.error}
        current |= {(VERSION_MISREADS, (version.number,)) for version in versions if version.fault}
        self._shown |= current | {(VERSION_MISREADS, (version.number,)) for version in versions}
        for gauge, labels in self._shown:
            child(gauge, *labels).set((gauge, labels) in current)


def _start_corrections(versions: Iterable[int]) -> None:
    """Begin the counts of corrections at zero: Prometheus does not see an increase to the first value of a count."""
    for version, digit in product(versions, FOLDERS):
        child(CORRECTIONS, version, digit)


def scrape(repository: Repository) -> bytes:
    """Write the metrics of all processes, without the versions that are no longer on disk."""
    versions = {str(version.number) for version in repository.versions()}
    return generate_latest(_PresentVersions(_collector(), {None, *versions}))


def totals(version: int) -> dict[tuple[str, ...], float]:
    """Return the samples of a version, over all processes, by their names and the values of their other labels."""
    return {
        (sample.name, *(value for name, value in sample.labels.items() if name != "version")): sample.value
        for metric in _collector().collect()
        for sample in metric.samples
        if sample.labels.get("version") == str(version)
    }


def _collector() -> Collector:
    return _SharedMetrics() if multiprocess_metrics.has_folder() else REGISTRY


class _SharedMetrics(Collector):
    """The metrics of all processes."""

    def collect(self) -> Iterable[Metric]:
        # `merge` is in no documentation: read in prometheus-client 0.26.0.
        with multiprocess_metrics.lock(fcntl.LOCK_SH) as folder:
            metrics: Iterable[Metric] = MultiProcessCollector.merge(map(str, multiprocess_metrics.list_files(folder)))
        return metrics


class _PresentVersions(Collector):
    """The metrics without the samples of deleted versions, so that their number stays bounded."""

    def __init__(self, collector: Collector, versions: set[str | None]) -> None:
        self._collector, self._versions = collector, versions

    def collect(self) -> Iterable[Metric]:
        for metric in self._collector.collect():
            metric.samples = [sample for sample in metric.samples if sample.labels.get("version") in self._versions]
            yield metric
