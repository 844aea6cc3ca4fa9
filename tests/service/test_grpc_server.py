"""gRPC's server: health, reflection, keys, limits, the log, the stop, and swaps of the model."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from tests.support.commands import run, run_module
from tests.support.grpc_server import SERVICES, GrpcServer, failure, send, serving_grpc, slow_files, status
from tests.support.paths import ROOT, SEVEN
from tests.support.ports import free_port
from tests.support.scrape import Scrape
from tests.support.server import clean_environment, serving, workers
from tests.support.wait import wait_until
from training.data.datasets import Dataset

FILE = SEVEN.read_bytes()
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
INFER, PREDICT = "/inference.GRPCInferenceService/ModelInfer", "/tensorflow.serving.PredictionService/Predict"
KEY = (("authorization", "Bearer secret"),)
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
LIBRARY = "cygrpc"  # what a process that has imported grpc maps


@pytest.fixture(scope="module")
def service() -> Iterator[GrpcServer]:
    with serving_grpc("--workers", "2") as server:
        yield server


@pytest.fixture
def channel(service: GrpcServer) -> Iterator[grpc.Channel]:
    with service.channel() as channel:
        yield channel


def infer_request(*files: bytes, model_version: str = "") -> Any:
    """Return a request of image files, by default of one."""
    contents = pb.InferTensorContents(bytes_contents=files or [FILE])
    tensor = pb.ModelInferRequest.InferInputTensor(
        name="image", datatype="BYTES", shape=[len(files) or 1], contents=contents
    )
    return pb.ModelInferRequest(model_name="mnist", model_version=model_version, inputs=[tensor])


def infer(channel: grpc.Channel, *files: bytes, **options: Any) -> Any:
    return GRPCInferenceServiceStub(channel).ModelInfer(infer_request(*files), **options)


def health_stub(channel: grpc.Channel) -> Any:  # its types lack its methods
    return HealthStub(channel)


def check(channel: grpc.Channel, name: str = "") -> int:
    return int(health_stub(channel).Check(health_pb2.HealthCheckRequest(service=name)).status)


def watch(channel: grpc.Channel, name: str = "") -> Any:
    return health_stub(channel).Watch(health_pb2.HealthCheckRequest(service=name), timeout=60)


@pytest.mark.parametrize("name", ["", *SERVICES])
def test_health_of_the_server_and_of_each_service(channel: grpc.Channel, name: str) -> None:
    assert check(channel, name) == SERVING
    call = watch(channel, name)
    assert next(call).status == SERVING
    call.cancel()


def test_health_of_an_unknown_service(channel: grpc.Channel) -> None:
    assert failure(lambda: check(channel, "nope"))[0] == "NOT_FOUND"
    assert next(watch(channel, "nope")).status == SERVICE_UNKNOWN


def test_health_follows_the_model(shipped: Path, tmp_path: Path) -> None:
    """Each of several watchers is told, also once another one has left."""
    with (
        serving_grpc("--workers", "1", "--models", str(tmp_path), is_ready=False) as server,
        server.channel() as channel,
    ):
        watchers = [watch(channel) for _ in range(3)]
        assert {next(watcher).status for watcher in watchers} == {NOT_SERVING}
        assert check(channel, SERVICES[0]) == NOT_SERVING
        assert failure(lambda: infer(channel))[::2] == ("UNAVAILABLE", "no_model")
        watchers.pop().cancel()
        shutil.copytree(shipped, tmp_path / "mnist" / "1")
        assert {next(watcher).status for watcher in watchers} == {SERVING}
        assert check(channel) == SERVING
        assert infer(channel).model_version == "1"


def test_watchers_are_told_of_the_stop_and_do_not_hold_it_up() -> None:
    with serving_grpc("--workers", "1") as server, server.channel() as channel:
        watchers = [watch(channel, name) for name in ("", "", SERVICES[0])]
        assert [next(watcher).status for watcher in watchers] == [SERVING] * 3
        server.http.process.terminate()
        assert [[told.status for told in watcher] for watcher in watchers] == [[NOT_SERVING]] * 3
        assert [watcher.code() for watcher in watchers] == [grpc.StatusCode.OK] * 3
        assert server.http.process.wait(60) == 0


def test_reflection_tells_all_that_a_client_needs_to_ask(channel: grpc.Channel) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    described = {"grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection", *SERVICES}
    assert {*database.get_services()} == described
    pool = DescriptorPool(database)
    assert {service for service in described if pool.FindServiceByName(service).methods} == described
    method = pool.FindServiceByName("inference.GRPCInferenceService").FindMethodByName("ModelInfer")
    request, answer = GetMessageClass(method.input_type)(), GetMessageClass(method.output_type)()
    request.ParseFromString(infer_request().SerializeToString())
    answer.ParseFromString(send(channel, INFER, request.SerializeToString()))
    assert np.argmax(answer.outputs[0].contents.fp32_contents) == 7  # type: ignore[attr-defined]
    predict = pool.FindServiceByName("tensorflow.serving.PredictionService").FindMethodByName("Predict")
    request, answer = GetMessageClass(predict.input_type)(), GetMessageClass(predict.output_type)()
    request.model_spec.name = "mnist"  # type: ignore[attr-defined]
    tensor = request.inputs["image"]  # type: ignore[attr-defined]
    tensor.dtype = tensor.DESCRIPTOR.fields_by_name["dtype"].enum_type.values_by_name["DT_STRING"].number
    tensor.tensor_shape.dim.add(size=1)
    tensor.string_val.append(FILE)
    answer.ParseFromString(send(channel, PREDICT, request.SerializeToString()))
    assert np.argmax(answer.outputs["probabilities"].float_val) == 7  # type: ignore[attr-defined]


def test_keys() -> None:
    with serving_grpc("--workers", "1", MNIST_API_KEYS="secret") as server, server.channel() as channel:
        stub = GRPCInferenceServiceStub(channel)
        refused = ("UNAUTHENTICATED", "A key is needed, as Authorization: Bearer KEY, or as X-API-Key: KEY.")
        for metadata in ((), (("authorization", "Bearer wrong"),), (("x-api-key", "wrong"),), (("key", "secret"),)):
            answer = failure(lambda metadata=metadata: infer(channel, metadata=metadata))  # type: ignore[misc]
            assert answer == (*refused, "unauthorized")
        for metadata in (KEY, (("x-api-key", "secret"),), (("authorization", "bearer secret"),)):
            assert infer(channel, metadata=metadata).model_version == "3"
        for method in (INFER, PREDICT, "/tensorflow.serving.ModelService/GetModelStatus"):
            answer = failure(lambda method=method: send(channel, method, b"\xff no message"))  # type: ignore[misc]
            assert answer == (*refused, "unauthorized")
        assert failure(lambda: stub.ServerMetadata(pb.ServerMetadataRequest()))[:2] == refused
        assert failure(lambda: stub.ModelReady(pb.ModelReadyRequest(name="mnist")))[:2] == refused
        assert failure(lambda: ProtoReflectionDescriptorDatabase(channel).get_services())[:2] == refused
        assert check(channel) == SERVING
        assert stub.ServerLive(pb.ServerLiveRequest()).live
        assert stub.ServerReady(pb.ServerReadyRequest()).ready
        keyed: Any = _WithKey(channel)
        assert {*SERVICES} < {*ProtoReflectionDescriptorDatabase(keyed).get_services()}


class _WithKey:
    """A channel whose calls have the key."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel

    def stream_stream(self, *args: Any, **options: Any) -> Callable[..., Any]:
        call = self._channel.stream_stream(*args, **options)
        return lambda requests: call(requests, metadata=KEY)


def test_a_call_has_a_line_in_the_log_and_counts_in_the_metrics(mnist: Dataset) -> None:
    with serving_grpc("--workers", "1", MNIST_LOG_FORMAT="json") as server, server.channel() as channel:
        labels = {"route": "/v2/models/<name>/infer", "status": "200"}
        before = Scrape(server.http)
        infer(channel, metadata=(("x-request-id", "seventh"), ("traceparent", TRACEPARENT)))
        infer(channel, *slow_files(mnist, 2), metadata=(("x-request-id", "slow"),))  # the application answers it
        assert status(lambda: infer(channel, b"", metadata=(("x-request-id", "wrong"),))) == "INVALID_ARGUMENT"
        assert status(lambda: send(channel, PREDICT, b"\xff no message")) == "INVALID_ARGUMENT"
        server.http.ask("POST", "/v2/models/mnist/infer", b"{}")
        after = Scrape(server.http)
        assert after.sum("mnist_requests_total", **labels) - before.sum("mnist_requests_total", **labels) == 2
        counts = [scrape.sum("mnist_predicted_digits_total", digit="7") for scrape in (before, after)]
        assert counts[1] - counts[0] == 3
        assert after.sum("mnist_refused_total", code="empty_image") == 1
        assert after.sum("mnist_refused_total", code="malformed_request") == 1
        entries = [json.loads(line) for line in server.http.log if '"milliseconds"' in line]
    entries = [entry for entry in entries if entry["route"] not in ("/metrics", "/readyz")]
    first, slow, wrong, unparsed, over_http = entries
    assert (first["rpc"], first["id"], first["traceparent"]) == ("ModelInfer", "seventh", TRACEPARENT)
    assert (first["status"], first["digit"], first["version"]) == (200, 7, 3)
    assert (slow["rpc"], slow["id"], slow["pictures"]) == ("ModelInfer", "slow", 2)
    assert (wrong["rpc"], wrong["id"], wrong["status"]) == ("ModelInfer", "wrong", 400)
    assert (unparsed["rpc"], unparsed["status"]) == ("Predict", 400)
    assert "rpc" not in over_http


def test_both_workers_serve(service: GrpcServer) -> None:
    def pids() -> set[str]:
        with service.channel() as channel:
            infer(channel)
        lines = [line for line in service.http.log if "rpc=ModelInfer" in line]
        return {re.findall(r"\[(\d+)\]", line)[0] for line in lines}

    wait_until(lambda: len(pids()) == 2)
    assert pids() == {*map(str, workers(service.http))}


def test_a_killed_worker_is_replaced(service: GrpcServer) -> None:
    before = workers(service.http)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len({*workers(service.http)} - {*before}) == 2)

    def is_answered() -> bool:
        with service.channel() as channel:
            return status(lambda: infer(channel, wait_for_ready=True)) == "OK"

    wait_until(is_answered)


def outcome(call: Any) -> tuple[str, str, str]:
    return failure(call.result) if call.exception() else ("OK", "", "")


def test_too_many_calls_are_refused_and_health_is_told_meanwhile(mnist: Dataset) -> None:
    options = "--workers", "1", "--threads", "1", "--max-waiting", "2"
    with serving_grpc(*options) as server, server.channel() as channel:
        stub = GRPCInferenceServiceStub(channel)
        calls = [stub.ModelInfer.future(infer_request(*slow_files(mnist))) for _ in range(20)]
        assert check(channel) == SERVING
        assert infer(channel).model_version == "3"  # the fast path waits for no thread
        outcomes = Counter(map(outcome, calls))
        refused = outcomes.pop(("UNAVAILABLE", "Too many requests wait already: try again in a moment.", "overloaded"))
        assert [*outcomes] == [("OK", "", "")]
        assert 3 <= outcomes.total() < 20
        assert status(lambda: infer(channel, *slow_files(mnist))) == "OK"
        assert Scrape(server.http).sum("mnist_refused_total", code="overloaded") == refused


def test_calls_whose_bytes_are_too_many_together_are_refused(mnist: Dataset) -> None:
    files = [*slow_files(mnist), FILE + bytes(400_000)]
    with (
        serving_grpc("--workers", "1", "--threads", "1", "--max-buffered", "1000000") as server,
        server.channel() as channel,
    ):
        calls = [GRPCInferenceServiceStub(channel).ModelInfer.future(infer_request(*files)) for _ in range(20)]
        outcomes = Counter(outcome(call)[::2] for call in calls)
        assert {*outcomes} == {("OK", ""), ("UNAVAILABLE", "overloaded")}
        assert outcomes["OK", ""] >= 2
        assert status(lambda: infer(channel, *files)) == "OK"


def test_many_cancelled_calls_leave_the_server_as_it_was(mnist: Dataset) -> None:
    options = "--workers", "1", "--threads", "1", "--max-waiting", "4"
    with serving_grpc(*options) as server, server.channel() as channel:
        for _ in range(20):
            call = GRPCInferenceServiceStub(channel).ModelInfer.future(infer_request(*slow_files(mnist, 10)))
            call.cancel()
        wait_until(lambda: status(lambda: infer(channel, *slow_files(mnist, 10))) == "OK")
        assert not [line for line in server.http.log if "Traceback" in line or "ERROR" in line]


def test_calls_in_flight_are_answered_when_told_to_stop(mnist: Dataset) -> None:
    with serving_grpc("--workers", "2") as server, ThreadPoolExecutor(12) as pool:
        channels = [server.channel() for _ in range(12)]
        for channel in channels:
            infer(channel)
        calls = [pool.submit(infer, channel, *slow_files(mnist, 40)) for channel in channels]
        wait_until(lambda: Scrape(server.http).sum("mnist_pictures_in_flight") >= 4)
        server.http.process.terminate()
        answers = [call.result(60) for call in calls]
        assert [len(answer.outputs[0].contents.fp32_contents) for answer in answers] == [400] * 12
        assert server.http.process.wait(60) == 0
        assert status(lambda: infer(channels[0])) == "UNAVAILABLE"
        for channel in channels:
            channel.close()


def test_under_load_no_answer_is_lost_at_the_stop(mnist: Dataset) -> None:
    def infer_until_refused(channel: grpc.Channel) -> tuple[int, str]:
        answered = 0
        while (code := status(lambda: infer(channel))) == "OK":
            answered += 1
        return answered, code

    with serving_grpc("--workers", "2") as server, ThreadPoolExecutor(8) as pool:
        channels = [server.channel() for _ in range(8)]
        clients = [pool.submit(infer_until_refused, channel) for channel in channels]
        wait_until(lambda: len([line for line in server.http.log if "rpc=ModelInfer" in line]) > 500)
        assert server.stop() == 0
        counts = [client.result(60) for client in clients]
        # gRPC cancels calls that arrive as it stops (grpc/grpc#41785): the model has not answered such a call.
        assert {code for _, code in counts} <= {"UNAVAILABLE", "CANCELLED"}
    logged = [line for line in server.http.log if "rpc=ModelInfer" in line and "status=200" in line]
    assert sum(answered for answered, _ in counts) == len(logged)


def test_clients_that_heed_health_lose_no_call_at_the_stop() -> None:
    with serving_grpc("--workers", "2") as server, ThreadPoolExecutor(8) as pool:
        stopped = threading.Event()

        def infer_until_stopped(channel: grpc.Channel) -> Counter[str]:
            codes = Counter[str]()
            while not stopped.is_set():
                codes[status(lambda: infer(channel))] += 1
            return codes

        clients = [pool.submit(infer_until_stopped, server.channel()) for _ in range(7)]
        with server.channel() as channel:
            watcher = watch(channel)
            assert next(watcher).status == SERVING
            wait_until(lambda: len([line for line in server.http.log if "rpc=ModelInfer" in line]) > 500)
            server.http.process.terminate()
            assert next(watcher).status == NOT_SERVING
        time.sleep(1)  # as long as a proxy takes to notice
        stopped.set()
        assert {code for client in clients for code in client.result(60)} == {"OK"}
        assert server.http.process.wait(60) == 0


def test_calls_over_the_grace_are_cancelled(mnist: Dataset) -> None:
    with serving_grpc("--workers", "1", "--threads", "1", "--grace", "1") as server, server.channel() as channel:
        calls = [
            GRPCInferenceServiceStub(channel).ModelInfer.future(infer_request(*slow_files(mnist, 900)))
            for _ in range(4)
        ]
        wait_until(lambda: Scrape(server.http).sum("mnist_pictures_in_flight") > 0)
        assert server.stop() == 0
        assert calls[-1].code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


def test_sigusr2_replaces_the_main_process_which_shares_the_port() -> None:
    with serving_grpc("--workers", "1") as server:
        os.kill(server.http.process.pid, signal.SIGUSR2)
        wait_until(lambda: len([line for line in server.http.log if "Listening for gRPC" in line]) == 2)
        replacement = int(re.findall(r"\d+", [line for line in server.http.log if "Listening at" in line][1])[-1])
        try:
            assert server.stop() == 0
            with server.channel() as channel:
                assert infer(channel).model_version == "3"
        finally:
            os.kill(replacement, signal.SIGTERM)


def test_a_swap_of_the_model_drops_no_call(shipped: Path, tmp_path: Path) -> None:
    """The version that answers a call may be gone from the disk before the call is answered."""
    first = Path(shutil.copytree(shipped, tmp_path / "models" / "mnist" / "1"))
    stop = threading.Event()
    with (
        serving_grpc("--workers", "2", "--models", str(tmp_path / "models")) as server,
        ThreadPoolExecutor(6) as pool,
    ):
        predict = tensorflow_request(server)

        def ask(channel: grpc.Channel) -> Counter[str]:
            answers: Counter[str] = Counter()
            while not stop.is_set():
                answers[infer(channel).model_version] += 1
                answers[str(predict(channel))] += 1
            return answers

        channels = [server.channel() for _ in range(6)]
        clients = [pool.submit(ask, channel) for channel in channels]
        for number in range(2, 6):
            shutil.copytree(shipped, tmp_path / str(number)).rename(first.with_name(str(number)))
            server.http.wait_until_served(str(number), str(number - 1))
            shutil.rmtree(first.with_name(str(number - 1)))
            server.http.wait_until_served(str(number))
        stop.set()
        answers = sum((client.result(60) for client in clients), Counter())
        assert {*answers} == {"1", "2", "3", "4", "5"}


def tensorflow_request(server: GrpcServer) -> Callable[[grpc.Channel], int]:
    """Return the function that asks Predict, by reflection, which version answers."""
    with server.channel() as channel:
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        method = pool.FindServiceByName("tensorflow.serving.PredictionService").FindMethodByName("Predict")
        request, answer = GetMessageClass(method.input_type)(), GetMessageClass(method.output_type)
    tensor = request.inputs["image"]  # type: ignore[attr-defined]
    tensor.dtype = 7  # DT_STRING
    tensor.tensor_shape.dim.add(size=1)
    tensor.string_val.append(FILE)
    request.model_spec.name = "mnist"  # type: ignore[attr-defined]
    data = request.SerializeToString()
    return lambda channel: answer.FromString(send(channel, PREDICT, data)).model_spec.version.value  # type: ignore[attr-defined]


def check_start_is_refused(port: int) -> None:
    result = run_module("service", "--port", "0", "--workers", "2", "--grpc-port", str(port))
    last_line = result.stderr.splitlines()[-1]
    expected = f"Error: MNIST_GRPC_PORT: 127.0.0.1:{port} can't be listened on: address already in use."
    assert (result.returncode, last_line) == (1, expected)
    assert "Traceback" not in result.stderr


def test_a_port_in_use_stops_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        check_start_is_refused(listener.getsockname()[1])


def test_the_port_of_another_service_stops_the_start(service: GrpcServer) -> None:
    """Though the workers of one service share a port, two services do not."""
    check_start_is_refused(int(service.address.rpartition(":")[2]))


def test_the_port_of_http_is_refused() -> None:
    port = str(free_port())
    result = run("--port", port, "--grpc-port", port)
    assert (result.returncode, result.stderr.decode()) == (
        1, f"Error: MNIST_GRPC_PORT and MNIST_PORT are both {port}: gRPC needs a port of its own.\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        (("grpc", "grpc_health", "grpc_reflection"), "grpc and grpc_health and grpc_reflection"),
        (("grpc_reflection",), "grpc_reflection"),
    ],
)
def test_without_the_extra_the_start_says_what_to_install(missing: tuple[str, ...], named: str) -> None:
    code = f"import sys; sys.modules |= dict.fromkeys({missing}); from service.__main__ import main; main()"
    result = run_code(code, MNIST_GRPC_PORT=str(free_port()))
    assert (result.returncode, result.stderr) == (
        1, f"Error: MNIST_GRPC_PORT is set, but {named} can't be imported: pip install 'mnist-service[grpc]'.\n",
    )  # fmt: skip


def run_code(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=clean_environment() | environment, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip


def test_without_the_port_no_process_imports_grpc(service: GrpcServer) -> None:
    def imported(pids: list[int]) -> list[bool]:
        return [LIBRARY in Path(f"/proc/{pid}/maps").read_text() for pid in pids]

    with serving("--workers", "2") as server:
        assert server.post(FILE)[0] == 200
        wait_until(lambda: len(workers(server)) == 2)  # one answers before the other is forked
        assert imported([server.process.pid, *workers(server)]) == [False] * 3
        assert not [line for line in server.log if "gRPC" in line]
    assert imported([service.http.process.pid, *workers(service.http)]) == [True] * 3
