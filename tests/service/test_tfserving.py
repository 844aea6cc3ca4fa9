"""TensorFlow Serving's REST API over HTTP: its documents' requests, its errors, and its answers against /predict's."""

import base64
import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.api.tensorflow_serving.messages import SignatureDef
from service.models.runtimes import Signature
from service.preparation.normalize import to_vectors
from tests.support.base64_forms import WRITINGS
from tests.support.images import png
from tests.support.models import copy_two_versions
from tests.support.paths import SEVEN
from tests.support.server import Server, serving
from training.data.datasets import Dataset

MODEL = "/v1/models/mnist"
UNKNOWN = "model_not_found"
IMAGE = (np.arange(784) / 783).tolist()
B64 = {"b64": base64.b64encode(SEVEN.read_bytes()).decode()}
NO_IMAGE = {"b64": base64.b64encode(b"Dear service").decode()}
BLANK = {"b64": base64.b64encode(png(np.full((90, 90), 200, np.uint8))).decode()}

AnyJSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5) | st.just("b64"), inner, max_size=3)
    ),
    max_leaves=12,
)


def put(image: list[Any], place: int, value: object) -> list[Any]:
    return [*image[:place], value, *image[place + 1 :]]


def square(image: list[Any]) -> list[list[Any]]:
    return [image[start : start + 28] for start in range(0, 784, 28)]


def post(server: Server, request: object, verb: str = ":predict") -> tuple[int, Any]:
    return server.post(json.dumps(request).encode(), MODEL + verb, "application/json")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Versions 1 and 2 as they ship, with labels, and a third whose files are damaged; one image of each is read."""
    folder = copy_two_versions(tmp_path_factory.mktemp("labelled") / "models") / "mnist"
    (shutil.copytree(folder / "2", folder / "3") / "saved_model.pb").write_bytes(b"damaged")
    (folder / "versions.json").write_text('{"labels": {"stable": 1, "canary": 2, "broken": 3}}')
    with serving("--models", str(folder.parent), "--workers", "1", "--max-files", "20") as server:
        yield server


@pytest.fixture(scope="module")
def pixels(mnist: Dataset) -> NDArray[np.float32]:
    return to_vectors(mnist.x_test[:5])


@pytest.fixture(scope="module")
def files(mnist: Dataset) -> list[dict[str, str]]:
    return [{"b64": base64.b64encode(png(image)).decode()} for image in mnist.x_test[:5]]


def test_status_as_documented(server: Server) -> None:
    available = {"state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    assert server.ask("GET", f"{MODEL}/versions/2") == (
        200,
        {"model_version_status": [{"version": "2"} | available], "name": "mnist", "ready": True},
    )
    status, answer = server.ask("GET", MODEL)
    assert (status, answer["name"], answer["ready"]) == (200, "mnist", True)
    assert [status["version"] for status in answer["model_version_status"]] == ["3", "2", "1"]
    assert server.ask("GET", "/v1/models") == (200, {"models": ["mnist"]})


def test_metadata_as_documented(server: Server) -> None:
    def tensor(name: str, size: str) -> dict[str, Any]:
        dims = [{"size": "-1", "name": ""}, {"size": size, "name": ""}]
        return {"dtype": "DT_FLOAT", "tensor_shape": {"dim": dims, "unknown_rank": False}, "name": name}

    signature = {
        "inputs": {"image": tensor("serving_default_image:0", "784")},
        "outputs": {"probabilities": tensor("StatefulPartitionedCall:0", "10")},
        "method_name": "tensorflow/serving/predict",
    }
    for address, version in ((MODEL, "3"), (f"{MODEL}/versions/1", "1")):
        assert server.ask("GET", f"{address}/metadata") == (
            200,
            {
                "model_spec": {"name": "mnist", "signature_name": "", "version": version},
                "metadata": {"signature_def": {"signature_def": {"serving_default": signature}}},
            },
        )


def test_metadata_of_a_model_that_takes_squares() -> None:
    info = SignatureDef.of(Signature("digits", (28, 28, 1), "dense_1")).inputs["digits"]
    assert info.name == "serving_default_digits:0"
    assert [dim.size for dim in info.tensor_shape.dim] == ["-1", "28", "28", "1"]


def test_every_form_gives_the_answer_of_predict(
    server: Server, mnist: Dataset, pixels: NDArray[np.float32], files: list[dict[str, str]]
) -> None:
    expected = [server.post(png(image))[1]["probabilities"] for image in mnist.x_test[:5]]
    rows, squares = pixels.tolist(), pixels.reshape(-1, 28, 28).tolist()
    cubes = pixels.reshape(-1, 28, 28, 1).tolist()
    named = [{"image": row} for row in rows]
    mixed = [rows[0], files[1], {"image": squares[2]}, {"image": files[3]}, cubes[4]]
    for instances in (rows, squares, cubes, named, files, mixed):
        status, answer = post(server, {"signature_name": "serving_default", "instances": instances})
        assert (status, list(answer)) == (200, ["predictions"])
        np.testing.assert_allclose(answer["predictions"], expected, atol=1e-6)
    for inputs in (rows, squares, cubes, files, {"image": rows}, {"image": files, "unknown": 1}):
        status, answer = post(server, {"signature_name": "", "inputs": inputs, "unknown": None})
        assert (status, list(answer)) == (200, ["outputs"])
        np.testing.assert_allclose(answer["outputs"], expected, atol=1e-6)
    for inputs in (files[0], {"image": files[0]}):
        np.testing.assert_allclose(post(server, {"inputs": inputs})[1]["outputs"], expected[:1], atol=1e-6)


def test_classify_gives_the_classes_in_the_models_order(server: Server) -> None:
    examples = [{"image": IMAGE, "caption": "seaside"}, {"image": B64, "caption": "mountains"}]
    status, answer = post(server, {"signature_name": "serving_default", "examples": examples}, ":classify")
    first, second = answer["results"]
    assert (status, list(answer)) == (200, ["results"])
    assert [label for label, _ in first] == list("0123456789")
    predictions = post(server, {"instances": [IMAGE, B64]})[1]["predictions"]
    np.testing.assert_allclose([[score for _, score in result] for result in (first, second)], predictions, atol=1e-6)
    assert post(server, {"context": {"image": B64}, "examples": [{}]}, ":classify")[1]["results"][0][7][1] > 0.999


def test_versions_and_labels_answer_for_themselves(labelled: Server) -> None:
    request = {"instances": [B64]}
    first, second = (post(labelled, request, f"/versions/{number}:predict") for number in (1, 2))
    assert first[0] == second[0] == 200
    assert first != second
    assert post(labelled, request, "/labels/stable:predict") == first
    assert post(labelled, request, "/labels/canary:predict") == second == post(labelled, request)
    classes = post(labelled, {"examples": [B64]}, "/labels/stable:classify")[1]["results"][0]
    assert [score for _, score in classes] == first[1]["predictions"][0]
    assert labelled.ask("GET", f"{MODEL}/labels/stable/metadata")[1]["model_spec"]["version"] == "1"
    assert labelled.ask("GET", f"{MODEL}/labels/stable") == labelled.ask("GET", f"{MODEL}/versions/1")


def test_a_damaged_version_is_told_and_not_served(labelled: Server) -> None:
    status, answer = labelled.ask("GET", f"{MODEL}/versions/3")
    refused = answer["model_version_status"][0]
    assert (status, answer["ready"], refused["version"], refused["state"]) == (200, False, "3", "END")
    assert refused["status"]["error_code"] == "UNKNOWN"
    assert "saved_model.pb" in refused["status"]["error_message"]
    for address in ("/versions/3:predict", "/labels/broken:predict"):
        status, answer = post(labelled, {"instances": [B64]}, address)
        assert (status, answer["error"]) == (404, "Servable not found for request: Specific(mnist, 3).")
    assert labelled.ask("GET", MODEL)[1]["ready"]


@pytest.mark.parametrize(
    ("method", "path", "status", "text", "code"),
    [
        ("POST", "nope:predict", 404, "Servable not found for request: Latest(nope)", UNKNOWN),
        ("POST", "nope/versions/1:predict", 404, "Servable not found for request: Specific(nope, 1)", UNKNOWN),
        ("POST", "mnist/versions/9:predict", 404, "Servable not found for request: Specific(mnist, 9)", UNKNOWN),
        ("POST", "mnist/versions/9:classify", 404, "Servable not found for request: Specific(mnist, 9)", UNKNOWN),
        ("POST", "mnist/versions/9:regress", 404, "Servable not found for request: Specific(mnist, 9)", UNKNOWN),
        ("GET", "nope/metadata", 404, "Servable not found for request: Latest(nope)", UNKNOWN),
        ("GET", "nope", 404, "Could not find any versions of model nope", UNKNOWN),
        ("GET", "mnist/versions/9", 404, "Could not find version 9 of model mnist", UNKNOWN),
        ("GET", "nope/versions/1", 404, "Could not find version 1 of model nope", UNKNOWN),
        ("GET", "mnist/labels/x", 400, "Unrecognized servable version label: x", "unknown_label"),
        ("POST", "mnist/labels/x:predict", 400, "Unrecognized servable version label: x", "unknown_label"),
        ("POST", "mnist:regress", 400, "Expected regression signature method_name to be", "unknown_signature"),
        ("GET", "../foo", 400, "Malformed request: GET /v1/foo", "malformed_request"),
        ("GET", "mnist:predict", 400, "Malformed request: GET /v1/models/mnist:predict", "malformed_request"),
        ("POST", "mnist", 400, "Malformed request: POST /v1/models/mnist", "malformed_request"),
        ("POST", "mnist:read", 400, "Malformed request: POST /v1/models/mnist:read", "malformed_request"),
        ("DELETE", "mnist", 400, "Malformed request: DELETE /v1/models/mnist", "malformed_request"),
        ("GET", "mnist/version/1", 400, "Malformed request: GET /v1/models/mnist/version/1", "malformed_request"),
        ("GET", "mnist/versions/one", 400, "Malformed request: GET /v1/models/mnist/versions/one", "malformed_request"),
        ("GET", "mnist/versions/" + "9" * 3000, 400, "Malformed request: GET", "malformed_request"),
        ("GET", "/mnist", 400, "Malformed request: GET /v1/models//mnist", "malformed_request"),
    ],
)  # fmt: skip
def test_wrong_paths(server: Server, method: str, path: str, status: int, text: str, code: str) -> None:
    body = json.dumps({"instances": [IMAGE], "examples": [{}]}).encode() if method == "POST" else None
    address = f"/v1/models/{path}".replace("/models/..", "")
    answered, answer = server.ask(method, address, body)
    assert (answered, set(answer), answer["code"]) == (status, {"error", "code"}, code)
    assert answer["error"].startswith(text)
    assert answer["error"].endswith(".")


@pytest.mark.parametrize(
    ("request_", "status", "text"),
    [
        (b"", 400, "JSON Parse error: The document is empty"),
        (b"instances = [1, 2]", 400, "JSON Parse error: "),
        (b"\xff", 400, "JSON Parse error: "),
        (b'{"a":' * 5000, 400, "JSON Parse error: "),
        (b'{"instances": [[NaN]]}', 400, "JSON Parse error: "),
        (b'{"instances": [[-Infinity]]}', 400, "JSON Parse error: "),
        ([], 400, "The JSON is not formatted correctly: "),
        ({"signature_name": 100, "instances": [IMAGE]}, 400, "The JSON is not formatted correctly: "),
        ({"instances": 7}, 400, "The JSON is not formatted correctly: "),
        ({"inputs": None}, 400, "The JSON is not formatted correctly: "),
        ({}, 400, "Missing 'inputs' or 'instances' key"),
        ({"instances": [], "inputs": []}, 400, "Not formatted correctly expecting only one of 'inputs' or 'instances'"),
        ({"signature_name": "foo", "instances": [IMAGE]}, 400,
         'Serving signature name: "foo" not found in signature def'),
        ({"instances": []}, 400, "No values in 'instances' array"),
        ({"inputs": {"image": []}}, 400, "No values in 'inputs.image' array"),
        ({"instances": IMAGE[:20]}, 400, "instances[0] is not an image"),
        ({"instances": [IMAGE, IMAGE[:-1]]}, 400, "instances[1] has the shape (783,)"),
        ({"instances": [IMAGE, square(put(IMAGE, 783, 2))]}, 400, "instances[1][27][27] is 2.0"),
        ({"instances": [put(IMAGE, 17, -0.5)]}, 400, "instances[0][17] is -0.5"),
        ({"instances": [put(IMAGE, 17, 10**400)]}, 400, ""),
        ({"instances": [put(IMAGE, 17, "1")]}, 400, "instances[0] is not an image"),
        ({"instances": [put(IMAGE, 17, True)]}, 400, "instances[0] is not an image"),
        ({"instances": [put(IMAGE, 17, None)]}, 400, "instances[0] is not an image"),
        ({"instances": [[*square(IMAGE)[:27], [1]]]}, 400, "instances[0] is ragged"),
        ({"instances": [[[[[IMAGE]]]]]}, 400, "instances[0] is not an image"),
        ({"instances": [IMAGE, "foo"]}, 400, "instances[1] is not an image"),
        ({"instances": [{"image": IMAGE, "tag": 1}]}, 400, "instances[0] is not an image"),
        ({"instances": [{"b64": 7}]}, 400, "instances[0] is not an image"),
        ({"instances": [{"image": {"image": IMAGE}}]}, 400, "instances[0].image is not an image"),
        ({"instances": [{"image": put(IMAGE, 3, 9)}]}, 400, "instances[0].image[3] is 9.0"),
        ({"instances": [IMAGE, {"b64": "no base64!"}]}, 400, "instances[1]: "),
        ({"instances": [IMAGE, {"b64": ""}]}, 400, "instances[1]: "),
        ({"instances": [IMAGE, NO_IMAGE]}, 415, "instances[1]: "),
        ({"instances": [{"image": BLANK}]}, 422, "instances[0].image: "),
        ({"instances": [0] * 1001}, 413, "The request has 1001 images"),
        ({"inputs": {"pixels": [IMAGE]}}, 400, "Missing named input: image in 'inputs' object"),
        ({"inputs": {"image": 7}}, 400, "inputs.image is not a list"),
        ({"inputs": {"image": [put(IMAGE, 3, 9)]}}, 400, "inputs.image[0][3] is 9.0"),
        ({"inputs": IMAGE}, 400, "inputs[0] is not an image"),
        ({"inputs": square(IMAGE)}, 400, "inputs[0] has the shape (28,)"),
        ({"inputs": [IMAGE, NO_IMAGE]}, 415, "inputs[1]: "),
    ],
)  # fmt: skip
def test_wrong_requests(server: Server, request_: object, status: int, text: str) -> None:
    body = request_ if isinstance(request_, bytes) else json.dumps(request_).encode()
    answered, answer = server.post(body, f"{MODEL}:predict")
    assert (answered, set(answer)) == (status, {"error", "code"}), answer
    assert answer["error"].startswith(text)
    assert answer["error"].endswith(".")


@pytest.mark.parametrize(
    ("request_", "status", "text"),
    [
        ({"instances": [IMAGE]}, 400, "The JSON is not formatted correctly: "),
        ({"examples": []}, 400, "No values in 'examples' array"),
        ({"examples": [IMAGE]}, 400, "The JSON is not formatted correctly: "),
        ({"examples": [{"x": IMAGE}]}, 400, "examples[0] is not an image"),
        ({"examples": [{"image": IMAGE}, {"image": put(IMAGE, 3, 9)}]}, 400, "examples[1].image[3] is 9.0"),
        ({"examples": [{"image": NO_IMAGE}]}, 415, "examples[0].image: "),
        ({"examples": [{}] * 1001}, 413, "The request has 1001 images"),
        ({"signature_name": "classify_objects", "examples": [{}]}, 400, "Serving signature name: "),
    ],
)
def test_wrong_requests_to_classify(server: Server, request_: object, status: int, text: str) -> None:
    answered, answer = post(server, request_, ":classify")
    assert (answered, set(answer)) == (status, {"error", "code"}), answer
    assert answer["error"].startswith(text)


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_content_type_is_not_looked_at(server: Server, kind: str) -> None:
    body = json.dumps({"instances": [B64]}).encode()
    assert server.post(body, f"{MODEL}:predict", kind) == post(server, {"instances": [B64]})


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32-le"])
@pytest.mark.parametrize("verb", [":predict", ":classify"])
def test_json_is_read_in_each_encoding_of_unicode(server: Server, verb: str, encoding: str) -> None:
    request = {"instances": [B64]} if verb == ":predict" else {"examples": [{"image": B64}]}
    answer = post(server, request, verb)
    assert answer[0] == 200
    assert server.post(json.dumps(request).encode(encoding), MODEL + verb) == answer
    status, refused = server.post(json.dumps(request).encode(encoding)[:-3] + b"\xd8", MODEL + verb)
    assert (status, refused["code"]) == (400, "invalid_json")


@pytest.mark.parametrize("write", WRITINGS.values(), ids=WRITINGS)
def test_base64_is_read_as_clients_write_it(server: Server, write: Callable[[str], str]) -> None:
    text = write(base64.b64encode(SEVEN.read_bytes() + b"\xfb\xff\xbf").decode())  # with + and / at its end
    assert post(server, {"instances": [{"b64": text}]}) == post(server, {"instances": [B64]})


def test_gzip_bodies(server: Server) -> None:
    def send(body: bytes, encoding: str = "gzip") -> tuple[int, Any]:
        return server.ask("POST", f"{MODEL}:predict", body, {"Content-Encoding": encoding})

    packed = gzip.compress(json.dumps({"instances": [IMAGE]}).encode())
    assert send(packed) == post(server, {"instances": [IMAGE]})
    for damaged in (b"{}", packed[:-20], packed + b"more", packed[:30] + b"damaged" + packed[37:]):
        status, answer = send(damaged)
        assert (status, answer["code"]) == (400, "malformed_request")
    assert send(gzip.compress(bytes(10 * 2**20 + 1)))[0] == 413
    assert send(gzip.compress(bytes(10 * 2**20)))[0] == 400
    assert send(b"")[1]["error"].startswith("JSON Parse error: The document is empty")


@settings(max_examples=150, deadline=None)
@given(AnyJSON | st.fixed_dictionaries({}, optional=dict.fromkeys(("instances", "inputs", "examples"), AnyJSON)))
@example({"instances": [{"b64": "00"}]})
def test_any_json_is_never_the_services_error(labelled: Server, request_: object) -> None:
    for verb in (":predict", ":classify"):
        assert post(labelled, request_, verb)[0] in (400, 413, 415)  # 415 for base64 of no image


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["", "gzip"]))
def test_any_bytes_are_never_the_services_error(labelled: Server, body: bytes, encoding: str) -> None:
    assert labelled.ask("POST", f"{MODEL}:predict", body, {"Content-Encoding": encoding})[0] == 400


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_changed_requests_are_never_the_services_error(labelled: Server, data: st.DataObject) -> None:
    place, value = data.draw(st.integers(0, 783)), data.draw(AnyJSON)
    image = put(IMAGE, place, value)
    form = data.draw(st.sampled_from([image, square(image), {"image": image}, B64, value, {"image": value}]))
    request = data.draw(st.sampled_from([{"instances": [IMAGE, form]}, {"inputs": [form]}, {"inputs": form}]))
    body = bytearray(json.dumps(request).encode())
    for _ in range(data.draw(st.integers(0, 2))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    status, answer = labelled.post(bytes(body), f"{MODEL}:predict")
    assert status in (200, 400, 413, 415, 422), answer
