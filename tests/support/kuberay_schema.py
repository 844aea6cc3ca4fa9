"""The fields of a RayJob in ray.io/v1, as KubeRay's API reference has them; a pod's own are Kubernetes'.

https://docs.ray.io/en/latest/cluster/kubernetes/references/api.html. A field that is not here is an error; here are
those that KubeRay 1.3 and later know.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Template = dict[str, Any]  # of a pod


class Fields(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    pass


class AutoscalerOptions(Fields, kw_only=True):
    resources: dict[str, dict[str, str]] = {}
    image: str = ""
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    env: list[dict[str, Any]] = []
    env_from: list[dict[str, Any]] = []
    volume_mounts: list[dict[str, Any]] = []
    security_context: dict[str, Any] = {}
    idle_timeout_seconds: Count = 60
    upscaling_mode: Literal["Default", "Aggressive", "Conservative"] = "Default"


class HeadGroupSpec(Fields, kw_only=True):
    template: Template
    ray_start_params: dict[str, str]
    service_type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    head_service: dict[str, Any] = {}
    enable_ingress: bool = False


class ScaleStrategy(Fields):
    workers_to_delete: list[str] = []


class WorkerGroupSpec(Fields, kw_only=True):
    group_name: str
    template: Template
    ray_start_params: dict[str, str]
    replicas: Count = 0
    min_replicas: Count
    max_replicas: Count
    num_of_hosts: Annotated[int, Meta(ge=1)] = 1
    idle_timeout_seconds: Count = 0
    scale_strategy: ScaleStrategy = msgspec.field(default_factory=ScaleStrategy)
    suspend: bool = False


class RayClusterSpec(Fields, kw_only=True):
    head_group_spec: HeadGroupSpec
    worker_group_specs: list[WorkerGroupSpec] = []
    ray_version: str = ""
    enable_in_tree_autoscaling: bool = False
    autoscaler_options: AutoscalerOptions = msgspec.field(default_factory=AutoscalerOptions)
    gcs_fault_tolerance_options: dict[str, Any] = {}
    head_service_annotations: dict[str, str] = {}
    managed_by: str = ""
    suspend: bool = False


class SubmitterConfig(Fields):
    backoff_limit: Count = 2


class RayJobSpec(Fields, kw_only=True):
    entrypoint: str = ""
    ray_cluster_spec: RayClusterSpec
    cluster_selector: dict[str, str] = {}
    submission_mode: Literal["K8sJobMode", "HTTPMode", "InteractiveMode"] = "K8sJobMode"
    submitter_pod_template: Template = {}
    submitter_config: SubmitterConfig = msgspec.field(default_factory=SubmitterConfig)
    entrypoint_num_cpus: float = 0
    entrypoint_num_gpus: float = 0
    entrypoint_resources: str = ""
    runtime_env_yaml: str = msgspec.field(name="runtimeEnvYAML", default="")
    job_id: str = ""
    metadata: dict[str, str] = {}
    active_deadline_seconds: Annotated[int, Meta(ge=1)] | None = None
    backoff_limit: Count = 0
    shutdown_after_job_finishes: bool = False
    ttl_seconds_after_finished: Count = 0
    managed_by: str = ""
    suspend: bool = False


class RayJob(Fields):
    api_version: Literal["ray.io/v1"]
    kind: Literal["RayJob"]
    metadata: dict[str, Any]
    spec: RayJobSpec
