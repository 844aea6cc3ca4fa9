"""The pods of the Kubernetes manifests in a real engine: what a node would take away is away, and so are its limits."""

import io
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import docker
import pytest
from PIL import Image, ImageDraw
from tritonclient.grpc import InferenceServerClient

from tests.support.containers import GRPC_PORT, Container, run
from tests.support.manifests import BASE, KSERVE, KSERVE_GRPC, find, mounts, pods, render
from tests.support.paths import SEVEN

pytestmark = pytest.mark.slow

MOUNTED_BY_KSERVE = {"mnist-models": "/mnt/models"}  # the volume of STORAGE_URI


@pytest.fixture
def models(engine: docker.DockerClient, image: str) -> Iterator[Any]:
    """A volume that belongs to the images' group, as fsGroup would make it."""
    volume = engine.volumes.create()
    run(engine, image, "true", volumes={volume.name: {"bind": "/models"}})
    try:
        yield volume
    finally:
        volume.remove(force=True)


def options(objects: list[Any], pod: Any, volume: Any) -> dict[str, Any]:
    """Say in the engine's terms how a node would run the one container of a pod."""
    (container,) = pod["containers"]
    context = pod.get("securityContext", {}) | container["securityContext"]
    assert context["allowPrivilegeEscalation"] is False
    limits = container["resources"]["limits"]
    memory = limits["memory"].replace("Mi", "m").replace("Gi", "g")
    (path,) = mounts(pod).values() if "volumes" in pod else MOUNTED_BY_KSERVE.values()
    is_read_only = all(mount.get("readOnly") for mount in container.get("volumeMounts", []))
    return {
        "user": f"{context['runAsUser']}:{context['runAsGroup']}",
        "read_only": context["readOnlyRootFilesystem"],
        "cap_drop": context["capabilities"]["drop"],
        "security_opt": ["no-new-privileges"],
        "mem_limit": memory,
        "memswap_limit": memory,
        "nano_cpus": int(limits["cpu"].removesuffix("m")) * 10**6,
        "environment": environment(objects, container),
        "volumes": {volume.name: {"bind": path, "mode": "ro" if is_read_only else "rw"}},
        "tmpfs": temporary(pod, container),
    }


def environment(objects: list[Any], container: Any) -> dict[str, str]:
    settings = find(objects, "ConfigMap")["data"] if "envFrom" in container else {}
    return settings | {each["name"]: each["value"] for each in container.get("env", [])}


def temporary(pod: Any, container: Any) -> dict[str, str]:
    """Say where a container has its emptyDirs, and how large they are."""
    sizes = {each["name"]: each["emptyDir"]["sizeLimit"] for each in pod.get("volumes", []) if "emptyDir" in each}
    return {
        each["mountPath"]: f"mode=1777,size={sizes[each['name']].removesuffix('i').lower()}"
        for each in container.get("volumeMounts", [])
        if each["name"] in sizes
    }


def pod_of(objects: list[Any], image: str) -> Any:
    (pod,) = (pod for _, pod in pods(objects) if pod["containers"][0]["image"].startswith(image))
    return pod


@contextmanager
def running(engine: docker.DockerClient, image: str, objects: list[Any], volume: Any) -> Iterator[Container]:
    container = Container(engine, image, **options(objects, pod_of(objects, "mnist-service"), volume))
    try:
        container.wait_until_ready()
        yield container
    finally:
        container.container.remove(force=True)


@pytest.mark.parametrize("folder", [BASE, KSERVE], ids=["deployment", "inference service"])
def test_it_serves_what_the_training_job_fits(
    engine: docker.DockerClient, image: str, training_image: str, models: Any, part: dict[str, Any], folder: Any
) -> None:
    objects = render(folder)
    training = pod_of(objects, "mnist-training")
    quick = ["--recipe", "dense", "--epochs", "1", "--evaluate-on", "1", "--data", "/part.npz"]
    node = options(objects, training, models)
    node["volumes"] |= part
    with running(engine, image, objects, models) as service:
        assert service.post(SEVEN.read_bytes())[1]["model"]["version"] == "3"  # of the package
        run(engine, training_image, [*training["containers"][0]["args"], *quick], **node)
        service.wait_until_served("1")
        assert service.post(SEVEN.read_bytes())[1]["digit"] == 7


def test_it_serves_grpc_to_kserve(engine: docker.DockerClient, image: str, models: Any) -> None:
    with running(engine, image, render(KSERVE_GRPC), models) as service:
        client = InferenceServerClient(f"127.0.0.1:{service.published(GRPC_PORT)}")
        assert client.is_model_ready("mnist")


@pytest.fixture
def service(engine: docker.DockerClient, image: str, models: Any) -> Iterator[Container]:
    with running(engine, image, render(BASE), models) as container:
        yield container


def test_its_log_is_json_and_it_has_a_worker_for_its_core(service: Container) -> None:
    service.post(SEVEN.read_bytes())
    service.container.stop()  # the engine has the last lines only then
    log = [json.loads(line) for line in service.container.logs().splitlines()]
    assert sum(line["message"].startswith("Booting worker") for line in log) == 1
    assert [line["digit"] for line in log if "digit" in line] == [7]


def test_large_pictures_of_each_format_stay_within_the_memory(service: Container) -> None:
    picture = Image.new("RGB", (3500, 3500), "white")
    ImageDraw.Draw(picture).line([(1800, 700), (1700, 2800)], fill="black", width=300)
    # WEBP takes the most to be read; of the BMP files, 10 MB each, as many as are buffered come beside it.
    files = [encode(picture, "WEBP"), encode(picture.convert("L").crop((0, 0, 3200, 3200)), "BMP")]
    with ThreadPoolExecutor(32) as pool:
        statuses = Counter(pool.map(lambda file: service.post(file)[0], files * 24))
    assert statuses.keys() <= {200, 503}
    assert statuses[200] >= 24
    assert b"SIGKILL" not in service.container.logs()


def encode(picture: Image.Image, form: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, form)
    return file.getvalue()


def test_told_to_stop_it_answers_what_it_has_within_its_time(service: Container) -> None:
    pod = pod_of(render(BASE), "mnist-service")
    left = pod["terminationGracePeriodSeconds"] - pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    content = SEVEN.read_bytes()
    connection = service.connect()
    connection.putrequest("POST", "/predict")
    connection.putheader("Content-Type", "image/png")
    connection.putheader("Content-Length", str(len(content)))
    connection.endheaders(content[:100])
    assert service.ask("GET", "/readyz")[0] == 200  # so that the other request has arrived in part
    with ThreadPoolExecutor(1) as pool:
        stopped = pool.submit(service.container.stop, timeout=left)
        connection.send(content[100:])
        assert json.loads(connection.getresponse().read())["digit"] == 7
        stopped.result()
    assert service.container.wait()["StatusCode"] == 0
