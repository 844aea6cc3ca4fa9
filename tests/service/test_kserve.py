"""KServe's own inference client against the service; it gets an environment of its own, as it pins what we don't."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Server
from training.data.datasets import Dataset

KSERVE = "kserve==0.21.0"
CLIENT = Path(__file__).with_name("kserve_client.py")

Ask = Callable[[Server, str], dict[str, Any]]


@pytest.fixture(scope="session")
def ask(python_with: Callable[..., Path], mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Ask a server, in a protocol, for the first three test images."""
    python = python_with(KSERVE)
    pictures = tmp_path_factory.mktemp("kserve") / "pictures.npy"
    np.save(pictures, mnist.x_test[:3])

    def ask(server: Server, protocol: str) -> dict[str, Any]:
        command = python, CLIENT, protocol, f"http://127.0.0.1:{server.port}", pictures
        done = subprocess.run([*map(str, command)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        answers: dict[str, Any] = json.loads(done.stdout)
        return answers

    return ask


def test_v2(server: Server, ask: Ask) -> None:
    got = ask(server, "v2")
    assert [got[name] for name in ("live", "ready", "model ready", "other model ready")] == [True, True, True, False]
    assert list(got["answers"]) == ["FP32 binary", "FP32 JSON", "UINT8 binary", "UINT8 JSON"]
    for id_, probabilities in got["answers"].values():
        assert id_ == "a"
        assert np.argmax(probabilities, axis=1).tolist() == [7, 2, 1]
        np.testing.assert_allclose(probabilities, got["answers"]["FP32 JSON"][1], atol=1e-6)
    assert got["refused"].startswith("unexpected inference input 'x' for model 'mnist': it is 'image'., '400 ")


def test_v1(server: Server, ask: Ask) -> None:
    got = ask(server, "v1")
    assert got["model ready"] is True
    assert np.argmax(got["answer"]["predictions"], axis=1).tolist() == [7, 2, 1]
