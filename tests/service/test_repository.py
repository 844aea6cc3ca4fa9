"""Versions are added, removed, replaced and rejected while requests are served."""

import base64
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from service.errors import ModelError, UnknownLabel, UnknownModel
from service.models import store
from service.models.loading import load
from service.models.repository import Repository
from service.models.store import VersionPolicy
from service.preparation.normalize import to_vectors
from service.settings import Settings
from tests.support.models import save_variant
from tests.support.paths import SEVEN
from tests.support.scrape import Scrape
from tests.support.server import Server, serving, workers
from tests.support.wait import wait_until
from training.data.datasets import Dataset

DIGIT = SEVEN.read_bytes()

Settled = Callable[..., Repository]


def copy(shipped: Path, models: Path, number: int) -> Path:
    """Put a copy of the shipped version in place as another, in one step, as training does."""
    hidden = models / "mnist" / f".copy-{number}"
    shutil.copytree(shipped, hidden, ignore=shutil.ignore_patterns("report"))
    card = json.loads((hidden / store.CARD).read_text())
    files = {name: digest for name, digest in card["files"].items() if (hidden / name).exists()}
    (hidden / store.CARD).write_text(json.dumps(card | {"files": files}))
    return hidden.rename(models / "mnist" / str(number))


@pytest.fixture
def folder(shipped: Path, tmp_path: Path) -> Path:
    """A folder of models with the versions 3 and 5."""
    for number in (3, 5):
        copy(shipped, tmp_path / "models", number)
    return tmp_path / "models"


def states(repository: Repository) -> dict[int, str]:
    return {version.number: version.state for version in repository.versions()}


@pytest.fixture
def settled() -> Iterator[Callable[..., Repository]]:
    """Makes repositories that have tried to load every version on disk."""
    repositories = []

    def make(folder: Path, **options: Any) -> Repository:
        repository = Repository(Settings(models=folder, **options))
        repositories.append(repository)
        wait_until(lambda: not set(states(repository).values()) & {"START", "LOADING"})
        return repository

    yield make
    for repository in repositories:
        repository.close()


def test_all_are_served_under_their_numbers_and_the_highest_is_the_default(settled: Settled, folder: Path) -> None:
    repository = settled(folder)
    assert states(repository) == {5: "AVAILABLE", 3: "AVAILABLE"}
    assert repository.default().version == 5
    assert [repository.model(number).version for number in (3, 5)] == [3, 5]
    with pytest.raises(UnknownModel):
        repository.model(4)


def test_a_new_version_becomes_the_default_and_goes_when_removed(settled: Settled, folder: Path, shipped: Path) -> None:
    repository = settled(folder)
    copy(shipped, folder, 7)
    wait_until(lambda: repository.default().version == 7)
    shutil.rmtree(folder / "mnist" / "7")
    wait_until(lambda: repository.default().version == 5)
    assert states(repository) == {5: "AVAILABLE", 3: "AVAILABLE"}
    with pytest.raises(UnknownModel):
        repository.model(7)


def test_a_version_that_another_process_has_found_is_found_at_once(
    settled: Settled, folder: Path, shipped: Path
) -> None:
    repository = settled(folder)
    copy(shipped, folder, 7)
    assert repository.model(7).version == 7


def spoil(version: Path, how: str) -> None:
    """Change a version so that it must be rejected."""
    graph = version / "saved_model.pb"
    if how == "torn":
        (version / "variables" / "variables.index").unlink()
    elif how == "corrupt":
        graph.write_bytes(graph.read_bytes()[:-1] + b"!")
    elif how == "empty":
        shutil.rmtree(version)
        version.mkdir()
    else:
        shutil.rmtree(version)
        save_bare(version, how)


def save_bare(version: Path, how: str) -> None:
    model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(5 if how == "other shapes" else 10)])
    if how == "NaN":
        model.set_weights([np.full((784, 10), np.nan), np.zeros(10)])
    model.export(str(version), verbose=False)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("torn", "is not complete: variables/variables.index is missing"),
        ("corrupt", "is damaged: saved_model.pb is not as its model card records it"),
        ("empty", "is empty: copy the files of a SavedModel into it"),
        ("other shapes", "must be (n, 10)"),
        ("NaN", "its answers are not all numbers"),
        ("logits", "its answers are no probabilities"),
    ],
)
def test_a_bad_version_is_refused_and_the_old_one_keeps_serving(
    settled: Settled, folder: Path, shipped: Path, how: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    repository = settled(folder)
    spoil(copy(shipped, folder, 7), how)
    wait_until(lambda: states(repository).get(7) == "END" and reason in repository.versions()[0].error)
    assert reason in caplog.text
    assert repository.default().version == 5
    with pytest.raises(UnknownModel, match="can't be served"):
        repository.model(7)


def test_a_refused_version_is_taken_once_it_is_whole(settled: Settled, folder: Path, shipped: Path) -> None:
    repository = settled(folder)
    version = copy(shipped, folder, 7)
    graph = (version / "saved_model.pb").read_bytes()
    (version / "saved_model.pb").write_bytes(graph[:100])
    wait_until(lambda: states(repository).get(7) == "END")
    (version / "saved_model.pb").write_bytes(graph)
    wait_until(lambda: repository.default().version == 7)
    assert repository.versions()[0].error == ""


def test_a_loaded_version_that_is_spoilt_on_disk_keeps_serving(settled: Settled, folder: Path, mnist: Dataset) -> None:
    repository = settled(folder)
    before = repository.default().predict(to_vectors(mnist.x_test[:50]))
    for file in filter(Path.is_file, (folder / "mnist" / "5").rglob("*")):
        file.write_bytes(b"")
    wait_until(lambda: "is wrong" in repository.versions()[0].error)
    assert repository.default().version == 5
    np.testing.assert_array_equal(repository.default().predict(to_vectors(mnist.x_test[:50])), before)


@pytest.mark.parametrize("max_loaded", [1, 2])
def test_at_most_so_many_are_loaded_and_the_least_used_is_dropped(
    max_loaded: int, settled: Settled, folder: Path, shipped: Path
) -> None:
    for number in (1, 2, 4):
        copy(shipped, folder, number)
    repository = settled(folder, max_loaded=max_loaded)

    def loaded() -> set[int]:
        return {version.number for version in repository.versions() if version.model}

    for number in (3, 1, 4, 3):
        assert repository.model(number).version == number
        assert loaded() == ({5, number} if max_loaded > 1 else {5})
    assert set(states(repository).values()) == {"AVAILABLE"}


def test_versions_that_no_request_needs_are_checked_and_not_kept(settled: Settled, folder: Path, shipped: Path) -> None:
    repository = settled(folder)

    def loaded() -> list[int]:
        return [version.number for version in repository.versions() if version.model]

    assert loaded() == [5]
    assert repository.model(3).version == 3
    assert loaded() == [5, 3]
    for number in (4, 7):
        copy(shipped, folder, number)
    wait_until(lambda: states(repository) == dict.fromkeys((7, 5, 4, 3), "AVAILABLE"))
    wait_until(lambda: loaded() == [7, 5, 3])  # a rollback to 5 is at once


def test_versions_that_take_long_to_load_are_kept(settled: Settled, folder: Path) -> None:
    repository = settled(folder, runtime="tensorflow")
    assert all(version.model for version in repository.versions())


def test_labels_and_rollbacks_are_taken(settled: Settled, folder: Path) -> None:
    repository = settled(folder)
    store.write_policy(folder / "mnist", VersionPolicy({"stable": 3, "gone": 4}, withdrawn=(5,)))
    wait_until(lambda: repository.default().version == 3)
    assert repository.number("stable") == 3
    for label in ("gone", "canary"):
        with pytest.raises(UnknownLabel):
            repository.number(label)
    assert repository.model(5).version == 5
    (folder / "mnist" / store.POLICY_FILE).write_text("{")
    repository.refresh()
    assert (repository.default().version, repository.number("stable")) == (3, 3)
    (folder / "mnist" / store.POLICY_FILE).unlink()
    wait_until(lambda: repository.default().version == 5)


def test_the_shipped_versions_serve_until_there_is_another(settled: Settled, shipped: Path, tmp_path: Path) -> None:
    repository = settled(tmp_path, shipped_first=True)
    assert (repository.default().version, list(states(repository))) == (3, [3, 2, 1])
    (tmp_path / "mnist").mkdir()
    copy(shipped, tmp_path, 1)
    wait_until(lambda: repository.default().version == 1)
    wait_until(lambda: states(repository) == {1: "AVAILABLE"})
    shutil.rmtree(tmp_path / "mnist" / "1")
    wait_until(lambda: "served from memory" in repository.versions()[0].error)
    assert (repository.default().version, states(repository)) == (1, {1: "AVAILABLE"})


@pytest.mark.parametrize("how", ["emptied", "gone", "in another place"])
def test_versions_in_memory_serve_on_where_the_folder_vanishes(
    settled: Settled, folder: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    repository = settled(folder, max_loaded=1)
    away = folder.with_name("away")
    (folder / "mnist" if how == "emptied" else folder).rename(away)
    if how == "in another place":
        folder.mkdir()
        away.rename(folder / "deeper")
    wait_until(lambda: states(repository) == {5: "AVAILABLE"})  # 3 is not in memory
    assert repository.default().version == repository.model(5).version == 5
    wait_until(lambda: repository.versions()[0].error.startswith("It is served from memory. "))
    assert "There is no version on disk. " in caplog.text
    assert caplog.text.count("Version 5 is served from memory") == 1
    with pytest.raises(UnknownModel):
        repository.model(3)


def test_a_folder_that_is_back_is_taken_again(settled: Settled, folder: Path) -> None:
    repository = settled(folder)
    away = folder.rename(folder.with_name("away"))
    wait_until(lambda: all("served from memory" in version.error for version in repository.versions()))
    away.rename(folder)
    wait_until(lambda: states(repository) == {5: "AVAILABLE", 3: "AVAILABLE"})
    wait_until(lambda: not any(version.error for version in repository.versions()))
    shutil.rmtree(folder / "mnist" / "5")
    wait_until(lambda: repository.default().version == 3)


def test_a_folder_that_is_gone_leaves_the_default_as_it_was_chosen(settled: Settled, folder: Path) -> None:
    store.write_policy(folder / "mnist", VersionPolicy(withdrawn=(5,)))
    repository = settled(folder)
    assert repository.default().version == 3
    folder.rename(folder.with_name("away"))
    wait_until(lambda: all("served from memory" in version.error for version in repository.versions()))
    repository.refresh()
    assert repository.default().version == 3


def test_what_looks_like_a_version_is_logged_once(
    settled: Settled, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "mnist" / "3").rename(folder / "mnist" / "0003")
    shutil.copytree(folder / "mnist" / "5", folder / "mnist" / "05")
    (folder / "mnist" / "99999999999999999999").mkdir()
    repository = settled(folder)
    assert (states(repository), repository.model(3).version) == ({5: "AVAILABLE", 3: "AVAILABLE"}, 3)
    repository.refresh()
    assert caplog.text.count("05 is not served: version 5 is 5.") == 1
    assert caplog.text.count("99999999999999999999 is no version: numbers go up to 9223372036854775807.") == 1


def test_one_that_misreads_is_served_and_not_the_default_by_itself(
    settled: Settled, folder: Path, shipped: Path, mnist: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    save_variant(shipped, folder / "mnist" / "7", white=255)
    repository = settled(folder)
    assert repository.default().version == 5
    assert "Version 7 is not the default while another one can be. It reads " in caplog.text
    assert repository.model(7).version == 7
    assert (repository.versions()[0].error, repository.versions()[0].problem) == ("", repository.model(7).fault)
    (folder / "mnist" / "7" / store.CARD).parent.mkdir()
    (folder / "mnist" / "7" / store.CARD).write_text('{"input": {"scale": 255}}')
    wait_until(lambda: repository.default().version == 7)
    assert repository.versions()[0].problem == ""
    assert repository.default().predict(to_vectors(mnist.x_test[:1])).argmax() == 7


@pytest.mark.parametrize(("name", "reason"), [("", "There is no version in"), ("1", "1 is empty: copy")])
def test_without_any_that_can_be_served_it_waits_for_one(
    settled: Settled, shipped: Path, tmp_path: Path, name: str, reason: str
) -> None:
    (tmp_path / "mnist" / name).mkdir(parents=True)
    repository = settled(tmp_path)
    with pytest.raises(ModelError, match=reason):
        repository.default()
    copy(shipped, tmp_path, 2)
    wait_until(lambda: states(repository).get(2) == "AVAILABLE")
    assert repository.default().version == 2


def write_model(version: Path, shape: tuple[int, ...], how: str, activation: str | None) -> keras.Model:
    layers = [keras.Input(shape, name="pixels"), keras.layers.Flatten(), keras.layers.Dense(10, activation)]
    model = keras.Sequential(layers)
    if how == "export":
        model.export(str(version), verbose=False)
    else:
        tf.saved_model.save(model, str(version))
    return model


@pytest.mark.parametrize("how", ["export", "save"])
@pytest.mark.parametrize("shape", [(784,), (28, 28), (28, 28, 1)])
@pytest.mark.parametrize("outputs", ["probabilities", "logits"])
def test_a_savedmodel_from_elsewhere_is_served(
    mnist: Dataset, tmp_path: Path, how: str, shape: tuple[int, ...], outputs: Any
) -> None:
    version = tmp_path / "mnist" / "1"
    model = write_model(version, shape, how, "softmax" if outputs == "probabilities" else None)
    loaded = load(version, Settings(models=tmp_path, outputs=outputs))
    assert (loaded.runtime.name, loaded.signature.shape) == ("tensorflow", shape)
    vectors = to_vectors(mnist.x_test[:20])
    expected = model.predict(vectors.reshape(-1, *shape), verbose=0)
    if outputs == "logits":
        expected = keras.ops.convert_to_numpy(keras.ops.softmax(expected))
    np.testing.assert_allclose(loaded.predict(vectors), expected, atol=1e-5)


def test_an_output_of_another_shape_beside_it_is_no_matter(mnist: Dataset, tmp_path: Path) -> None:
    class Model(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec((None, 28, 28), tf.float32, "scan")])  # type: ignore[untyped-decorator]
        def read(self, scan: Any) -> dict[str, Any]:
            sums = tf.reduce_sum(scan, axis=[1, 2])
            return {"a_sum": sums, "scores": tf.nn.softmax(tf.one_hot(tf.cast(sums, tf.int32) % 10, 10) * 20)}

    model = Model()
    tf.saved_model.save(model, str(tmp_path / "1"), signatures={"serving_default": model.read})
    loaded = load(tmp_path / "1", Settings())
    assert (loaded.signature.input, loaded.signature.output) == ("scan", "scores")
    expected = mnist.x_test[:20].astype(np.float32).reshape(20, -1).sum(axis=1) / np.float32(255)
    np.testing.assert_array_equal(
        loaded.predict(to_vectors(mnist.x_test[:20])).argmax(axis=1), expected.astype(int) % 10
    )


class Load:
    """Clients that post one image after another, each on its own kept connection, until they are stopped."""

    def __init__(self, server: Server, clients: int = 4) -> None:
        self.answers: list[tuple[int, str]] = []
        self._server, self._stop = server, threading.Event()
        self._threads = [threading.Thread(target=self._post) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _post(self) -> None:
        connection = self._server.connect()
        while not self._stop.is_set():
            connection.request("POST", "/predict", DIGIT, {"Content-Type": "image/png"})
            response = connection.getresponse()
            answer = json.loads(response.read())
            self.answers.append((response.status, answer["model"]["version"] if response.status == 200 else answer))

    def stop(self) -> list[tuple[int, str]]:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return self.answers


def loaded_by(server: Server, version: int) -> int:
    connection = server.connect()
    connection.request("GET", "/metrics")
    line = f'mnist_version_loaded{{version="{version}"}} '
    lines = [text for text in connection.getresponse().read().decode().splitlines() if text.startswith(line)]
    return int(float(lines[0].removeprefix(line))) if lines else 0


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    with serving("--workers", "2", "--models", str(folder)) as server:
        wait_until(lambda: loaded_by(server, 5) == 2)
        yield server


def test_versions_are_swapped_under_load_without_a_failed_request(server: Server, folder: Path, shipped: Path) -> None:
    load = Load(server)
    for number in (7, 8):
        copy(shipped, folder, number)
        wait_until(lambda number=number: loaded_by(server, number) == 2)  # type: ignore[misc]
    spoil(copy(shipped, folder, 9), "corrupt")
    wait_until(lambda: sum("Version 9 is rejected" in line for line in server.log) == 2)
    rejected, *loaded = server.ask("GET", "/v1/models/mnist")[1]["model_version_status"]
    assert (rejected["version"], rejected["state"]) == ("9", "END")
    assert "saved_model.pb is not as its model card records it" in rejected["status"]["error_message"]
    assert [(version["version"], version["state"]) for version in loaded] == [
        (n, "AVAILABLE") for n in ("8", "7", "5", "3")
    ]
    shutil.rmtree(folder / "mnist" / "8")
    wait_until(lambda: {answer[1] for answer in load.answers[-20:]} == {"7"})
    answers = load.stop()
    assert {status for status, _ in answers} == {200}
    assert {version for _, version in answers} == {"5", "7", "8"}


def test_a_worker_starts_anew_where_only_a_spoilt_version_is_left(server: Server, folder: Path, shipped: Path) -> None:
    shutil.rmtree(folder / "mnist" / "3")
    spoil(folder / "mnist" / "5", "corrupt")
    wait_until(lambda: sum("Version 5 is rejected" in line for line in server.log) == 2)
    for worker in workers(server):
        os.kill(worker, 9)
    wait_until(lambda: sum("Version 5 is rejected" in line for line in server.log) == 4)
    status, answer = server.ask("GET", "/readyz")
    assert (status, answer["code"]) == (503, "no_model")
    assert server.post(DIGIT)[0] == 503
    copy(shipped, folder, 6)
    wait_until(lambda: loaded_by(server, 6) == 2)
    assert server.post(DIGIT)[1]["model"]["version"] == "6"


@pytest.mark.parametrize("level", ["empty", "mnist", "mnist/3", ".."])
def test_a_folder_without_versions_is_not_ready_and_says_what_to_name(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, shipped: Path, level: str
) -> None:
    named = tmp_path_factory.mktemp("empty") if level == "empty" else folder / level
    with serving("--workers", "1", "--models", str(named), is_ready=False) as server:
        status, answer = server.ask("GET", "/readyz")
        assert (status, answer["code"]) == (503, "no_model")
        (line,) = [line for line in server.log if "There is no version on disk. " in line]
        reason = line.partition("There is no version on disk. ")[2].strip()
        assert answer["error"] == f"There is no version of the model mnist that can be served. {reason}"
        if level != "empty":
            assert reason.endswith(f"name {folder}{'' if level == '..' else ', which it is in'}.")
        for method, path in (("POST", "/predict"), ("GET", "/v2/models/mnist/ready"), ("GET", "/v2/health/ready")):
            assert server.ask(method, path, DIGIT, {"Content-Type": "image/png"}) == (503, answer)
        status, unknown = server.ask("GET", "/v1/models/mnist")
        assert (status, unknown["error"]) == (404, f"Could not find any versions of model mnist. {reason}")
        assert server.ask("GET", "/livez")[0] == 200
        (named / "mnist").mkdir(exist_ok=True)
        copy(shipped, named, 4)
        wait_until(lambda: server.ask("GET", "/readyz")[0] == 200)
        assert server.post(DIGIT)[1]["model"]["version"] == "4"


def test_a_folder_that_vanishes_is_told_and_never_another_models_answers_come(server: Server, folder: Path) -> None:
    folder.rename(folder.with_name("away"))
    wait_until(lambda: sum("Version 5 is served from memory" in line for line in server.log) == 2)
    for version in server.ask("GET", "/v1/models/mnist")[1]["model_version_status"]:
        assert (version["state"], version["status"]["error_code"]) == ("AVAILABLE", "OK")
        assert version["status"]["error_message"].startswith(
            f"It is served from memory. {folder} can't be read: no such"
        )
    assert {version["state"] for version in server.ask("POST", "/v2/repository/index")[1]} == {"READY"}
    assert Scrape(server).sum("mnist_version_refused", version="5") == 2
    assert [server.post(DIGIT)[1]["model"]["version"] for _ in range(10)] == ["5"] * 10
    for worker in workers(server):
        os.kill(worker, 9)
    wait_until(lambda: sum("There is no version on disk. " in line for line in server.log) == 4)
    assert {server.post(DIGIT)[0] for _ in range(10)} == {503}
    folder.with_name("away").rename(folder)
    wait_until(lambda: loaded_by(server, 5) == 2)
    assert server.post(DIGIT)[1]["model"]["version"] == "5"


def test_numbers_of_versions_may_be_all_that_64_bits_hold(server: Server, folder: Path, shipped: Path) -> None:
    copy(shipped, folder, 6).rename(folder / "mnist" / "0006")
    copy(shipped, folder, 2**63 - 1)
    wait_until(lambda: loaded_by(server, 2**63 - 1) == 2)
    wait_until(lambda: Scrape(server).sum("mnist_version_state", version="6", state="AVAILABLE") == 2)
    for number in (6, 2**63 - 1):
        assert server.ask("GET", f"/v1/models/mnist/versions/{number}")[0] == 200
        assert server.ask("GET", f"/v2/models/mnist/versions/{number}/ready")[0] == 200
        body = json.dumps({"instances": [[0] * 784]}).encode()
        assert server.post(body, f"/v1/models/mnist/versions/{number}:predict", "application/json")[0] == 200
    assert server.ask("GET", f"/v1/models/mnist/versions/{2**63}")[0] == 400
    assert server.ask("GET", f"/v2/models/mnist/versions/{2**63}")[0] == 404


@pytest.mark.parametrize("fast_path", ["true", "false"])
def test_pictures_are_scaled_for_a_version_and_its_numbers_are_its_own(
    folder: Path, shipped: Path, mnist: Dataset, fast_path: str
) -> None:
    options = ("--workers", "1", "--models", str(folder), "--fast-path", fast_path)
    numbers, url = mnist.x_test[0].reshape(-1).tolist(), "/v1/models/mnist"
    with serving(*options, "--input-scale", "255") as server:
        save_variant(shipped, folder / "mnist" / "7", white=255)
        wait_until(lambda: loaded_by(server, 7) == 1)
        row = server.post(DIGIT, "/predict?prepare=none")[1]["probabilities"]
        assert np.argmax(row) == 7

        def ask(url: str, request: object) -> Any:
            status, answer = server.post(json.dumps(request).encode(), url, "application/json")
            assert status == 200, answer
            return answer["predictions"][0] if "predictions" in answer else answer["outputs"][0]["data"]

        infer = {"name": "image", "shape": [1, 784], "data": numbers}
        for answer in (
            ask(f"{url}:predict", {"instances": [numbers]}),
            ask(f"{url}:predict", {"instances": [{"b64": base64.b64encode(DIGIT).decode()}]}),
            ask("/v2/models/mnist/infer", {"inputs": [infer | {"datatype": "FP32"}]}),
            ask("/v2/models/mnist/infer", {"inputs": [infer | {"datatype": "UINT8"}]}),
        ):
            np.testing.assert_allclose(answer, row, atol=1e-5)
        status, error = server.post(b'{"instances": [[256]]}', f"{url}:predict", "application/json")
        assert (status, error["error"].endswith("send 784 numbers in [0, 255], or 28x28 or 28x28x1 of them.")) == (
            400, True,
        )  # fmt: skip


def test_one_that_misreads_is_told_by_log_metric_and_status(folder: Path, shipped: Path) -> None:
    with serving("--workers", "1", "--models", str(folder)) as server:
        save_variant(shipped, folder / "mnist" / "7", white=255)
        wait_until(lambda: Scrape(server).sum("mnist_version_misreads", version="7") == 1)
        assert Scrape(server).sum("mnist_version_misreads") == 1
        assert Scrape(server).sum("mnist_version_refused") == 0
        assert sum("WARNING" in line and "known digits wrong" in line for line in server.log) == 1
        status = server.ask("GET", "/v1/models/mnist/versions/7")[1]["model_version_status"][0]
        assert (status["state"], status["status"]["error_code"]) == ("AVAILABLE", "OK")
        assert "known digits wrong. It reads most of them right where white is 255" in status["status"]["error_message"]
        index = server.ask("POST", "/v2/repository/index")[1]
        assert index[-1]["reason"] == status["status"]["error_message"]
        assert server.post(DIGIT)[1]["model"]["version"] == "5"
        url = "/v1/models/mnist/versions/7:predict"
        body = json.dumps({"instances": [{"b64": base64.b64encode(DIGIT).decode()}]}).encode()
        assert server.post(body, url, "application/json")[0] == 200
