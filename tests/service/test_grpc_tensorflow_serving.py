"""TensorFlow Serving's gRPC API: requests of its own client, against the answers over HTTP."""

import json
import shutil
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.preparation.normalize import to_vectors
from tests.support import triton_requests
from tests.support.grpc_server import GrpcServer, failure, send, serving_grpc, slow_files, status
from tests.support.images import png
from tests.support.models import copy_two_versions
from tests.support.paths import SEVEN
from tests.support.tensorflow_serving_client import PACKAGES, Client, add_to_path
from training.data.datasets import Dataset

MODEL = "/v1/models/mnist"
PREDICTION = "/tensorflow.serving.PredictionService"
FILE = SEVEN.read_bytes()
ANSWERS_TO_BYTES = {"OK", "INVALID_ARGUMENT", "NOT_FOUND"}
ONE_IMAGE = np.zeros((1, 784), np.float32)


@pytest.fixture(scope="module")
def connect(python_with: Callable[..., Path]) -> Callable[[grpc.Channel], Client]:
    add_to_path(python_with(*PACKAGES))
    return Client


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GrpcServer]:
    """Versions 1 and 2, with labels, and a third whose files are damaged."""
    folder = copy_two_versions(tmp_path_factory.mktemp("labelled") / "models") / "mnist"
    (shutil.copytree(folder / "2", folder / "3") / "saved_model.pb").write_bytes(b"damaged")
    (folder / "versions.json").write_text('{"labels": {"stable": 1, "canary": 2, "broken": 3}}')
    with serving_grpc("--models", str(folder.parent), "--workers", "1") as server:
        server.http.wait_until_served("2", "1")
        yield server


@pytest.fixture(scope="module")
def channel(service: GrpcServer) -> Iterator[grpc.Channel]:
    with service.channel() as channel:
        yield channel


@pytest.fixture(scope="module")
def client(connect: Callable[[grpc.Channel], Client], channel: grpc.Channel) -> Client:
    return connect(channel)


@pytest.fixture(scope="module")
def vectors(mnist: Dataset) -> NDArray[np.float32]:
    return to_vectors(mnist.x_test[:200])


def post(service: GrpcServer, document: object, verb: str = "predict", address: str = MODEL) -> tuple[int, Any]:
    return service.http.post(json.dumps(document).encode(), f"{address}:{verb}", "application/json")


def probabilities(answer: Any) -> NDArray[np.float32]:
    import tensorflow as tf

    array: NDArray[np.float32] = tf.make_ndarray(answer.outputs["probabilities"])
    return array


def tensor(shape: list[int], dtype: str = "DT_FLOAT", **fields: Any) -> Any:
    """Return a TensorProto with any fields."""
    from tensorflow.core.framework import tensor_pb2, types_pb2

    made = tensor_pb2.TensorProto(dtype=types_pb2.DataType.Value(dtype), **fields)
    for size in shape:
        made.tensor_shape.dim.add(size=size)
    return made


@pytest.mark.parametrize("shape", [(-1, 784), (-1, 28, 28), (-1, 28, 28, 1)])
def test_predict_answers_as_over_http_bit_for_bit(
    service: GrpcServer, client: Client, vectors: NDArray[np.float32], shape: tuple[int, ...]
) -> None:
    images = vectors.reshape(shape)
    expected = np.array(post(service, {"inputs": {"image": images.tolist()}})[1]["outputs"], np.float32)
    answer = client.predict(client.predict_request(images))
    assert expected.argmax(axis=1).tolist()[:3] == [7, 2, 1]
    np.testing.assert_array_equal(probabilities(answer), expected)
    typed = tensor(list(images.shape), float_val=images.ravel().tolist())
    np.testing.assert_array_equal(probabilities(client.predict(client.predict_request(typed))), expected)


def test_single_images_are_answered_as_over_http(
    service: GrpcServer, client: Client, vectors: NDArray[np.float32]
) -> None:
    for vector in vectors:
        expected = np.array(post(service, {"inputs": {"image": [vector.tolist()]}})[1]["outputs"], np.float32)
        np.testing.assert_array_equal(probabilities(client.predict(client.predict_request(vector[None]))), expected)


def test_files_are_answered_as_over_http(service: GrpcServer, client: Client, mnist: Dataset) -> None:
    files = [png(image) for image in mnist.x_test[:200]]
    inputs = [{"b64": b64encode(file).decode()} for file in files]
    expected = np.array(post(service, {"inputs": {"image": inputs}})[1]["outputs"], np.float32)
    np.testing.assert_array_equal(probabilities(client.predict(client.predict_request(files))), expected)
    assert probabilities(client.predict(client.predict_request(FILE))).argmax() == 7  # a scalar


def test_the_answer_says_which_version_and_signature_answered(client: Client) -> None:
    for spec, version in (({}, 2), ({"version": 1}, 1), ({"version_label": "stable"}, 1)):
        answer = client.predict(client.predict_request(ONE_IMAGE, **spec))
        assert list(answer.outputs) == ["probabilities"]
        assert [dim.size for dim in answer.outputs["probabilities"].tensor_shape.dim] == [1, 10]
        assert (answer.model_spec.name, answer.model_spec.version.value) == ("mnist", version)
        assert answer.model_spec.signature_name == "serving_default"


def test_versions_and_labels(client: Client, vectors: NDArray[np.float32]) -> None:
    specs: list[dict[str, Any]] = [{"version": 1}, {"version_label": "stable"}, {"version": 2}, {}]
    first, stable, second, default = (
        probabilities(client.predict(client.predict_request(vectors[:5], **spec))) for spec in specs
    )
    np.testing.assert_array_equal(first, stable)
    np.testing.assert_array_equal(second, default)
    assert not np.allclose(first, second, atol=1e-6)


def test_classify_answers_as_over_http(
    service: GrpcServer, client: Client, mnist: Dataset, vectors: NDArray[np.float32]
) -> None:
    files = [png(image) for image in mnist.x_test[:3]]
    for images, examples in (
        (vectors[:3].tolist(), [{"image": vector.tolist()} for vector in vectors[:3]]),
        (files, [{"image": {"b64": b64encode(file).decode()}} for file in files]),
    ):
        results = post(service, {"examples": examples}, "classify")[1]["results"]
        answer = client.classify(client.classify_request(*images))
        labels = [[each.label for each in row.classes] for row in answer.result.classifications]
        scores = [[each.score for each in row.classes] for row in answer.result.classifications]
        assert labels == [[label for label, _ in row] for row in results]
        np.testing.assert_array_equal(scores, np.array([[score for _, score in row] for row in results], np.float32))
        assert answer.model_spec.version.value == 2


def test_a_context_is_the_image_of_each_example(client: Client, vectors: NDArray[np.float32]) -> None:
    expected = client.classify(client.classify_request(vectors[0].tolist()))
    request = client.classify_request(context=vectors[0].tolist())
    request.input.example_list_with_context.examples.add()
    assert client.classify(request).result == expected.result


def test_metadata_is_that_of_http(service: GrpcServer, client: Client) -> None:
    answer = client.get_metadata(client.metadata_request("signature_def", version=1))
    assert (answer.model_spec.name, answer.model_spec.version.value) == ("mnist", 1)
    signatures = client.metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(signatures)
    signature = signatures.signature_def["serving_default"]
    expected = service.http.ask("GET", f"{MODEL}/versions/1/metadata")[1]["metadata"]["signature_def"]["signature_def"]
    (image,) = expected["serving_default"]["inputs"].values()
    assert signature.inputs["image"].name == image["name"]
    assert [dim.size for dim in signature.inputs["image"].tensor_shape.dim] == [-1, 784]
    assert [dim.size for dim in signature.outputs["probabilities"].tensor_shape.dim] == [-1, 10]
    assert signature.method_name == "tensorflow/serving/predict"


def test_status_is_that_of_http(service: GrpcServer, client: Client) -> None:
    for spec, address in (({}, MODEL), ({"version": 3}, f"{MODEL}/versions/3"), ({"version_label": "stable"}, None)):
        answer = client.get_status(client.status_request(**spec))
        statuses = [
            (str(it.version), it.State.Name(it.state), it.status.error_message) for it in answer.model_version_status
        ]
        expected = service.http.ask("GET", address or f"{MODEL}/labels/stable")[1]["model_version_status"]
        assert statuses == [(it["version"], it["state"], it["status"]["error_message"]) for it in expected]
    assert (
        MessageToDict(client.get_status(client.status_request(version=3)))["model_version_status"][0]["state"] == "END"
    )


def test_a_batch_whose_json_is_over_the_limit_is_answered(
    connect: Callable[[grpc.Channel], Client], mnist: Dataset
) -> None:
    """The limit is of the message: as JSON the same numbers are longer."""
    images = to_vectors(mnist.x_test[:1000])
    limit = images.nbytes + 1000
    assert len(json.dumps({"inputs": {"image": images.tolist()}})) > limit
    with serving_grpc("--workers", "1", "--max-bytes", str(limit)) as server, server.channel() as channel:
        client = connect(channel)
        answer = probabilities(client.predict(client.predict_request(images)))
        assert np.mean(answer.argmax(axis=1) == mnist.y_test[:1000]) > 0.98
        more = np.concatenate([images, images[:1]])
        assert failure(lambda: client.predict(client.predict_request(more)))[0] == "RESOURCE_EXHAUSTED"


def test_wrong_tensors_are_answered_with_what_is_wrong(client: Client) -> None:
    pixels = "send 784 numbers in [0, 1], or 28x28 or 28x28x1 of them."
    wrong = {
        "image is DT_UINT8: it must be DT_FLOAT or DT_STRING.": np.zeros((1, 784), np.uint8),
        "image is DT_DOUBLE: it must be DT_FLOAT or DT_STRING.": np.zeros((1, 784)),
        "image is DT_HALF: it must be DT_FLOAT or DT_STRING.": np.zeros((1, 784), np.float16),
        "image is DT_INVALID: it must be DT_FLOAT or DT_STRING.": tensor([1, 784], "DT_INVALID"),
        "image is 14: it must be DT_FLOAT or DT_STRING.": tensor([1, 784], "DT_BFLOAT16"),
        f"inputs.image[0] has the shape (3,): {pixels}": np.zeros((1, 3), np.float32),
        f"inputs.image[0] is not an image: {pixels}": np.zeros(784, np.float32),
        "No values in 'inputs.image' array.": np.zeros((0, 784), np.float32),
        "image has a number that is not finite: pixels are numbers in [0, 1].": np.full((1, 784), np.nan, np.float32),
        "inputs.image[0][0] is 2.0: pixels are numbers in [0, 1].": np.full((1, 784), 2, np.float32),
        "image has 1 values, which is not its shape [1, 784].": tensor([1, 784], float_val=[0]),
        "image has 784 values, which is not its shape [-1, 784].": tensor([-1, 784], float_val=[0] * 784),
        "image has 784 values, which is not its shape [].": tensor([], float_val=[0] * 784),
        "image has 3 bytes of tensor_content, which are no whole number of DT_FLOAT.": tensor(
            [1], tensor_content=b"abc"
        ),
        "image has 0 values, which is not its shape [1].": tensor([1], "DT_STRING", tensor_content=FILE),
    }
    for sentence, images in wrong.items():
        answer = failure(lambda images=images: client.predict(client.predict_request(images)))  # type: ignore[misc]
        assert answer == ("INVALID_ARGUMENT", sentence, "invalid_tensor")
    for shape in ([1] * 65, [10**12, 0], [2**62, 2**62, 0]):
        images = tensor(shape, float_val=[0] if 0 not in shape else [])
        assert failure(lambda images=images: client.predict(client.predict_request(images)))[0] == "INVALID_ARGUMENT"  # type: ignore[misc]
    assert status(lambda: client.predict(client.predict_request(ONE_IMAGE))) == "OK"


def test_wrong_files_and_names_are_answered_with_what_is_wrong(client: Client) -> None:
    invalid, missing = "INVALID_ARGUMENT", "Missing named input: image in 'inputs' object."
    calls: list[tuple[Any, str, str]] = [
        (client.predict_request([b"Dear service"]), "This is not an image in a supported format", "unreadable_image"),
        (client.predict_request([b""]), "", "empty_image"),
        (client.predict_request(), missing, "invalid_tensor"),
        (client.predict_request(ONE_IMAGE, input_name="x"), missing, "invalid_tensor"),
        (client.predict_request(ONE_IMAGE, name=""), "Missing ModelSpec", "malformed_request"),
        (
            client.predict_request(ONE_IMAGE, signature_name="x"),
            'Serving signature name: "x" not found in signature def.',
            "unknown_signature",
        ),
    ]
    for request, sentence, code in calls:
        answered, details, error_code = failure(lambda request=request: client.predict(request))  # type: ignore[misc]
        assert (answered, error_code) == (invalid, code)
        assert sentence in details
    request = client.predict_request(ONE_IMAGE)
    request.output_filter.append("probabilities")
    assert status(lambda: client.predict(request)) == "OK"
    request.output_filter.append("x")
    assert failure(lambda: client.predict(request)) == (
        invalid,
        "output tensor alias not found in signature: x Outputs expected to be in the set {probabilities}.",
        "malformed_request",
    )


def test_unknown_models_versions_and_labels(client: Client) -> None:
    for name in ("nope", "mnist/versions/1", "..", "\u4e03"):
        assert failure(lambda name=name: client.predict(client.predict_request(ONE_IMAGE, name=name)))[::2] == (  # type: ignore[misc]
            "NOT_FOUND", "model_not_found",
        )  # fmt: skip
        assert failure(lambda name=name: client.get_status(client.status_request(name=name)))[0] == "NOT_FOUND"  # type: ignore[misc]
    for version in (9, 0, -1, 2**63 - 1, -(2**63)):
        request = client.predict_request(ONE_IMAGE, version=version)
        assert failure(lambda request=request: client.predict(request)) == (  # type: ignore[misc]
            "NOT_FOUND", f"Servable not found for request: Specific(mnist, {version}).", "model_not_found",
        )  # fmt: skip
    for label in ("x", "\u4e03"):
        request = client.predict_request(ONE_IMAGE, version_label=label)
        assert failure(lambda request=request: client.predict(request)) == (  # type: ignore[misc]
            "INVALID_ARGUMENT", f"Unrecognized servable version label: {label}.", "unknown_label",
        )  # fmt: skip
    for broken in ({"version": 3}, {"version_label": "broken"}):
        request = client.predict_request(ONE_IMAGE, **broken)
        assert failure(lambda request=request: client.predict(request))[0] == "NOT_FOUND"  # type: ignore[misc]


def test_wrong_examples_are_answered_with_what_is_wrong(client: Client) -> None:
    pixels = "send 784 numbers in [0, 1], or 28x28 or 28x28x1 of them."
    empty = client.classify_request()
    empty.input.ClearField("example_list")
    nameless = client.classify_request()
    nameless.input.example_list.examples.add()
    requests = [
        (empty, "Input is empty."),
        (client.classify_request(), "No values in 'examples' array."),
        (nameless, 'examples[0] is not an image: the keys of an object must be "image" or "b64".'),
        (client.classify_request([]), f"examples[0].image is not an image: {pixels}"),
        (
            client.classify_request([float("inf")] * 784),
            "image has a number that is not finite: pixels are numbers in [0, 1].",
        ),
        (client.classify_request([2] * 784), "examples[0].image[0] is 2.0: pixels are numbers in [0, 1]."),
    ]
    for request, sentence in requests:
        assert failure(lambda request=request: client.classify(request))[:2] == ("INVALID_ARGUMENT", sentence)  # type: ignore[misc]


def test_wrong_metadata_fields(client: Client) -> None:
    assert failure(lambda: client.get_metadata(client.metadata_request()))[:2] == (
        "INVALID_ARGUMENT", "GetModelMetadataRequest must specify at least one metadata_field",
    )  # fmt: skip
    assert failure(lambda: client.get_metadata(client.metadata_request("x")))[:2] == (
        "INVALID_ARGUMENT", "Metadata field x is not supported",
    )  # fmt: skip


def test_regression_is_unimplemented(client: Client) -> None:
    assert failure(lambda: client.regress(client.regression_request()))[0] == "UNIMPLEMENTED"


@pytest.mark.parametrize("method", ["Predict", "Classify", "GetModelMetadata", "GetModelStatus"])
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=60))
def test_any_bytes_are_answered(channel: grpc.Channel, method: str, data: bytes) -> None:
    service = "/tensorflow.serving.ModelService" if method == "GetModelStatus" else PREDICTION
    assert status(lambda: send(channel, f"{service}/{method}", data)) in ANSWERS_TO_BYTES


@pytest.mark.parametrize("method", ["Predict", "Classify"])
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_requests_are_answered(channel: grpc.Channel, client: Client, method: str, data: st.DataObject) -> None:
    whole = client.predict_request([FILE]) if method == "Predict" else client.classify_request(FILE, [0] * 10)
    whole.model_spec.version.value = 2
    damaged = bytearray(whole.SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    damaged = damaged[data.draw(st.integers(0, 20)) :]
    assert status(lambda: send(channel, f"{PREDICTION}/{method}", bytes(damaged))) in ANSWERS_TO_BYTES
    assert status(lambda: client.get_status(client.status_request())) == "OK"


@settings(max_examples=300, deadline=None)
@given(
    shape=st.lists(st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 1, 784]), max_size=70),
    floats=st.lists(st.floats(width=32), max_size=3) | st.just([0.0] * 784),
    content=st.binary(max_size=9),
    dtype=st.sampled_from(["DT_FLOAT", "DT_STRING", "DT_HALF"]),
)
def test_any_tensor_is_answered(
    client: Client, shape: list[int], floats: list[float], content: bytes, dtype: str
) -> None:
    images = tensor(shape, dtype, float_val=floats, tensor_content=content, string_val=[content])
    assert status(lambda: client.predict(client.predict_request(images))) in ANSWERS_TO_BYTES


def test_a_call_over_its_deadline_and_a_cancelled_call_leave_the_server_as_it_was(
    client: Client, mnist: Dataset
) -> None:
    slow = client.predict_request(slow_files(mnist))
    assert failure(lambda: client.predict(slow, timeout=0.1))[0] == "DEADLINE_EXCEEDED"
    call = client.predict.future(slow)
    call.cancel()
    assert call.cancelled()
    assert probabilities(client.predict(slow)).shape == (100, 10)


def test_tensorflow_answers_beside_grpc_in_one_process(
    connect: Callable[[grpc.Channel], Client], mnist: Dataset
) -> None:
    """TensorFlow registers messages of the same names, in the same process."""
    from tritonclient.grpc import InferenceServerClient, InferInput

    images = mnist.x_test[:20]
    with (
        serving_grpc("--workers", "1", MNIST_RUNTIME="tensorflow") as server,
        server.channel() as channel,
        InferenceServerClient(server.address) as triton,
    ):
        client = connect(channel)
        answer = probabilities(client.predict(client.predict_request(to_vectors(images))))
        assert answer.argmax(axis=1).tolist()[:3] == [7, 2, 1]
        infer_input = InferInput("image", list(images.shape), triton_requests.DATATYPES["uint8"])
        infer_input.set_data_from_numpy(images)
        np.testing.assert_array_equal(triton.infer("mnist", [infer_input]).as_numpy("probabilities"), answer)
        expected = np.array(post(server, {"inputs": to_vectors(images).tolist()})[1]["outputs"], np.float32)
        np.testing.assert_array_equal(answer, expected)
