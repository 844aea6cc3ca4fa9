"""The Open Inference Protocol over gRPC: requests of Triton's own client, against the answers over HTTP."""

import asyncio
import json
import queue
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tritonclient import http as over_http
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput, InferResult, aio
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub
from tritonclient.utils import InferenceServerException

from tests.support import triton_requests
from tests.support.grpc_server import GrpcServer, failure, send, serving_grpc, slow_files, status
from tests.support.images import png
from tests.support.paths import SEVEN
from training.data.datasets import Dataset

FILE = SEVEN.read_bytes()
ZEROS = [0.0] * 784
SERVICE = "/inference.GRPCInferenceService"
METHODS = [
    "ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer", "ModelConfig",
    "ModelStatistics", "RepositoryIndex",
]  # fmt: skip
# What a client is told about a request that is wrong, whatever its bytes are.
ANSWERS_TO_BYTES = {"OK", "INVALID_ARGUMENT", "NOT_FOUND"}


@pytest.fixture(scope="module")
def service() -> Iterator[GrpcServer]:
    with serving_grpc("--workers", "1") as server:
        server.http.wait_until_served("3", "2", "1")
        yield server


@pytest.fixture(scope="module")
def small() -> Iterator[GrpcServer]:
    """A server with low limits."""
    with serving_grpc("--workers", "1", "--max-bytes", "100000", "--max-files", "4") as server:
        yield server


@pytest.fixture(scope="module")
def client(service: GrpcServer) -> Iterator[InferenceServerClient]:
    with InferenceServerClient(service.address) as client:
        yield client


@pytest.fixture(scope="module")
def http_client(service: GrpcServer) -> Iterator[over_http.InferenceServerClient]:
    with over_http.InferenceServerClient(f"127.0.0.1:{service.http.port}") as client:
        yield client


@pytest.fixture(scope="module")
def channel(service: GrpcServer) -> Iterator[grpc.Channel]:
    with service.channel() as channel:
        yield channel


@pytest.fixture(scope="module")
def stub(channel: grpc.Channel) -> Any:
    return GRPCInferenceServiceStub(channel)


def tensor(images: NDArray[Any]) -> InferInput:
    """Return the input of a request, with raw contents."""
    infer_input = InferInput("image", list(images.shape), triton_requests.DATATYPES[images.dtype.name])
    return infer_input.set_data_from_numpy(images)


def ask(client: InferenceServerClient, images: NDArray[Any], **options: Any) -> NDArray[Any]:
    answer: NDArray[Any] = client.infer("mnist", [tensor(images)], **options).as_numpy("probabilities")
    return answer


def typed(images: NDArray[Any], **fields: Any) -> Any:
    """Return a request with typed contents."""
    name = {"float32": "fp32_contents", "uint8": "uint_contents", "object": "bytes_contents"}[images.dtype.name]
    contents = pb.InferTensorContents(**{name: images.ravel().tolist()})
    return request(list(images.shape), triton_requests.DATATYPES[images.dtype.name], contents, **fields)


def request(shape: list[int], datatype: str = "FP32", contents: Any = None, name: str = "image", **fields: Any) -> Any:
    tensor = pb.ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=shape, contents=contents)
    return pb.ModelInferRequest(**{"model_name": "mnist", "inputs": [tensor], **fields})


def pixels(*first: float) -> Any:
    """Return the contents of one image that begins with these pixels."""
    return pb.InferTensorContents(fp32_contents=[*first, *ZEROS[len(first) :]])


def scaled(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return images.reshape(-1, 784).astype(np.float32) / np.float32(255)


def forms(mnist: Dataset, count: int) -> dict[str, NDArray[Any]]:
    """Return the first test images in each datatype."""
    images = mnist.x_test[:count]
    files = np.array([png(image) for image in images], np.object_)
    return {"FP32": scaled(images), "UINT8": images, "squares": images[..., np.newaxis], "BYTES": files}


def values(answer: Any) -> NDArray[Any]:
    """Return the typed contents of an answer."""
    output = answer.outputs[0]
    contents = output.contents.bytes_contents if output.datatype == "BYTES" else output.contents.fp32_contents
    return np.array(contents, np.object_ if output.datatype == "BYTES" else np.float32).reshape(output.shape)


def test_health(client: InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("mnist")
    assert client.is_model_ready("mnist", "1")
    assert not client.is_model_ready("mnist", "9")
    assert not client.is_model_ready("nope")


def test_metadata_configuration_and_index_are_those_of_http(
    client: InferenceServerClient, http_client: over_http.InferenceServerClient
) -> None:
    metadata = MessageToDict(client.get_server_metadata())
    assert metadata == http_client.get_server_metadata()
    for version in ("", "1"):
        model = client.get_model_metadata("mnist", version)
        expected = http_client.get_model_metadata("mnist", version)
        assert (model.name, list(model.versions), model.platform) == tuple(
            expected[key] for key in ("name", "versions", "platform")
        )
        for name, tensors in (("inputs", model.inputs), ("outputs", model.outputs)):
            described = [{"name": it.name, "datatype": it.datatype, "shape": list(it.shape)} for it in tensors]
            assert described == expected[name]
    index = MessageToDict(client.get_model_repository_index())["models"]
    assert index == [{k: v for k, v in entry.items() if v} for entry in http_client.get_model_repository_index()]


def test_configuration(client: InferenceServerClient) -> None:
    config = client.get_model_config("mnist").config
    assert (config.name, config.max_batch_size) == ("mnist", 1000)
    assert [(it.name, it.data_type, list(it.dims)) for it in config.input] == [("image", 11, [784])]  # TYPE_FP32
    assert [(it.name, it.data_type, list(it.dims)) for it in config.output] == [("probabilities", 11, [10])]
    assert config.version_policy.WhichOneof("policy_choice") == "all"


def test_statistics_count_calls(client: InferenceServerClient, mnist: Dataset) -> None:
    def statistics() -> Any:
        return client.get_inference_statistics("mnist", "2").model_stats[0]

    before = statistics()
    for _ in range(5):
        ask(client, mnist.x_test[:3], model_version="2")
    after = statistics()
    assert after.inference_count - before.inference_count == 15
    assert after.inference_stats.success.count - before.inference_stats.success.count == 5
    assert after.inference_stats.compute_infer.ns > before.inference_stats.compute_infer.ns
    assert [stats.version for stats in client.get_inference_statistics().model_stats] == ["1", "2", "3"]


@pytest.mark.parametrize("form", ["FP32", "UINT8", "squares", "BYTES"])
def test_answers_are_those_of_http_bit_for_bit(
    client: InferenceServerClient, http_client: over_http.InferenceServerClient, stub: Any, mnist: Dataset, form: str
) -> None:
    images = forms(mnist, 200)[form]
    expected = triton_requests.ask(http_client, images)
    assert expected.argmax(axis=1).tolist()[:3] == [7, 2, 1]
    np.testing.assert_array_equal(ask(client, images), expected)
    np.testing.assert_array_equal(values(stub.ModelInfer(typed(images))), expected)


@pytest.mark.parametrize("form", ["FP32", "UINT8", "squares", "BYTES"])
def test_single_images_are_answered_as_over_http(
    client: InferenceServerClient, http_client: over_http.InferenceServerClient, stub: Any, mnist: Dataset, form: str
) -> None:
    images = forms(mnist, 200)[form]
    for index in range(len(images)):
        image = images[index : index + 1]
        expected = triton_requests.ask(http_client, image)
        np.testing.assert_array_equal(ask(client, image), expected)
        np.testing.assert_array_equal(values(stub.ModelInfer(typed(image))), expected)


@pytest.mark.parametrize("count", [1, 3, 10])
def test_classification_is_that_of_http(
    client: InferenceServerClient,
    http_client: over_http.InferenceServerClient,
    stub: Any,
    mnist: Dataset,
    count: int,
) -> None:
    images = mnist.x_test[:5]
    wanted = [over_http.InferRequestedOutput("probabilities", binary_data=True, class_count=count)]
    expected = triton_requests.ask(http_client, images, outputs=wanted)
    output = InferRequestedOutput("probabilities", class_count=count)
    np.testing.assert_array_equal(ask(client, images, outputs=[output]), expected)
    typed_request = typed(images)
    typed_request.outputs.add(name="probabilities").parameters["classification"].int64_param = count
    np.testing.assert_array_equal(values(stub.ModelInfer(typed_request)), expected)


def test_the_answer_has_contents_of_the_kind_that_the_request_has(client: InferenceServerClient, stub: Any) -> None:
    answer = stub.ModelInfer(request([1, 784], contents=pixels(), id="seventh", model_version="1"))
    assert (answer.model_name, answer.model_version, answer.id) == ("mnist", "1", "seventh")
    (output,) = answer.outputs
    assert (output.name, output.datatype, list(output.shape)) == ("probabilities", "FP32", [1, 10])
    assert len(output.contents.fp32_contents) == 10
    assert not answer.raw_output_contents
    raw = client.infer("mnist", [tensor(np.zeros((1, 784), np.float32))]).get_response()
    assert [len(contents) for contents in raw.raw_output_contents] == [40]
    assert not raw.outputs[0].HasField("contents")


def test_versions_by_number(client: InferenceServerClient, mnist: Dataset) -> None:
    answers = [ask(client, mnist.x_test[:5], model_version=version) for version in ("1", "3", "")]
    np.testing.assert_array_equal(answers[1], answers[2])
    assert not np.allclose(answers[0], answers[1], atol=1e-6)


def test_a_batch_of_a_thousand_typed_images(stub: Any, mnist: Dataset) -> None:
    answer = values(stub.ModelInfer(typed(scaled(mnist.x_test[:1000]))))
    assert np.mean(answer.argmax(axis=1) == mnist.y_test[:1000]) > 0.98


def test_the_asynchronous_client_asks_for_many_at_once(service: GrpcServer, mnist: Dataset) -> None:
    async def ask_all() -> list[InferResult]:
        async with aio.InferenceServerClient(service.address) as client:
            assert await client.is_model_ready("mnist")
            calls = [client.infer("mnist", [tensor(image[np.newaxis])]) for image in mnist.x_test[:100]]
            return list(await asyncio.gather(*calls))

    answers = [result.as_numpy("probabilities")[0] for result in asyncio.run(ask_all())]
    with InferenceServerClient(service.address) as client:
        np.testing.assert_allclose(answers, ask(client, mnist.x_test[:100]), atol=1e-6)


def test_callbacks_of_the_client_get_answers_and_errors(client: InferenceServerClient, mnist: Dataset) -> None:
    results: queue.Queue[tuple[Any, Any]] = queue.Queue()
    client.async_infer("mnist", [tensor(mnist.x_test[:1])], lambda result, error: results.put((result, error)))
    result, error = results.get(timeout=30)
    assert (result.as_numpy("probabilities").argmax(), error) == (7, None)
    client.async_infer("nope", [tensor(mnist.x_test[:1])], lambda result, error: results.put((result, error)))
    result, error = results.get(timeout=30)
    assert (result, error.status()) == (None, "StatusCode.NOT_FOUND")


def test_streams_are_refused_and_the_sentence_says_what_to_call(service: GrpcServer) -> None:
    errors: queue.Queue[Any] = queue.Queue()
    with InferenceServerClient(service.address) as client:
        client.start_stream(lambda result, error: errors.put(error))
        error = errors.get(timeout=30)
        assert error.message() == "Streams are not served: call ModelInfer for each request."
        client.stop_stream()
        assert client.is_server_live()


@pytest.mark.parametrize("method", ["RepositoryModelLoad", "SystemSharedMemoryStatus", "TraceSetting"])
def test_other_methods_of_triton_are_unimplemented(stub: Any, method: str) -> None:
    message = getattr(pb, f"{method}Request")()
    assert failure(lambda: getattr(stub, method)(message))[0] == "UNIMPLEMENTED"


NAN, INFINITY = float("nan"), float("inf")
RAW = np.zeros(784, np.float32).tobytes()
INPUT = "The input 'image'"


@pytest.mark.parametrize(
    ("wrong", "sentence", "code"),
    [
        (request([1, 784], contents=pixels(NAN)), "image[0][0] is nan: pixels are numbers in [0, 1].", None),
        (request([1, 784], contents=pixels(0, INFINITY)), "image[0][1] is inf: pixels are numbers in [0, 1].", None),
        (request([1, 784], contents=pixels(255)), "image[0][0] is 255.0: pixels are numbers in [0, 1].", None),
        (request([1, 784]), f"{INPUT} has 0 bytes, where its shape [1, 784] makes 3136.", None),
        (request([2, 784], contents=pixels()), f"{INPUT} has 3136 bytes, where its shape [2, 784] makes 6272.", None),
        (request([0, 784]), f"{INPUT} holds no image: send at least one.", None),
        (request([2**62, 784]), "The request has 4611686018427387904 images: at most 1000 are read.", "too_large"),
        (request([784], contents=pixels()), "[784], not [n, 784], [n, 28, 28] or [n, 28, 28, 1].", None),
        (request([1, 785], contents=pixels()), "[1, 785], not [n, 784], [n, 28, 28] or [n, 28, 28, 1].", None),
        (request([-1, 784], contents=pixels()), "Expected `int` >= 0", "invalid_json"),
        (request([], contents=pixels()), "The JSON is not as it should be", "invalid_json"),
        (request([1] * 65, contents=pixels()), "The JSON is not as it should be", "invalid_json"),
        (request([1, 784], "FP64", pixels()), "data-type is 'FP64', but model 'mnist' expects 'FP32', 'UINT8'", None),
        (request([1, 784], "", pixels()), "data-type is '', but model 'mnist' expects 'FP32', 'UINT8'", None),
        (
            request([1, 784], "UINT8", pb.InferTensorContents(uint_contents=[256] * 784)),
            "image has a number over 255: pixels of UINT8 are from 0 to 255.",
            None,
        ),
        (request([1], "BYTES"), "image has 0 elements, where its shape says 1.", None),
        (
            request([1], "BYTES", pb.InferTensorContents(bytes_contents=[b"Dear service"])),
            "image[0]: This is not an image in a supported format",
            "unreadable_image",
        ),
        (
            request([1], "BYTES", pb.InferTensorContents(bytes_contents=[b""])),
            "image[0]: ",
            "empty_image",
        ),
        (
            request([1], "BYTES", raw_input_contents=[b"\x09\x00\x00\x00Dear"]),
            "image[0] is cut short: 9 bytes are announced.",
            None,
        ),
        (
            request([1, 784], raw_input_contents=[RAW, RAW]),
            "expected 1 raw input contents but got 2.",
            "malformed_request",
        ),
        (
            request([1, 784], contents=pixels(), raw_input_contents=[RAW]),
            "contents field must not be specified when using raw_input_contents for 'image'.",
            "malformed_request",
        ),
        (
            request([1, 784], raw_input_contents=[RAW[:-1]]),
            f"{INPUT} has 3135 bytes, where its shape [1, 784] makes 3136.",
            None,
        ),
        (
            request([1, 784], name="x", contents=pixels()),
            "unexpected inference input 'x' for model 'mnist': it is 'image'.",
            "malformed_request",
        ),
        (
            pb.ModelInferRequest(model_name="mnist"),
            "expected 1 inputs but got 0 inputs for model 'mnist'.",
            "malformed_request",
        ),
        (
            request([1, 784], contents=pixels(), outputs=[pb.ModelInferRequest.InferRequestedOutputTensor(name="x")]),
            "unexpected inference output 'x' for model 'mnist': it is 'probabilities'.",
            "malformed_request",
        ),
    ],
)
def test_wrong_requests_are_answered_with_what_is_wrong(stub: Any, wrong: Any, sentence: str, code: str | None) -> None:
    answered, details, error_code = failure(lambda: stub.ModelInfer(wrong))
    assert (answered, error_code) == ("INVALID_ARGUMENT", code or "invalid_tensor")
    assert sentence in details
    assert status(lambda: stub.ModelInfer(request([1, 784], contents=pixels()))) == "OK"


@pytest.mark.parametrize("version", ["9", "x", "-1", "1/infer", "\u4e03", "9" * 30])
def test_unknown_versions(stub: Any, version: str) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: stub.ModelInfer(request([1, 784], contents=pixels(), model_version=version)),
        lambda: stub.ModelMetadata(pb.ModelMetadataRequest(name="mnist", version=version)),
        lambda: stub.ModelConfig(pb.ModelConfigRequest(name="mnist", version=version)),
        lambda: stub.ModelStatistics(pb.ModelStatisticsRequest(name="mnist", version=version)),
    ]
    assert [failure(call)[::2] for call in calls] == [("NOT_FOUND", "model_not_found")] * 4


@pytest.mark.parametrize("name", ["nope", "", "MNIST", "mnist ", "a/b", "..", "\u4e03", "\x00", "mnist/versions/1"])
def test_unknown_models(stub: Any, name: str) -> None:
    answered = failure(lambda: stub.ModelInfer(request([1, 784], contents=pixels(), model_name=name)))
    assert answered == ("NOT_FOUND", f"Request for unknown model: '{name}' is not found.", "model_not_found")
    assert failure(lambda: stub.ModelMetadata(pb.ModelMetadataRequest(name=name)))[0] == "NOT_FOUND"


def test_shared_memory_is_refused(service: GrpcServer) -> None:
    with InferenceServerClient(service.address) as client:
        infer_input = InferInput("image", [1, 784], "FP32")
        infer_input.set_shared_memory("region", 3136)
        with pytest.raises(InferenceServerException, match="The input 'image' is in shared memory, which is not read"):
            client.infer("mnist", [infer_input])
        output = InferRequestedOutput("probabilities")
        output.set_shared_memory("region", 40)
        with pytest.raises(InferenceServerException, match="is wanted in shared memory, which is not written"):
            client.infer("mnist", [tensor(np.zeros((1, 784), np.float32))], outputs=[output])


def test_parameters_that_mean_nothing_here_are_ignored(stub: Any) -> None:
    infer_request = request([1, 784], contents=pixels())
    for owner in (infer_request, infer_request.inputs[0]):
        for field, value in (("int64_param", -(2**63)), ("uint64_param", 2**64 - 1), ("double_param", NAN)):
            setattr(owner.parameters[field], field, value)
        owner.parameters["empty"].SetInParent()
        owner.parameters["binary_data_size"].int64_param = 5  # of HTTP alone
        owner.parameters["binary_data_output"].bool_param = False
    assert status(lambda: stub.ModelInfer(infer_request)) == "OK"


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=40, deadline=None)
@given(data=st.binary(max_size=60))
def test_any_bytes_are_answered(channel: grpc.Channel, method: str, data: bytes) -> None:
    assert status(lambda: send(channel, f"{SERVICE}/{method}", data)) in ANSWERS_TO_BYTES


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_requests_are_answered(channel: grpc.Channel, stub: Any, data: st.DataObject) -> None:
    whole = typed(np.array([FILE], np.object_), id="a", model_version="3")
    whole.outputs.add(name="probabilities").parameters["classification"].int64_param = 3
    damaged = bytearray(whole.SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    damaged = damaged[data.draw(st.integers(0, 20)) :]
    assert status(lambda: send(channel, f"{SERVICE}/ModelInfer", bytes(damaged))) in ANSWERS_TO_BYTES
    assert stub.ServerLive(pb.ServerLiveRequest()).live


Parameters = st.dictionaries(
    st.sampled_from(["classification", "binary_data", "shared_memory_region", "binary_data_size", "x"]),
    st.one_of(
        st.builds(pb.InferParameter, bool_param=st.booleans()),
        st.builds(pb.InferParameter, int64_param=st.integers(-(2**63), 2**63 - 1)),
        st.builds(pb.InferParameter, uint64_param=st.integers(0, 2**64 - 1)),
        st.builds(pb.InferParameter, double_param=st.floats()),
        st.builds(pb.InferParameter, string_param=st.text(max_size=9)),
    ),
    max_size=2,
)
Shapes = st.lists(st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 1, 2, 28, 784]), max_size=5)
Contents = st.builds(
    pb.InferTensorContents,
    fp32_contents=st.lists(st.floats(width=32), max_size=3),
    uint_contents=st.lists(st.integers(0, 2**32 - 1), max_size=3),
    bytes_contents=st.lists(st.binary(max_size=9), max_size=3),
)
Inputs = st.builds(
    pb.ModelInferRequest.InferInputTensor,
    name=st.sampled_from(["image", ""]) | st.text(max_size=9),
    datatype=st.sampled_from(["FP32", "UINT8", "BYTES"]) | st.text(max_size=9),
    shape=Shapes,
    parameters=Parameters,
    contents=st.none() | Contents,
)
Requests = st.builds(
    pb.ModelInferRequest,
    model_name=st.just("mnist") | st.text(max_size=9),
    model_version=st.sampled_from(["", "3"]) | st.text(max_size=9),
    id=st.text(max_size=9),
    parameters=Parameters,
    inputs=st.lists(Inputs, max_size=2),
    outputs=st.lists(
        st.builds(
            pb.ModelInferRequest.InferRequestedOutputTensor, name=st.just("probabilities"), parameters=Parameters
        ),
        max_size=2,
    ),
    raw_input_contents=st.lists(st.binary(max_size=9) | st.just(RAW), max_size=2),
)


@settings(max_examples=500, deadline=None)
@given(message=Requests)
def test_any_request_is_answered(stub: Any, message: Any) -> None:
    assert status(lambda: stub.ModelInfer(message)) in ANSWERS_TO_BYTES


def test_limits(small: GrpcServer, mnist: Dataset) -> None:
    with small.channel() as channel:
        stub = GRPCInferenceServiceStub(channel)
        assert failure(lambda: stub.ModelInfer(typed(mnist.x_test[:5]))) == (
            "INVALID_ARGUMENT", "The request has 5 images: at most 4 are read.", "too_large",
        )  # fmt: skip
        large = request([1], "BYTES", pb.InferTensorContents(bytes_contents=[bytes(100_000)]))
        assert failure(lambda: stub.ModelInfer(large))[0] == "RESOURCE_EXHAUSTED"
        zipped = failure(lambda: stub.ModelInfer(large, compression=grpc.Compression.Gzip))
        assert zipped[0] == "RESOURCE_EXHAUSTED"
        assert status(lambda: stub.ModelInfer(typed(mnist.x_test[:4]), compression=grpc.Compression.Gzip)) == "OK"


def test_an_error_has_the_sentence_and_code_of_http(stub: Any, service: GrpcServer) -> None:
    _, details, code = failure(lambda: stub.ModelInfer(request([1, 784], contents=pixels(2))))
    document = {"inputs": [{"name": "image", "shape": [1, 784], "datatype": "FP32", "data": [2, *ZEROS[1:]]}]}
    body = json.dumps(document).encode()
    assert service.http.ask("POST", "/v2/models/mnist/infer", body) == (400, {"error": details, "code": code})


def test_a_call_over_its_deadline_and_a_cancelled_call_leave_the_server_as_it_was(stub: Any, mnist: Dataset) -> None:
    slow = typed(np.array(slow_files(mnist), np.object_))
    assert failure(lambda: stub.ModelInfer(slow, timeout=0.1))[0] == "DEADLINE_EXCEEDED"
    calls = [stub.ModelInfer.future(slow) for _ in range(3)]
    for call in calls:
        call.cancel()
    assert [call.cancelled() for call in calls] == [True] * 3
    small_calls = [stub.ModelInfer.future(typed(mnist.x_test[:1])) for _ in range(100)]
    for call in small_calls[::2]:
        call.cancel()
    assert {values(call.result()).argmax() for call in small_calls[1::2]} == {7}
    assert status(lambda: stub.ModelInfer(slow)) == "OK"
