"""The servers that are compared: their requirements, commands and paths."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.comparison import grpc_jobs

ROOT = Path(__file__).parents[3]
SERVERS = "tests.benchmarks.comparison.servers"

# The same decode and the same LiteRT for all.
COMMON = tuple(f"{name}=={version(name)}" for name in ("ai-edge-litert", "pillow"))


@dataclass(frozen=True)
class Candidate:
    """A server. In its command and environment, {port} is the port to listen on; {grpc} and {metrics} are free."""

    name: str
    command: tuple[str, ...]  # the arguments of its Python
    paths: Mapping[str, str]  # by the job's name
    requirements: tuple[str, ...] = ()  # without any it runs in the service's environment
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The folder of its environment, if it has requirements."""
        return ROOT / "build" / "bench" / self.name.split(",")[0].lower()

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python") if self.requirements else sys.executable


def ours(
    name: str, jobs: Iterable[str], *options: str, workers: int = 2, environment: Mapping[str, str] | None = None
) -> Candidate:
    command = ("-m", "service", "--port", "{port}", "--workers", str(workers), *options)
    return Candidate(name, command, {job: OURS[job] for job in jobs}, environment=environment or {})


def gunicorn(worker: str, *options: str) -> Candidate:
    """The service under a worker class of gunicorn's."""
    command = ("-m", "gunicorn", "--bind", "127.0.0.1:{port}", "--workers", "2", "--worker-class", worker, *options)
    return Candidate(f"mnist-service, {worker}", (*command, "service:create_app()"), {"PNG": OURS["PNG"]})


OURS = {
    "PNG": "/predict",
    "form": "/predict",
    "v1 JSON": "/v1/models/mnist:predict",
    "v2 JSON": "/v2/models/mnist/infer",
    "gRPC, UINT8": grpc_jobs.PATH,
    "gRPC, FP32": grpc_jobs.PATH,
    "PNG, 256 connections": "/predict",
    "v2, 1,000 of UINT8": "/v2/models/mnist/infer",
    "v2, 1,000 of FP32": "/v2/models/mnist/infer",
    "form of 100 files": "/predict/batch",
}


SINGLE, SINGLE_BY_GRPC, BATCHES = list(OURS)[:4], list(OURS)[:6], list(OURS)[6:]


def fastapi(name: str, paths: Mapping[str, str]) -> Candidate:
    """FastAPI on uvicorn, with the fastest libraries that it supports."""
    return Candidate(
        name,
        ("-m", "uvicorn", f"{SERVERS}.fastapi_server:app", "--port", "{port}", "--workers", "2", "--loop", "uvloop",
         "--http", "httptools", "--no-access-log", "--log-level", "warning"),
        paths,
        (*COMMON, "fastapi==0.165.*", "uvicorn[standard]==0.54.*", "python-multipart==0.0.34", "orjson==3.13.*"),
    )  # fmt: skip


def mlserver(name: str, workers: int) -> Candidate:
    """MLServer, which predicts in the server's process if it has no workers."""
    return Candidate(
        name,
        ("-m", "mlserver.cli.main", "start", SERVERS.replace(".", "/") + "/mlserver"),
        {"v2 JSON": "/v2/models/mnist/infer", "gRPC, UINT8": grpc_jobs.PATH, "gRPC, FP32": grpc_jobs.PATH},
        (*COMMON, "mlserver==1.7.*", "uvloop==0.21.*"),  # its workers don't start with newer ones
        {"MLSERVER_HTTP_PORT": "{port}", "MLSERVER_GRPC_PORT": "{grpc}", "MLSERVER_METRICS_PORT": "{metrics}",
         "MLSERVER_PARALLEL_WORKERS": str(workers), "MLSERVER_DEBUG": "false", "MLSERVER_METRICS_ENDPOINT": "",
         "MLSERVER_METRICS_DIR": "build/bench/metrics", "MLSERVER_ENVIRONMENTS_DIR": "build/bench/environments"},
    )  # fmt: skip


def triton(name: str, datatype: str, paths: Mapping[str, str]) -> Candidate:
    """Triton, whose model takes one datatype."""
    command = ("-m", f"{SERVERS}.triton_server", "{port}", "{grpc}", datatype)
    return Candidate(name, command, paths, (*COMMON, "nvidia-pytriton==0.7.*"))


CANDIDATES = [
    ours("mnist-service", SINGLE),
    ours("mnist-service, gRPC on", SINGLE_BY_GRPC, environment={"MNIST_GRPC_PORT": "{grpc}"}),
    fastapi("FastAPI", {"PNG": "/raw", "form": "/multipart", "v1 JSON": "/v1"}),
    fastapi("FastAPI, typed", {"v1 JSON": "/v1/typed"}),
    Candidate(
        "BentoML",
        ("-m", "bentoml", "serve", f"{SERVERS}.bentoml_service:Mnist", "--host", "127.0.0.1", "--port", "{port}"),
        {"PNG": "/raw", "form": "/multipart"},
        (*COMMON, "bentoml==1.4.*", "uvloop==0.23.*", "httptools==0.9.*"),
    ),
    Candidate(
        "LitServe",
        ("-m", f"{SERVERS}.litserve_server", "{port}"),
        {"form": "/predict"},
        (*COMMON, "litserve==0.2.*", "uvloop==0.23.*", "httptools==0.9.*", "python-multipart==0.0.34"),
    ),
    mlserver("MLServer", workers=0),
    mlserver("MLServer, 2 workers", workers=2),
    triton("Triton", "FP32", {"v2 JSON": "/v2/models/mnist/infer", "gRPC, FP32": grpc_jobs.PATH}),
    triton("Triton, UINT8", "UINT8", {"gRPC, UINT8": grpc_jobs.PATH}),
    Candidate(
        "hello world",
        ("-m", "gunicorn", "--config", "python:service.server.gunicorn_conf", f"{SERVERS}.hello:app"),
        {"hello world": "/"},
        environment={"MNIST_PORT": "{port}", "MNIST_WORKERS": "2"},
    ),
    ours("mnist-service, no fast path", SINGLE, "--fast-path", "false"),
    ours("mnist-service, 1 worker", ["PNG"], workers=1),
    ours("mnist-service, 3 workers", ["PNG"], workers=3),
    ours("mnist-service, TensorFlow", ["PNG"], "--runtime", "tensorflow"),
    gunicorn("gthread", "--threads", "2"),
    gunicorn("sync"),
    ours("mnist-service, batches", BATCHES),
]  # fmt: skip
