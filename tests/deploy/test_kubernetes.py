"""The Kubernetes manifests, as kubectl renders them: by the schemas and tools of others, and against the service."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import service
from service.errors import SettingsError
from service.settings import Settings, read_settings, variable
from tests.support.grpc_server import serving_grpc
from tests.support.manifests import (
    BASE,
    KSERVE,
    KSERVE_GRPC,
    check_with_checkov,
    find,
    mounts,
    pods,
    render,
    render_with_components,
)
from tests.support.paths import ROOT, SUPPORT
from tests.support.server import Server, serving
from training.__main__ import main
from training.errors import DataError, NotBetter

KSERVE_SDK = "kserve==0.21.0"
OPERATORS = "cloudcoil-models-knative-serving==1.17.0.1", "cloudcoil-models-prometheus-operator==0.80.1.0"

OF_OPERATORS = {"InferenceService", "ServiceMonitor"}  # Kubernetes itself has no schema of these
OF_KSERVE = {"minReplicas", "maxReplicas", "scaleMetric", "scaleTarget", "timeout"}  # the rest of a predictor is a pod
KNATIVE_HTTP2_PORT = 8013  # of its proxy in the pod
END_SECONDS = 5  # for the processes, when all requests have their answer: those of idle connections wait for 2


@pytest.fixture(scope="module")
def renderings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    return {
        "base": render(BASE),
        "components": render_with_components(tmp_path_factory.mktemp("components")),
        "kserve": render(KSERVE),
        "kserve-grpc": render(KSERVE_GRPC),
    }


@pytest.fixture(params=["base", "components", "kserve", "kserve-grpc"])
def objects(request: pytest.FixtureRequest, renderings: dict[str, list[Any]]) -> list[Any]:
    return renderings[request.param]


@pytest.fixture
def base(renderings: dict[str, list[Any]]) -> list[Any]:
    return renderings["base"]


@pytest.fixture
def components(renderings: dict[str, list[Any]]) -> list[Any]:
    return renderings["components"]


@pytest.fixture
def kserve(renderings: dict[str, list[Any]]) -> list[Any]:
    return renderings["kserve"]


@pytest.fixture
def kserve_grpc(renderings: dict[str, list[Any]]) -> list[Any]:
    return renderings["kserve-grpc"]


# By tools of others.


@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_kubernetes_knows_every_field(objects: list[Any], version: str) -> None:
    for each in objects:
        if each["kind"] not in OF_OPERATORS:
            assert kubernetes_validate.validate(each, version, strict=True) == version


@pytest.mark.slow
def test_checkov_finds_only_what_has_a_reason(
    objects: list[Any], python_with: Callable[..., Path], tmp_path: Path
) -> None:
    check_with_checkov(objects, python_with, tmp_path)


@pytest.mark.slow
def test_kserve_knows_every_field(kserve: list[Any], kserve_grpc: list[Any], python_with: Callable[..., Path]) -> None:
    for objects in (kserve, kserve_grpc):
        ask(python_with(KSERVE_SDK), "kserve_models.py", find(objects, "InferenceService"))


@pytest.mark.slow
def test_knative_and_the_prometheus_operator_know_every_field(
    components: list[Any], kserve: list[Any], kserve_grpc: list[Any], python_with: Callable[..., Path]
) -> None:
    objects = [knative_service(kserve), knative_service(kserve_grpc), find(components, "ServiceMonitor")]
    known = ask(python_with(*OPERATORS), "operator_models.py", objects)
    assert [json.loads(line) for line in known.splitlines()] == objects


def knative_service(objects: list[Any]) -> Any:
    """Return the Service of Knative that KServe makes of its InferenceService."""
    predictor = find(objects, "InferenceService")["spec"]["predictor"]
    template = {"spec": {name: value for name, value in predictor.items() if name not in OF_KSERVE}}
    return {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "spec": {"template": template}}


def ask(python: Path, script: str, data: Any) -> str:
    command = [python, SUPPORT / script]
    done = subprocess.run(command, input=json.dumps(data), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


# Against what the service and the training are.


def test_images_have_the_version_of_the_package(objects: list[Any]) -> None:
    images = {container["image"] for _, pod in pods(objects) for container in pod["containers"]}
    assert images == {f"mnist-service:{service.__version__}", f"mnist-training:{service.__version__}"}


def test_settings_are_taken_by_the_service(objects: list[Any]) -> None:
    settings = read_settings(find(objects, "ConfigMap")["data"])
    assert settings.log_format == "json"


def test_no_pod_gets_variables_named_after_the_service(objects: list[Any]) -> None:
    with pytest.raises(SettingsError):
        read_settings({"MNIST_SERVICE_HOST": "10.0.0.1"})
    with pytest.raises(SettingsError):
        read_settings({"MNIST_PORT": "tcp://10.0.0.1:80"})
    assert [pod["enableServiceLinks"] for _, pod in pods(objects)] == [False, False]


def test_other_variables_are_known(kserve_grpc: list[Any]) -> None:
    (container,) = find(kserve_grpc, "InferenceService")["spec"]["predictor"]["containers"]
    names = {each["name"] for each in container["env"]}
    known = {variable(field) for field in Settings.__struct_fields__}
    assert {name for name in names if name.startswith("MNIST_")} <= known


def test_pods_have_the_time_that_the_service_takes_to_stop(base: list[Any], kserve: list[Any]) -> None:
    grace = read_settings(find(base, "ConfigMap")["data"]).grace
    pod = find(base, "Deployment")["spec"]["template"]["spec"]
    before = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] == before + grace + END_SECONDS
    assert find(kserve, "InferenceService")["spec"]["predictor"]["timeout"] >= grace + END_SECONDS


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with serving() as server:
        yield server


def test_probes_are_answered(running: Server, base: list[Any], kserve: list[Any]) -> None:
    for objects in (base, kserve):
        ((_, pod),) = (each for each in pods(objects) if "ports" in each[1]["containers"][0])
        (container,) = pod["containers"]
        (port,) = container["ports"]
        assert port["containerPort"] == Settings().port
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            asked = container[probe]["httpGet"]
            assert asked["port"] in (port["name"], port["containerPort"])
            assert running.ask("GET", asked["path"])[0] == 200


def test_grpc_is_served_on_the_port_of_the_container_and_of_its_probe(
    components: list[Any], kserve_grpc: list[Any]
) -> None:
    (pod,) = (pod for _, pod in pods(components) if "ports" in pod["containers"][0])
    predictor = find(kserve_grpc, "InferenceService")["spec"]["predictor"]
    settings = read_settings(find(components, "ConfigMap")["data"])
    assert {"name": "MNIST_GRPC_PORT", "value": str(settings.grpc_port)} in predictor["containers"][0]["env"]
    for name, spec in (("grpc", pod), ("h2c", predictor)):
        (container,) = spec["containers"]
        assert {"name": name, "containerPort": settings.grpc_port} in container["ports"]
        assert container["readinessProbe"]["grpc"] == {"port": settings.grpc_port}
        assert "httpGet" not in container["readinessProbe"]


def test_a_grpc_probe_is_answered_without_a_key() -> None:
    with serving_grpc(MNIST_API_KEYS="open-sesame") as server, server.channel() as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)  # its type has no methods
        answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_ports_of_grpc_may_be_asked(components: list[Any], kserve_grpc: list[Any]) -> None:
    assert {"port": read_settings(find(components, "ConfigMap")["data"]).grpc_port} in allowed_ports(components)
    assert {"port": KNATIVE_HTTP2_PORT} in allowed_ports(kserve_grpc)


def allowed_ports(objects: list[Any]) -> list[dict[str, int]]:
    (rule,) = find(objects, "NetworkPolicy")["spec"]["ingress"]
    return list(rule["ports"])


def test_selectors_select_the_pods_of_the_service_alone(base: list[Any], kserve: list[Any]) -> None:
    deployment = find(base, "Deployment")["spec"]
    selectors = [
        deployment["selector"]["matchLabels"],
        find(base, "Service")["spec"]["selector"],
        find(base, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        find(base, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        *(each["labelSelector"]["matchLabels"] for each in deployment["template"]["spec"]["topologySpreadConstraints"]),
    ]
    for objects, selector in (
        *((base, selector) for selector in selectors),
        (kserve, find(kserve, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"]),
    ):
        images = [pod["containers"][0]["image"] for labels, pod in pods(objects) if selector.items() <= labels.items()]
        assert images == [f"mnist-service:{service.__version__}"]


def test_objects_name_each_other(components: list[Any]) -> None:
    target = find(components, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert find(components, target["kind"], target["name"])["apiVersion"] == target["apiVersion"]
    offered = find(components, "Service")
    (container,) = find(components, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert {port["targetPort"] for port in offered["spec"]["ports"]} == {port["name"] for port in container["ports"]}
    monitor = find(components, "ServiceMonitor")["spec"]
    assert monitor["selector"]["matchLabels"].items() <= offered["metadata"]["labels"].items()
    assert monitor["endpoints"][0]["port"] in [port["name"] for port in offered["spec"]["ports"]]
    claims = {each["metadata"]["name"] for each in components if each["kind"] == "PersistentVolumeClaim"}
    volumes = [volume for _, pod in pods(components) for volume in pod["volumes"]]
    assert {each["persistentVolumeClaim"]["claimName"] for each in volumes if "persistentVolumeClaim" in each} == claims
    assert {each["metadata"].get("namespace") for each in components if each["kind"] != "Namespace"} == {"mnist"}


def test_metrics_are_where_the_monitor_asks(running: Server, components: list[Any]) -> None:
    connection = running.connect()
    connection.request("GET", find(components, "ServiceMonitor")["spec"]["endpoints"][0]["path"])
    assert b"mnist_requests_total" in connection.getresponse().read()


def test_pods_run_as_the_images_do(objects: list[Any]) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    user, models = re.findall(r"^USER (\d+)$", dockerfile, re.M)[-1], re.findall(r"MNIST_MODELS=(\S+)", dockerfile)[0]
    for _, pod in pods(objects):
        (container,) = pod["containers"]
        context = pod.get("securityContext", {}) | container["securityContext"]
        assert context["runAsUser"] == int(user)
        assert "volumes" not in pod or models in mounts(pod).values()


def test_the_package_serves_while_the_volume_is_empty() -> None:
    environment = dict(re.findall(r"(MNIST_\w+)=(\S+)", (ROOT / "Dockerfile").read_text()))
    assert read_settings({"MNIST_SHIPPED_FIRST": environment["MNIST_SHIPPED_FIRST"]}).shipped_first


def test_the_service_reads_the_volume_that_the_training_writes(components: list[Any], kserve: list[Any]) -> None:
    claim = find(components, "PersistentVolumeClaim", "mnist-models")["metadata"]["name"]
    assert claim in mounts(find(components, "Deployment")["spec"]["template"]["spec"])
    training = find(components, "CronJob", "mnist-training")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert claim in mounts(training)
    (predictor,) = find(kserve, "InferenceService")["spec"]["predictor"]["containers"]
    assert {"name": "STORAGE_URI", "value": f"pvc://{claim}"} in predictor["env"]
    assert {"name": "MNIST_MODELS", "value": "/mnt/models"} in predictor["env"]  # where KServe mounts it


@pytest.mark.parametrize("overlay", ["kserve", "kserve-grpc"])
def test_the_predictor_is_given_what_the_deployment_is(
    base: list[Any], renderings: dict[str, list[Any]], overlay: str
) -> None:
    pod = find(base, "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (predictor,) = find(renderings[overlay], "InferenceService")["spec"]["predictor"]["containers"]
    assert predictor["resources"] == container["resources"]
    assert predictor["securityContext"] == pod["securityContext"] | container["securityContext"]
    assert predictor["envFrom"] == container["envFrom"]


def test_the_training_understands_its_arguments(objects: list[Any]) -> None:
    job = find(objects, "CronJob", "mnist-training")["spec"]
    (container,) = job["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    options = main.make_context("training", [*container["args"]]).params
    assert options["resume"] is True
    assert job["suspend"] == (options["extra"] is None)
    if options["extra"]:
        assert str(options["extra"]) in [mount["mountPath"] for mount in container["volumeMounts"]]


def test_no_job_tries_again_what_is_no_better(base: list[Any]) -> None:
    job = find(base, "CronJob", "mnist-training")["spec"]["jobTemplate"]["spec"]
    fails = job["podFailurePolicy"]["rules"][0]
    assert fails["action"] == "FailJob"
    assert fails["onExitCodes"]["values"] == [DataError.exit_code, NotBetter.exit_code]
    assert fails["onExitCodes"]["containerName"] == job["template"]["spec"]["containers"][0]["name"]


def test_the_namespace_is_restricted(objects: list[Any]) -> None:
    labels = find(objects, "Namespace")["metadata"]["labels"]
    modes = {name.split("/")[1]: value for name, value in labels.items() if name.startswith("pod-security")}
    assert modes == {"enforce": "restricted", "warn": "restricted", "audit": "restricted"}
