"""The RayJob in deploy/ray, as kubectl renders it: by the schemas and readers of others, and against the command."""

import json
import re
import shlex
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import kubernetes_validate
import msgspec
import pytest
import ray
from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr

import service
from service.__main__ import main
from tests.support.kuberay_schema import RayJob, RayJobSpec
from tests.support.manifests import check_with_checkov, find, render
from tests.support.paths import ROOT
from tests.support.ray_cluster import RayCluster, ray_cluster
from tests.support.wait import wait_until

FOLDER = ROOT / "deploy" / "ray"
HEALTH_PORT = 52365  # of Ray's agent on each node


@pytest.fixture(scope="module")
def objects() -> list[Any]:
    return render(FOLDER)


@pytest.fixture(scope="module")
def job(objects: list[Any]) -> RayJobSpec:
    """The RayJob, whose fields are all known to KubeRay."""
    return msgspec.convert(find(objects, "RayJob", "mnist-batch"), RayJob).spec


@pytest.fixture(scope="module")
def pods(job: RayJobSpec) -> dict[str, Any]:
    """The pods of the cluster, and the job that submits, as KubeRay makes them."""
    (workers,) = job.ray_cluster_spec.worker_group_specs
    head, worker = job.ray_cluster_spec.head_group_spec.template, workers.template
    submitter = {"spec": {"template": job.submitter_pod_template}}
    return {
        "head": named("v1", "Pod", head),
        "worker": named("v1", "Pod", worker),
        "submitter": named("batch/v1", "Job", submitter),
    }


def named(version: str, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    metadata = fields.get("metadata", {}) | {"name": "mnist-batch", "namespace": "mnist-batch"}
    return {"apiVersion": version, "kind": kind, **fields, "metadata": metadata}


def pod_specs(pods: dict[str, Any]) -> list[Any]:
    return [pod["spec"].get("template", pod)["spec"] for pod in pods.values()]


@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_kubernetes_knows_every_field(objects: list[Any], pods: dict[str, Any], version: str) -> None:
    for known in [*pods.values(), *(each for each in objects if each["kind"] != "RayJob")]:
        assert kubernetes_validate.validate(known, version, strict=True) == version


@pytest.mark.parametrize(
    ("path", "value"),
    [(("entryPoint",), "x"), (("backoffLimit",), "3"), (("rayClusterSpec", "workerGroups"), []), (("suspend",), None)],
)
def test_a_field_that_kuberay_does_not_know_is_noticed(objects: list[Any], path: tuple[str, ...], value: Any) -> None:
    wrong = json.loads(json.dumps(find(objects, "RayJob", "mnist-batch")))
    *parents, name = path
    place = wrong["spec"]
    for parent in parents:
        place = place[parent]
    place[name] = value
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, RayJob)


def test_ray_reads_the_cores_that_the_cluster_has(objects: list[Any], job: RayJobSpec) -> None:
    cluster = find(objects, "RayJob", "mnist-batch")["spec"]["rayClusterSpec"]
    metadata = {"name": "mnist-batch", "namespace": "mnist-batch"}
    config = _derive_autoscaling_config_from_ray_cr({"metadata": metadata, "spec": cluster})
    types = config["available_node_types"]
    (workers,) = job.ray_cluster_spec.worker_group_specs
    assert types["headgroup"]["resources"]["CPU"] == 0
    assert types[workers.group_name]["resources"]["CPU"] == 4
    assert types[workers.group_name]["max_workers"] == workers.replicas == workers.max_replicas


@pytest.mark.slow
def test_checkov_finds_only_what_has_a_reason(
    objects: list[Any], pods: dict[str, Any], python_with: Callable[..., Path], tmp_path: Path
) -> None:
    check_with_checkov([*objects, *pods.values()], python_with, tmp_path)


def test_the_command_takes_what_the_job_gives_it(job: RayJobSpec) -> None:
    python, *module, name = shlex.split(job.entrypoint)[:4]
    assert (python, module, name) == ("python", ["-m", "service"], "predict")
    options = main.commands[name].make_context(name, shlex.split(job.entrypoint)[4:]).params
    assert (options["engine"], options["address"], options["resume"]) == ("ray", "auto", True)
    assert options["output"].startswith("s3://")


def test_each_try_has_a_cluster_that_ends_with_it(job: RayJobSpec) -> None:
    assert job.backoff_limit > 0
    assert job.shutdown_after_job_finishes


def test_images_have_the_versions_of_the_package_and_of_ray(job: RayJobSpec, pods: dict[str, Any]) -> None:
    images = {container["image"] for spec in pod_specs(pods) for container in spec["containers"]}
    assert images == {f"mnist-ray:{service.__version__}"}
    assert job.ray_cluster_spec.ray_version == ray.__version__


def test_pods_run_as_the_images_do(pods: dict[str, Any]) -> None:
    user = re.findall(r"^USER (\d+)$", (ROOT / "Dockerfile").read_text(), re.M)[-1]
    assert {spec["securityContext"]["runAsUser"] for spec in pod_specs(pods)} == {int(user)}


def test_only_pods_of_the_namespace_and_the_operator_reach_the_cluster(
    objects: list[Any], pods: dict[str, Any]
) -> None:
    policy = find(objects, "NetworkPolicy", "mnist-batch")["spec"]
    assert policy["podSelector"] == {}
    ours, operator = policy["ingress"]
    assert ours["from"] == [{"podSelector": {}}]
    (dashboard,) = operator["ports"]
    assert dashboard["port"] in [port["containerPort"] for port in pods["head"]["spec"]["containers"][0]["ports"]]


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with ray_cluster() as cluster:
        yield cluster


def test_probes_are_answered_without_a_token(cluster: RayCluster, pods: dict[str, Any]) -> None:
    host = cluster.address.partition(":")[0]
    for name in ("head", "worker"):
        (container,) = pods[name]["spec"]["containers"]
        for probe in ("readinessProbe", "livenessProbe"):
            asked = container[probe]["httpGet"]
            assert asked["port"] == HEALTH_PORT
            wait_until(partial(is_healthy, f"http://{host}:{HEALTH_PORT}{asked['path']}"))


def is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310
            return bool(response.read() == b"success")
    except OSError:  # Ray's agent starts after its node
        return False
