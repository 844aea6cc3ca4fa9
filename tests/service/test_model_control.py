"""Triton's client loads and unloads versions."""

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tritonclient.http import InferenceServerClient
from tritonclient.utils import InferenceServerException

from service.settings import DEFAULT_MODELS
from tests.support.server import serving
from tests.support.triton_requests import tensor
from tests.support.wait import wait_until

KEY = "a key"
KEYS = {"X-API-Key": KEY}


@pytest.fixture
def controlled(tmp_path: Path) -> Iterator[InferenceServerClient]:
    """Triton's client of a server that loads and unloads the versions that ship, for those who have a key."""
    models = shutil.copytree(DEFAULT_MODELS, tmp_path / "models")
    options = ("--workers", "2", "--models", str(models), "--model-control", "true")
    with (
        serving(*options, MNIST_API_KEYS=KEY) as server,
        InferenceServerClient(f"127.0.0.1:{server.port}") as client,
    ):
        yield client


def ask_default(client: InferenceServerClient) -> Any:
    """Return the version that answers a request without a version."""
    zeros = tensor(np.zeros((1, 784), np.float32))
    return client.infer("mnist", [zeros], headers=KEYS).get_response()["model_version"]


def list_unloaded(client: InferenceServerClient) -> list[str]:
    entries = client.get_model_repository_index(KEYS)
    return [entry["version"] for entry in entries if entry["reason"].startswith("Unloaded")]


def wait_for_default(client: InferenceServerClient, version: str) -> None:
    """Wait until both processes have a version as the default."""
    wait_until(lambda: all(ask_default(client) == version for _ in range(20)))


def test_versions_are_unloaded_and_loaded_by_tritons_client(controlled: InferenceServerClient) -> None:
    assert "model_repository" in controlled.get_server_metadata(KEYS)["extensions"]
    controlled.unload_model("mnist", KEYS)  # the default
    wait_for_default(controlled, "2")
    controlled.unload_model("mnist", KEYS, {"version": "1"}, unload_dependents=True)
    assert list_unloaded(controlled) == ["1", "3"]
    assert controlled.is_model_ready("mnist", "3", KEYS)
    controlled.load_model("mnist", KEYS, {"version": "3"})
    wait_for_default(controlled, "3")
    assert list_unloaded(controlled) == ["1"]
    controlled.load_model("mnist", KEYS)
    wait_until(lambda: list_unloaded(controlled) == [])


def test_what_may_not_be_loaded_or_unloaded(controlled: InferenceServerClient) -> None:
    for version in ("3", "2"):
        controlled.unload_model("mnist", KEYS, {"version": version})
    wrong: list[tuple[str, str, Callable[[], Any]]] = [
        ("409", "No other version of the model mnist is left", lambda: controlled.unload_model("mnist", KEYS)),
        ("404", "'mnist' version 9 is not found.", lambda: controlled.load_model("mnist", KEYS, {"version": "9"})),
        ("404", "unknown model: 'nope'", lambda: controlled.load_model("nope", KEYS)),
        ("400", "unknown field `config`", lambda: controlled.load_model("mnist", KEYS, config="{}")),
        ("401", "A key is needed", lambda: controlled.load_model("mnist")),
        ("401", "A key is needed", lambda: controlled.unload_model("mnist")),
    ]
    for status, message, call in wrong:
        with pytest.raises(InferenceServerException) as raised:
            call()
        assert raised.value.status() == status
        assert message in str(raised.value)
    assert list_unloaded(controlled) == ["2", "3"]


def test_processes_change_what_is_loaded_one_after_the_other(shipped: Path, tmp_path: Path) -> None:
    for number in range(1, 9):
        shutil.copytree(shipped, tmp_path / "mnist" / str(number))
    with serving("--models", str(tmp_path), "--workers", "2", "--model-control", "true") as server:
        server.wait_until_served(*map(str, range(8, 0, -1)))
        path = "/v2/repository/models/mnist/unload"
        bodies = [json.dumps({"parameters": {"version": number}}).encode() for number in range(2, 9)]
        with ThreadPoolExecutor() as pool:
            statuses = [status for status, _ in pool.map(lambda body: server.ask("POST", path, body), bodies)]
        assert statuses == [200] * 7
        assert server.ask("POST", path, b"")[1]["code"] == "last_version"
