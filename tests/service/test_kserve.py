"""KServe's inference client against the service, in its own environment, as it pins other versions."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE
from typing import Any

import numpy as np
import pytest

from tests.support.grpc_server import serving_grpc
from tests.support.paths import SUPPORT
from tests.support.server import Server
from training.data.datasets import Dataset

KSERVE = "kserve==0.21.0"
CLIENT = SUPPORT / "kserve_client.py"

Ask = Callable[[str, str], dict[str, Any]]


@pytest.fixture(scope="session")
def ask(python_with: Callable[..., Path], mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Ask an address, in a protocol, for the first three test images."""
    python = python_with(KSERVE)
    images = tmp_path_factory.mktemp("kserve") / "images.npy"
    np.save(images, mnist.x_test[:3])

    with subprocess.Popen([python, CLIENT, images], stdin=PIPE, stdout=PIPE, text=True) as client:

        def ask(address: str, protocol: str) -> dict[str, Any]:
            assert client.stdin
            assert client.stdout
            print(protocol, address, file=client.stdin, flush=True)
            answers: dict[str, Any] = json.loads(client.stdout.readline())
            return answers

        yield ask


def test_v2(server: Server, ask: Ask) -> None:
    answers = ask(f"http://127.0.0.1:{server.port}", "v2")
    ready = [answers[name] for name in ("live", "ready", "model ready", "other model ready")]
    assert ready == [True, True, True, False]
    assert list(answers["answers"]) == ["FP32 binary", "FP32 JSON", "UINT8 binary", "UINT8 JSON"]
    for id_, probabilities in answers["answers"].values():
        assert id_ == "a"
        assert np.argmax(probabilities, axis=1).tolist() == [7, 2, 1]
        np.testing.assert_allclose(probabilities, answers["answers"]["FP32 JSON"][1], atol=1e-6)
    assert answers["rejected"].startswith("unexpected inference input 'x' for model 'mnist': it is 'image'., '400 ")


def test_grpc(ask: Ask) -> None:
    with serving_grpc("--workers", "1") as server:
        answers = ask(server.address, "grpc")
    ready = [answers[name] for name in ("live", "ready", "model ready", "other model ready")]
    assert ready == [True, True, True, False]
    assert list(answers["answers"]) == ["FP32 binary", "FP32 typed", "UINT8 binary", "UINT8 typed"]
    for id_, probabilities in answers["answers"].values():
        assert id_ == "a"
        assert np.argmax(probabilities, axis=1).tolist() == [7, 2, 1]
        np.testing.assert_allclose(probabilities, answers["answers"]["FP32 typed"][1], atol=1e-6)
    assert "unexpected inference input 'x' for model 'mnist': it is 'image'." in answers["rejected"]


def test_v1(server: Server, ask: Ask) -> None:
    answers = ask(f"http://127.0.0.1:{server.port}", "v1")
    assert answers["model ready"] is True
    assert np.argmax(answers["answer"]["predictions"], axis=1).tolist() == [7, 2, 1]
