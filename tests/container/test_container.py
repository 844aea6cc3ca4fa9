"""The images in a real engine: built, unprivileged on a read-only disk, stopped, and trained into a volume."""

import base64
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

import docker
import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from PIL import Image, ImageDraw

from service.models.runtimes import LiteRT
from service.preparation import heif
from service.preparation.decode import FORMATS
from service.preparation.normalize import to_vectors
from tests.support.containers import GRPC_PORT, HTTP_PORT, Container, run
from tests.support.formats import encode
from tests.support.images import png
from tests.support.paths import SEVEN
from tests.support.server import Server, serving
from training.data.datasets import Dataset
from training.synthetic.conditions import draw_uploads

pytestmark = pytest.mark.slow


@pytest.fixture
def container(engine: docker.DockerClient, image: str) -> Iterator[Container]:
    container = Container(engine, image)
    try:
        container.wait_until_ready()
        yield container
    finally:
        container.container.remove(force=True)


def test_200_mnist_images_are_read_as_outside(container: Container, mnist: Dataset, shipped: Path) -> None:
    answers = [container.post(png(image))[1]["digit"] for image in mnist.x_test[:200]]
    expected = LiteRT(shipped).predict(to_vectors(mnist.x_test[:200])).argmax(axis=1)
    np.testing.assert_array_equal(answers, expected)


@pytest.fixture(scope="module")
def outside() -> Iterator[Server]:
    with serving() as server:
        yield server


def test_pictures_of_all_formats_are_read_as_outside(container: Container, outside: Server) -> None:
    for picture in chain(*(encode(kind) for kind in FORMATS if kind not in heif.FORMATS)):  # the image has no HEIC
        for path in ("/predict", "/predict?prepare=none", "/explain"):
            assert_alike(container.post(picture, path), outside.post(picture, path))


def test_uploads_under_every_condition_are_read_as_outside(
    container: Container, outside: Server, mnist: Dataset
) -> None:
    for upload in draw_uploads(mnist.train, 5, seed=1):
        (status, answer), expected = container.post(upload.data), outside.post(upload.data)
        assert (status, answer.get("digit")) == (expected[0], expected[1].get("digit")), upload.condition


def test_pictures_in_each_protocol_are_read_as_outside(container: Container, outside: Server) -> None:
    picture = base64.b64encode(SEVEN.read_bytes()).decode()
    tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [picture]}
    for path, body in (
        ("/predict", {"image": picture}),
        ("/v1/models/mnist:predict", {"instances": [{"b64": picture}]}),
        ("/v1/models/mnist:classify", {"examples": [{"b64": picture}]}),
        ("/v2/models/mnist/versions/1/infer", {"inputs": [tensor]}),
    ):
        request = json.dumps(body).encode(), path, "application/json"
        assert_alike(container.post(*request), outside.post(*request))


def assert_alike(answer: Any, expected: Any) -> None:
    """Compare answers whose numbers may differ in the last places, as they do from one processor to another."""
    if isinstance(expected, dict):
        assert answer.keys() == expected.keys()
        for name in expected:
            assert_alike(answer[name], expected[name])
    elif isinstance(expected, list | tuple):
        for each, other in zip(answer, expected, strict=True):
            assert_alike(each, other)
    else:
        assert answer == (pytest.approx(expected, abs=1e-5) if isinstance(expected, float) else expected)


def test_what_there_is_to_get_is_as_outside(container: Container, outside: Server) -> None:
    for server in (container, outside):
        server.wait_until_served("3", "2", "1")  # all but the first are loaded after the start
    for path in (
        "/", "/static/page.js", "/docs", "/openapi.json", "/report", "/readyz", "/livez", "/nope",
        "/v1/models/mnist", "/v1/models/mnist/metadata", "/v2", "/v2/models/mnist", "/v2/models/mnist/config",
    ):  # fmt: skip
        assert get(container, path) == get(outside, path)


def test_metrics_of_the_workers_are_there(container: Container) -> None:
    assert container.post(SEVEN.read_bytes())[0] == 200
    assert b'mnist_predicted_digits_total{digit="7",version="3"} 1.0' in get(container, "/metrics")[2]


def get(server: Server, path: str) -> tuple[int, str | None, bytes]:
    connection = server.connect()
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.headers["Content-Type"], response.read()


def test_it_answers_over_grpc_as_over_http(engine: docker.DockerClient, image: str, mnist: Dataset) -> None:
    container = Container(engine, image, environment={"MNIST_GRPC_PORT": str(GRPC_PORT)})
    try:
        container.wait_until_ready()
        answer = probabilities(tritonclient.grpc, mnist.x_test[:100], container.published(GRPC_PORT))
        expected = probabilities(tritonclient.http, mnist.x_test[:100], container.published(HTTP_PORT))
        np.testing.assert_array_equal(answer, expected)
        np.testing.assert_array_equal(answer.argmax(axis=1), mnist.y_test[:100])
    finally:
        container.container.remove(force=True)


def probabilities(triton: Any, images: np.ndarray, port: int) -> np.ndarray:
    """Return the answer to images of MNIST by one of Triton's clients."""
    client = triton.InferenceServerClient(f"127.0.0.1:{port}")
    tensor = triton.InferInput("image", images.shape, "UINT8").set_data_from_numpy(images)
    answer: np.ndarray = client.infer("mnist", [tensor]).as_numpy("probabilities")
    return answer


def test_it_is_small_beyond_its_base(engine: docker.DockerClient, image: str) -> None:
    whole, base = (engine.images.get(name).attrs["Size"] for name in (image, "python:3.13-slim"))
    assert whole - base < 140e6


def test_workers_are_as_many_as_the_cores_it_is_given(engine: docker.DockerClient, image: str) -> None:
    container = Container(engine, image, nano_cpus=10**9)
    try:
        container.wait_until_ready()
        container.container.stop()
        assert container.container.logs().count(b"Booting worker") == 1
    finally:
        container.container.remove(force=True)


def test_nothing_in_it_is_privileged_or_writable(container: Container) -> None:
    def inside(*command: str) -> tuple[int, str]:
        code, output = container.container.exec_run(list(command))
        return code, output.decode()

    assert inside("id", "-u") == (0, "10001\n")
    assert inside("touch", "/app/x")[0] != 0
    assert "CapEff:\t0000000000000000" in inside("cat", "/proc/1/status")[1]
    assert inside("python", "-c", "import tensorflow")[0] != 0
    assert inside("which", "gcc", "make")[0] != 0


def test_large_pictures_at_once_stay_within_the_memory(container: Container) -> None:
    file = io.BytesIO()
    picture = Image.new("RGBA", (3500, 3500))
    ImageDraw.Draw(picture).line([(1800, 700), (1700, 2800)], fill="black", width=300)
    picture.save(file, "PNG", compress_level=1)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: container.post(file.getvalue())[0], range(16)))
    assert statuses == [200] * 16
    container.container.reload()
    assert not container.container.attrs["State"]["OOMKilled"]
    assert b"SIGKILL" not in container.container.logs()


def test_sigterm_stops_it_in_good_order(container: Container) -> None:
    container.container.stop(timeout=10)
    assert container.container.wait()["StatusCode"] == 0


def test_health_check_command_of_the_image(container: Container) -> None:
    health = container.container.client.images.get(container.container.image.id).attrs["Config"]["Healthcheck"]
    assert container.container.exec_run(health["Test"][1:])[0] == 0


def test_what_the_training_target_puts_in_a_volume_is_taken_by_the_running_service(
    engine: docker.DockerClient, image: str, training_image: str, mnist: Dataset, part: dict[str, Any]
) -> None:
    volume = engine.volumes.create()
    mount = {volume.name: {"bind": "/models", "mode": "rw"}}
    serving = Container(engine, image, volumes=mount)
    try:
        serving.wait_until_ready()
        for versions in (["1"], ["2", "1"]):
            command = ["--recipe", "dense", "--epochs", "1", "--evaluate-on", "1", "--data", "/part.npz"]
            log = run(engine, training_image, command, volumes=mount | part)
            assert f"Version {versions[0]} is in /models/mnist/{versions[0]}" in log
            serving.wait_until_served(*versions)
        status, answer = serving.post(png(mnist.x_test[0]))
        assert (status, answer["digit"], answer["model"]["version"]) == (200, 7, "2")
    finally:
        serving.container.remove(force=True)
        volume.remove(force=True)


def test_corrections_are_kept_in_a_volume_that_the_training_target_reads(
    engine: docker.DockerClient, image: str, training_image: str
) -> None:
    volume = engine.volumes.create()
    mount = {volume.name: {"bind": "/feedback", "mode": "rw"}}
    serving = Container(engine, image, volumes=mount, environment={"MNIST_FEEDBACK": "/feedback"})
    try:
        serving.wait_until_ready()
        assert serving.post(SEVEN.read_bytes(), "/feedback?digit=1")[0] == 201
        log = run(engine, training_image, ["feedback", "/feedback"], volumes=mount)
        assert "A slip? 1/" in log
    finally:
        serving.container.remove(force=True)
        volume.remove(force=True)
