"""Triton's extensions of the Open Inference Protocol that its tools use: configuration, statistics, and an index.

https://github.com/triton-inference-server/server/tree/main/docs/protocol: extension_model_configuration.md,
extension_statistics.md and extension_model_repository.md
"""

from collections import defaultdict
from typing import Annotated

import flask
import msgspec
from flask import Blueprint, request
from msgspec import Meta

from service.api.bodies import read_json
from service.api.error_responses import json_response
from service.api.open_inference.routes import PLATFORM, check_name, find_model
from service.api.openapi import operation
from service.api.routes import repository, settings
from service.errors import InvalidJSON, ModelError, UnknownModel, UnsupportedMediaType
from service.models.repository import State, Version
from service.models.store import NAME
from service.observability import metrics

routes = Blueprint("triton", __name__)

# Triton's names for the states of a version.
STATES: dict[State, str] = {
    "START": "LOADING",
    "LOADING": "LOADING",
    "AVAILABLE": "READY",
    "UNLOADING": "UNAVAILABLE",
    "END": "UNAVAILABLE",
}


class TensorConfig(msgspec.Struct, frozen=True):
    """An input or output of the model."""

    name: str
    data_type: str
    dims: Annotated[list[int], Meta(description="Of one image.")]


class InstanceGroup(msgspec.Struct, frozen=True):
    """Where the model runs, and in how many processes."""

    name: str
    kind: str
    count: Annotated[int, Meta(description="Worker processes.")]


class ModelConfig(msgspec.Struct, frozen=True):
    """A version's configuration, with the names of Triton's model_config.proto."""

    name: str
    platform: str
    backend: Annotated[str, Meta(description="The runtime: litert or tensorflow.")]
    version_policy: Annotated[dict[str, dict[str, int]], Meta(description="All versions are served.")]
    max_batch_size: Annotated[int, Meta(description="The maximum number of images in a request.")]
    input: list[TensorConfig]
    output: list[TensorConfig]
    instance_group: list[InstanceGroup]


class Duration(msgspec.Struct, frozen=True):
    """How often something happened, and how long it took in total."""

    count: int = 0
    ns: Annotated[int, Meta(description="Nanoseconds.")] = 0


class InferenceStatistics(msgspec.Struct, frozen=True):
    """The time in each part of inferences. There is no cache."""

    success: Annotated[Duration, Meta(description="Requests that were answered.")] = Duration()
    fail: Annotated[Duration, Meta(description="Requests that were rejected.")] = Duration()
    queue: Annotated[Duration, Meta(description="Waiting.")] = Duration()
    compute_input: Annotated[Duration, Meta(description="Reading and preparing images.")] = Duration()
    compute_infer: Annotated[Duration, Meta(description="Running the model.")] = Duration()
    compute_output: Annotated[Duration, Meta(description="Writing answers.")] = Duration()
    cache_hit: Duration = Duration()
    cache_miss: Duration = Duration()


class ModelStatistics(msgspec.Struct, frozen=True):
    """The statistics of a version since the start, over all worker processes."""

    name: str
    version: str
    last_inference: Annotated[int, Meta(description="Milliseconds since the epoch.")] = 0
    inference_count: Annotated[int, Meta(description="Images that were predicted.")] = 0
    execution_count: Annotated[int, Meta(description="Calls of the model.")] = 0
    inference_stats: InferenceStatistics = InferenceStatistics()
    batch_stats: Annotated[
        list[InferenceStatistics], Meta(description="Always empty: statistics are not kept by batch size.")
    ] = []


class Statistics(msgspec.Struct, frozen=True):
    """The statistics of versions."""

    model_stats: list[ModelStatistics]


class IndexRequest(msgspec.Struct, frozen=True):
    """Which versions to list."""

    ready: Annotated[bool, Meta(description="List only versions that accept requests.")] = False


class ModelIndex(msgspec.Struct, frozen=True):
    """A version and its state."""

    name: str
    version: str
    state: Annotated[str, Meta(description="READY, LOADING or UNAVAILABLE.")]
    reason: Annotated[str, Meta(description="Why it can't be served, or why it can't be the default.")]


@routes.get("/v2/models/<name>/config")
@routes.get("/v2/models/<name>/versions/<version>/config")
@operation(ModelConfig, errors=(UnknownModel, ModelError))
def config(name: str, version: str | None = None) -> flask.Response:
    """Return the configuration of the model, or of one of its versions."""
    model = find_model(name, version)
    return json_response(
        ModelConfig(
            NAME,
            PLATFORM,
            model.runtime.name,
            {"all": {}},
            settings().max_files,
            [TensorConfig(model.signature.input, "TYPE_FP32", [*model.signature.shape])],
            [TensorConfig(model.signature.output, "TYPE_FP32", [10])],
            [InstanceGroup(NAME, "KIND_CPU", settings().workers)],
        )
    )


@routes.get("/v2/models/stats")
@routes.get("/v2/models/<name>/stats")
@routes.get("/v2/models/<name>/versions/<version>/stats")
@operation(Statistics, errors=(UnknownModel, ModelError))
def stats(name: str = NAME, version: str | None = None) -> flask.Response:
    """Return the statistics of all versions, or of one."""
    check_name(name)
    numbers = repository().numbers() if version is None else [find_model(name, version).version]
    return json_response(Statistics([_statistics(number) for number in numbers]))


def _statistics(version: int) -> ModelStatistics:
    """Return the statistics of a version, by all protocols and over all worker processes."""
    totals = defaultdict(float, metrics.totals(version))
    succeeded, failed = (int(totals["mnist_version_requests_total", outcome]) for outcome in ("success", "fail"))
    parts = {part: _duration(succeeded, totals["mnist_version_seconds_total", part]) for part in metrics.REQUEST_PARTS}
    calls = int(totals["mnist_version_calls_total",])
    parts["compute_infer"] = msgspec.structs.replace(parts["compute_infer"], count=calls)
    return ModelStatistics(
        NAME,
        str(version),
        int(totals["mnist_version_last_answer_seconds",] * 1000),
        int(totals["mnist_confidence_count",]),
        calls,
        InferenceStatistics(
            success=Duration(succeeded, sum(part.ns for part in parts.values())),
            fail=_duration(failed, totals["mnist_version_seconds_total", "fail"]),
            **parts,
        ),
    )


def _duration(count: int, seconds: float) -> Duration:
    return Duration(count, int(seconds * 1e9))


@routes.post("/v2/repository/index")
@operation(list[ModelIndex], body=IndexRequest, is_body_required=False, errors=(InvalidJSON, UnsupportedMediaType))
def index() -> flask.Response:
    """List all versions, including those that can't be served."""
    options = read_json(request, IndexRequest)
    entries = [
        ModelIndex(NAME, str(version.number), STATES[version.state], version.problem or _unloaded_reason(version))
        for version in reversed(repository().versions())
        if version.state == "AVAILABLE" or not options.ready
    ]
    return json_response(entries)


def _unloaded_reason(version: Version) -> str:
    return "Unloaded: it is served under its number alone." if repository().is_withdrawn(version.number) else ""
