"""Triton's extensions: the configuration, statistics and index that its client asks for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tritonclient.http import InferenceServerClient
from tritonclient.utils import InferenceServerException

from tests.support.models import copy_version
from tests.support.server import Server, serving
from tests.support.triton_requests import ask
from training.data.datasets import Dataset


@pytest.fixture
def client(server: Server) -> Iterator[InferenceServerClient]:
    with InferenceServerClient(f"127.0.0.1:{server.port}") as client:
        yield client


def test_configuration(client: InferenceServerClient) -> None:
    config = client.get_model_config("mnist", "3")
    assert config["max_batch_size"] == 1000
    assert config["input"] == [{"name": "image", "data_type": "TYPE_FP32", "dims": [784]}]
    assert config["output"] == [{"name": "probabilities", "data_type": "TYPE_FP32", "dims": [10]}]
    assert config["version_policy"] == {"all": {}}
    assert config == client.get_model_config("mnist")


def test_statistics_have_the_form_of_tritons(client: InferenceServerClient, server: Server) -> None:
    all_stats = client.get_inference_statistics()["model_stats"]
    assert all_stats == client.get_inference_statistics("mnist")["model_stats"]
    versions = [(stats["name"], stats["version"]) for stats in all_stats]
    assert versions == [("mnist", "1"), ("mnist", "2"), ("mnist", "3")]
    (version_stats,) = client.get_inference_statistics("mnist", "2")["model_stats"]
    assert {"last_inference", "inference_count", "execution_count", "batch_stats"} < version_stats.keys()
    parts = ["success", "fail", "queue", "compute_input", "compute_infer", "compute_output", "cache_hit", "cache_miss"]
    assert list(version_stats["inference_stats"]) == parts
    assert all(duration.keys() == {"count", "ns"} for duration in version_stats["inference_stats"].values())
    assert server.ask("GET", "/v2/models/nope/stats")[0] == 404
    assert server.ask("GET", "/v2/models/mnist/versions/9/stats")[0] == 404


def test_statistics_count_over_all_processes(client: InferenceServerClient, mnist: Dataset) -> None:
    def count() -> dict[str, Any]:
        stats: dict[str, Any] = client.get_inference_statistics("mnist", "1")["model_stats"][0]
        return stats

    before = count()
    for _ in range(10):
        ask(client, mnist.x_test[:3], model_version="1")
        with pytest.raises(InferenceServerException):
            ask(client, mnist.x_test[:0], model_version="1")
    after = count()
    assert after["inference_count"] - before["inference_count"] == 30
    assert after["execution_count"] - before["execution_count"] == 10
    assert after["last_inference"] > 1.7e12
    for part in ("success", "fail", "compute_infer", "compute_input", "compute_output"):
        first, last = before["inference_stats"][part], after["inference_stats"][part]
        assert last["count"] - first["count"] == 10
        assert last["ns"] > first["ns"]


def test_index_has_the_state_of_every_version(shipped: Path, tmp_path: Path) -> None:
    damaged = copy_version(shipped, tmp_path)
    (damaged / "saved_model.pb").write_bytes(b"")
    copy_version(shipped, tmp_path / "other").rename(tmp_path / "mnist" / "3")
    with (
        serving("--models", str(tmp_path), "--workers", "1") as server,
        InferenceServerClient(f"127.0.0.1:{server.port}") as client,
    ):
        ready, rejected = client.get_model_repository_index()
        assert ready == {"name": "mnist", "version": "3", "state": "READY", "reason": ""}
        assert (rejected["version"], rejected["state"]) == ("9", "UNAVAILABLE")
        assert "saved_model.pb" in rejected["reason"]
        assert server.ask("POST", "/v2/repository/index", b'{"ready": true}') == (200, [ready])
        assert server.ask("POST", "/v2/repository/index", b"{}") == (200, [ready, rejected])
        assert server.ask("POST", "/v2/repository/index", b"[]")[0] == 400
        assert client.get_model_metadata("mnist")["versions"] == ["3"]
        assert not client.is_model_ready("mnist", "9")
