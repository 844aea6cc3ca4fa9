"""Training writes the next version, whole or not at all, and the service serves it."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from subprocess import PIPE

import keras
import numpy as np
import pytest

from service.models import store
from service.models.runtimes import LITERT_MODEL, LiteRT, TensorFlow
from service.preparation.normalize import to_vectors
from tests.support.images import png
from tests.support.paths import ROOT
from tests.support.server import serving
from tests.support.training import run_training, write_part
from training import export
from training.data.datasets import Dataset
from training.errors import ExportError
from training.fit import fit
from training.model.recipes import RECIPES, build_dense


def test_same_seed_gives_the_same_weights(mnist: Dataset) -> None:
    part = mnist.train[:5000]
    first, again, other = (fit(RECIPES["dense"], part, seed)[0].get_weights() for seed in (4, 4, 5))
    assert all(np.array_equal(left, right) for left, right in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


@pytest.mark.slow
def test_command_makes_versions_that_the_service_serves(mnist: Dataset, tmp_path: Path) -> None:
    overrides = (
        "--recipe", "dense", "--epochs", 1, "--batch-size", 100, "--optimizer", "momentum", "--learning-rate", 0.05,
        "--seed", 7, "--evaluate-on", 1, "--data", write_part(mnist, tmp_path),
    )  # fmt: skip
    for number in (1, 2):
        result = run_training("--models", tmp_path, *overrides)  # in this process names would be counted on
        assert result.returncode == 0, result.stderr
        assert f"Version {number} is in" in result.stdout
        assert "60/60" in result.stdout  # Keras's progress bar
    first, second = list(store.find_versions(tmp_path / "mnist").values())
    card = json.loads((second / store.CARD).read_text())
    assert card["settings"] == {
        "optimizer": "momentum",
        "epochs": 1,
        "batch_size": 100,
        "learning_rate": 0.05,
        "augmented": False,
        "held_out": 0,
        "uploads": 0,
        "hands": 0,
        "scenes": 0,
        "numbers": 0,
        "repeats": 1,
        "outliers": 0,
        "rho": 0.0,
    }
    assert card["seed"] == 7
    assert store.verify(second).files
    assert (first / "assets.extra/model.tflite").read_bytes() == (second / "assets.extra/model.tflite").read_bytes()
    with serving("--models", str(tmp_path)) as server:
        _, answer = server.post(png(mnist.x_test[0]))
    assert (answer["digit"], answer["model"]["version"]) == (7, "2")


def test_signature_and_runtimes(shipped: Path, mnist: Dataset) -> None:
    vectors = to_vectors(mnist.x_test)
    tensorflow, litert = TensorFlow(shipped), LiteRT(shipped)
    expected = tensorflow.predict(vectors)
    assert (expected.shape, str(expected.dtype)) == ((10000, 10), "float32")
    for size in (10000, 1, 3, 1):
        np.testing.assert_allclose(litert.predict(vectors[:size]), expected[:size], atol=1e-5)


def test_a_litert_model_that_differs_is_refused(
    mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keras.utils.set_random_seed(0)
    other = tmp_path / "other"
    export.write_saved_model(build_dense(), other)

    def convert_another(version: Path) -> None:
        convert(other)
        (version / "assets.extra").mkdir()
        (other / LITERT_MODEL).rename(version / LITERT_MODEL)

    convert = export.convert_to_litert
    monkeypatch.setattr(export, "convert_to_litert", convert_another)
    with pytest.raises(ExportError, match="differ"):
        export.write_version(build_dense(), tmp_path / "version", to_vectors(mnist.x_test[:32]))


@pytest.mark.slow
def test_killed_at_any_moment_it_leaves_no_version_that_is_not_whole(shipped: Path, tmp_path: Path) -> None:
    # Forks a process for each line, as importing TensorFlow takes seconds.
    program = f"""
import os, shutil, sys, tempfile
from pathlib import Path
from training.export import publish
folder = Path({str(tmp_path)!r}) / "mnist"
folder.mkdir()
for _ in sys.stdin:
    if process := os.fork():
        print(process, flush=True)
        os.waitpid(process, 0)
        continue
    while True:
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=folder) as staging:
            publish(Path(shutil.copytree({str(shipped)!r}, staging + "/version")), folder)
"""
    with subprocess.Popen([sys.executable, "-uc", program], cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True) as parent:
        assert parent.stdin
        assert parent.stdout
        for moment in range(5):
            print(file=parent.stdin, flush=True)
            process = int(parent.stdout.readline())
            time.sleep(random.Random(moment).uniform(0.05, 0.3))  # noqa: S311
            os.kill(process, signal.SIGKILL)
            versions = list(store.find_versions(tmp_path / "mnist").values())
            assert versions
            assert all(store.verify(version).files for version in versions)
        parent.stdin.close()
