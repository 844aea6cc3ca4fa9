"""The Open Inference Protocol: requests of Triton's own client, and requests that this client can't make."""

import base64
import gzip
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput, InferResult
from tritonclient.utils import InferenceServerException

from tests.support.base64_forms import WRITINGS
from tests.support.images import png
from tests.support.paths import SEVEN
from tests.support.server import Server, serving
from tests.support.triton_requests import ask, tensor
from training.data.datasets import Dataset

INFER = "/v2/models/mnist/infer"
LENGTH = "Inference-Header-Content-Length"
FILE = SEVEN.read_bytes()
ZEROS = [0.0] * 784


@pytest.fixture
def client(server: Server) -> Iterator[InferenceServerClient]:
    with InferenceServerClient(f"127.0.0.1:{server.port}") as client:
        yield client


@pytest.fixture(scope="module")
def small() -> Iterator[Server]:
    """A server with low limits."""
    with serving("--workers", "1", "--max-bytes", "100000", "--max-files", "4") as server:
        yield server


def files(*contents: bytes) -> NDArray[np.object_]:
    return np.array(contents, np.object_)


def scaled(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return images.reshape(-1, 784).astype(np.float32) / np.float32(255)


def request_of(data: Any, shape: list[int], datatype: str = "FP32", **fields: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "image", "shape": shape, "datatype": datatype, "data": data}], **fields}


def raw_request(size: int, shape: list[int], datatype: str = "FP32", **fields: Any) -> bytes:
    parameters = {"binary_data_size": size}
    tensor_ = {"name": "image", "shape": shape, "datatype": datatype, "parameters": parameters, **fields}
    return json.dumps({"inputs": [tensor_]}).encode()


def post(server: Server, body: bytes, path: str = INFER, **headers: str) -> tuple[int, Any]:
    return server.ask("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})


def test_health_and_metadata(client: InferenceServerClient, server: Server) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("mnist")
    assert client.is_model_ready("mnist", "1")
    assert not client.is_model_ready("mnist", "9")
    assert not client.is_model_ready("nope")
    assert server.ask("GET", "/v2/health/live") == (200, {"live": True})
    assert server.ask("GET", "/v2/health/ready") == (200, {"ready": True})
    assert server.ask("GET", "/v2/models") == (200, {"models": ["mnist"]})
    assert server.ask("GET", "/v2/models/mnist/versions/1/ready") == (200, {"name": "mnist", "ready": True})
    assert client.get_server_metadata() == server.ask("GET", "/v2/")[1]
    assert client.get_server_metadata()["name"] == "mnist-service"
    extensions = {"binary_tensor_data", "classification", "model_configuration", "statistics"}
    assert {*client.get_server_metadata()["extensions"]} == extensions
    metadata = {
        "name": "mnist",
        "versions": ["1", "2", "3"],
        "platform": "tensorflow_savedmodel",
        "inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, 784]}],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}],
    }
    assert client.get_model_metadata("mnist") == metadata
    assert client.get_model_metadata("mnist", "1") == metadata | {"versions": ["1"]}


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("shape", [(-1, 784), (-1, 28, 28), (-1, 28, 28, 1)])
def test_every_form_of_pixels_is_answered_as_predict_answers(
    server: Server, client: InferenceServerClient, mnist: Dataset, shape: tuple[int, ...], binary: bool
) -> None:
    images = mnist.x_test[:20]
    expected = [server.post(png(image), "/predict?prepare=none")[1]["probabilities"] for image in images]
    for sent in (images.reshape(shape), scaled(images).reshape(shape)):
        answer = ask(client, sent, binary)
        assert answer.dtype == np.float32
        np.testing.assert_allclose(answer, expected, atol=1e-6)


def test_files_are_prepared_as_uploads_are(server: Server, client: InferenceServerClient, mnist: Dataset) -> None:
    large = png(np.pad(255 - mnist.x_test[1], 40, constant_values=255))
    expected = [server.post(image)[1]["probabilities"] for image in (FILE, large)]
    np.testing.assert_allclose(ask(client, files(FILE, large)), expected, atol=1e-6)
    texts = files(base64.b64encode(FILE), b"data:image/png;base64," + base64.b64encode(large))
    np.testing.assert_allclose(ask(client, texts, binary=False), expected, atol=1e-6)


@pytest.mark.parametrize("write", WRITINGS.values(), ids=WRITINGS)
def test_base64_is_read_as_clients_write_it(server: Server, write: Callable[[str], str]) -> None:
    texts = [base64.b64encode(FILE).decode(), write(base64.b64encode(FILE + b"\xfb\xff\xbf").decode())]
    status, answer = post(server, json.dumps(request_of(texts, [2], "BYTES")).encode())
    first, second = np.reshape(answer["outputs"][0]["data"], (2, 10))
    assert status == 200
    np.testing.assert_allclose(first, second, atol=1e-6)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32-le"])
def test_json_is_read_in_each_encoding_of_unicode(server: Server, encoding: str) -> None:
    document = json.dumps(request_of([base64.b64encode(FILE).decode()], [1], "BYTES", id="\u4e03"), ensure_ascii=False)
    assert post(server, document.encode(encoding)) == post(server, document.encode())
    pixels = np.zeros((1, 784), np.uint8).tobytes()
    head = raw_request(784, [1, 784], "UINT8").decode().encode(encoding)
    status, answer = post(server, head + pixels, **{LENGTH: str(len(head))})
    assert (status, answer["outputs"][0]["shape"]) == (200, [1, 10])


def test_a_batch_is_answered_in_its_order(client: InferenceServerClient, mnist: Dataset) -> None:
    answers = ask(client, scaled(mnist.x_test[:1000]))
    assert answers.shape == (1000, 10)
    assert np.mean(answers.argmax(axis=1) == mnist.y_test[:1000]) > 0.98
    np.testing.assert_allclose(ask(client, scaled(mnist.x_test[500:501])), answers[500:501], atol=1e-6)


def test_versions_by_number(server: Server, client: InferenceServerClient, mnist: Dataset) -> None:
    answers = [ask(client, mnist.x_test[:5], model_version=version) for version in ("1", "3", "")]
    np.testing.assert_array_equal(answers[1], answers[2])
    assert not np.allclose(answers[0], answers[1], atol=1e-6)
    assert client.infer("mnist", [tensor(mnist.x_test[:1])], "1").get_response()["model_version"] == "1"


def test_the_answer_has_the_form_of_the_contract(server: Server, mnist: Dataset) -> None:
    status, answer = post(server, json.dumps(request_of(mnist.x_test[:1].tolist(), [1, 28, 28], "UINT8")).encode())
    assert status == 200
    assert list(answer) == ["model_name", "model_version", "outputs"]
    (output,) = answer["outputs"]
    assert list(output) == ["name", "shape", "datatype", "data"]
    assert (output["name"], output["shape"], output["datatype"]) == ("probabilities", [1, 10], "FP32")
    assert output["data"] == server.post(png(mnist.x_test[0]))[1]["probabilities"]
    status, answer = post(server, json.dumps(request_of(ZEROS, [1, 784], id="seventh")).encode())
    assert list(answer) == ["model_name", "model_version", "id", "outputs"]
    assert answer["id"] == "seventh"


def test_the_golden_request_of_tritons_client(server: Server, mnist: Dataset) -> None:
    body, length = InferenceServerClient.generate_request_body([tensor(mnist.x_test[:1])])
    assert (length, len(body)) == (145, 929)
    connection = server.connect()
    connection.request("POST", INFER, body, {LENGTH: "145"})
    answer = connection.getresponse()
    content = answer.read()
    assert answer.headers["Content-Type"] == "application/octet-stream"
    result = InferResult.from_response_body(content, header_length=int(answer.headers[LENGTH]))
    (output,) = result.get_response()["outputs"]
    assert output["parameters"] == {"binary_data_size": 40}
    assert "data" not in output
    assert result.as_numpy("probabilities").argmax() == 7


@pytest.mark.parametrize("own", [None, True, False])
@pytest.mark.parametrize("general", [None, True, False])
def test_an_output_is_raw_where_the_request_says_so(server: Server, own: bool | None, general: bool | None) -> None:
    output = {"name": "probabilities"} | ({} if own is None else {"parameters": {"binary_data": own}})
    parameters = {"priority": 1, "sequence_id": 5, "mine": [1]} | (
        {} if general is None else {"binary_data_output": general}
    )
    body = json.dumps(request_of(ZEROS, [1, 784], outputs=[output], parameters=parameters)).encode()
    connection = server.connect()
    connection.request("POST", INFER, body)
    answer = connection.getresponse()
    raw = general if own is None else own
    assert answer.status == 200
    assert answer.headers["Content-Type"] == ("application/octet-stream" if raw else "application/json")
    assert (answer.headers[LENGTH] is not None) == bool(raw)


@pytest.mark.parametrize("binary", [True, False])
def test_classification(client: InferenceServerClient, mnist: Dataset, binary: bool) -> None:
    def classify(count: int) -> NDArray[Any]:
        output = InferRequestedOutput("probabilities", binary_data=binary, class_count=count)
        return ask(client, mnist.x_test[:3], outputs=[output])

    (best,), *_ = classify(1)
    assert (best.decode() if binary else best) == "0.999959:7:7"
    assert classify(3).shape == (3, 3)
    rows = [[str(text, "utf-8") if binary else text for text in row] for row in classify(11)]
    assert [len(row) for row in rows] == [10] * 3
    for row, probabilities in zip(rows, ask(client, mnist.x_test[:3]), strict=True):
        digits = [int(text.split(":")[1]) for text in row]
        assert digits == np.argsort(-probabilities, kind="stable").tolist()
        assert row == [f"{probabilities[digit]:f}:{digit}:{digit}" for digit in digits]


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
@pytest.mark.parametrize("binary", [True, False])
def test_compressed_both_ways(client: InferenceServerClient, mnist: Dataset, algorithm: str, binary: bool) -> None:
    images = mnist.x_test[:100]
    result = client.infer(
        "mnist", [tensor(images, binary)], request_id="a",
        request_compression_algorithm=algorithm, response_compression_algorithm=algorithm,
    )  # fmt: skip
    assert result.get_response()["id"] == "a"
    np.testing.assert_array_equal(result.as_numpy("probabilities"), ask(client, images))


def test_an_answer_is_compressed_where_that_is_asked_and_worthwhile(server: Server, mnist: Dataset) -> None:
    def encoding(count: int, accepted: str | None) -> str | None:
        body = json.dumps(request_of(mnist.x_test[:count].tolist(), [count, 28, 28], "UINT8")).encode()
        connection = server.connect()
        connection.request("POST", INFER, body, {"Accept-Encoding": accepted} if accepted else {})
        answer = connection.getresponse()
        content = answer.read()
        unpack: dict[str | None, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "deflate": zlib.decompress}
        json.loads(unpack.get(answer.headers["Content-Encoding"], bytes)(content))
        return answer.headers["Content-Encoding"]

    assert encoding(50, "gzip") == "gzip"
    assert encoding(50, "deflate, gzip;q=0.5") == "deflate"
    assert encoding(50, "br, *;q=0") is None
    assert encoding(50, "") is None
    assert encoding(1, "gzip") is None


def test_raw_input_without_json(server: Server, mnist: Dataset) -> None:
    connection = server.connect()
    connection.request("POST", INFER, scaled(mnist.x_test[:2]).tobytes(), {LENGTH: "0"})
    answer = connection.getresponse()
    result = InferResult.from_response_body(answer.read(), header_length=int(answer.headers[LENGTH]))
    assert result.as_numpy("probabilities").argmax(axis=1).tolist() == [7, 2]


def test_a_client_sees_what_is_wrong(client: InferenceServerClient, mnist: Dataset) -> None:
    seven, broken = mnist.x_test[:1], scaled(mnist.x_test[:2])
    broken[1, 5] = np.nan
    bright = scaled(mnist.x_test[:2]) * 255
    wrong: list[tuple[str, str, Callable[[], Any]]] = [
        ("404", "Request for unknown model: 'nope' is not found.", lambda: client.infer("nope", [tensor(seven)])),
        ("404", "'mnist' version 9 is not found.", lambda: ask(client, seven, model_version="9")),
        ("404", "'mnist' version x is not found.", lambda: ask(client, seven, model_version="x")),
        ("404", "Request for unknown model: 'nope' is not found.", lambda: client.get_model_metadata("nope")),
        ("404", "Request for unknown model: 'nope' is not found.", lambda: client.get_model_config("nope")),
        ("403", "start the service with MNIST_MODEL_CONTROL=true.", lambda: client.load_model("mnist")),
        ("403", "start the service with MNIST_MODEL_CONTROL=true.", lambda: client.unload_model("mnist")),
        ("400", "unexpected inference input 'x' for model 'mnist': it is 'image'.",
         lambda: client.infer("mnist", [tensor(seven, name="x")])),
        ("400", "expected 1 inputs but got 2 inputs for model 'mnist'.",
         lambda: client.infer("mnist", [tensor(seven), tensor(seven)])),
        ("400", "expected 1 inputs but got 0 inputs for model 'mnist'.", lambda: client.infer("mnist", [])),
        ("400", "unexpected inference output 'x' for model 'mnist': it is 'probabilities'.",
         lambda: ask(client, seven, outputs=[InferRequestedOutput("x")])),
        ("400", "data-type is 'INT64'",
         lambda: client.infer("mnist", [InferInput("image", [1], "INT64").set_data_from_numpy(np.array([7]))])),
        ("400", "unexpected shape for input 'image' for model 'mnist': [1, 27, 28]", lambda: ask(client, seven[:, 1:])),
        ("400", "holds no image", lambda: ask(client, seven[:0])),
        ("400", "holds no image", lambda: ask(client, seven[:0], binary=False)),
        ("400", "unexpected shape", lambda: ask(client, files(FILE).reshape(1, 1))),
        ("400", "image[1][5] is nan: pixels are numbers in [0, 1].", lambda: ask(client, broken)),
        ("400", "image[1][5] is nan: pixels are numbers in [0, 1].", lambda: ask(client, broken, binary=False)),
        ("400", "pixels are numbers in [0, 1].", lambda: ask(client, bright)),
        ("400", "pixels are numbers in [0, 1].", lambda: ask(client, -bright, binary=False)),
        ("400", "image[1]: The image is not base64", lambda: ask(client, files(base64.b64encode(FILE), b"?"), False)),
        ("415", "image[1]: This is not an image", lambda: ask(client, files(FILE, b"text"))),
        ("400", "shared memory", lambda: client.infer(
            "mnist", [InferInput("image", [1, 784], "FP32").set_shared_memory("region", 3136)])),
        ("413", "The request has 1001 images", lambda: ask(client, files(*[b""] * 1001))),
    ]  # fmt: skip
    for status, message, call in wrong:
        with pytest.raises(InferenceServerException) as caught:
            call()
        assert caught.value.status() == status, message
        assert message in caught.value.message()
    output = InferRequestedOutput("probabilities")
    output.set_shared_memory("region", 40)
    with pytest.raises(InferenceServerException, match="shared memory"):
        ask(client, seven, outputs=[output])


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "The JSON is not as it should be"),
        (b"{", 400, "The JSON is not as it should be"),
        (b"\xff", 400, "The JSON is not as it should be"),
        (b'{"a":' * 9000, 400, "The JSON is not as it should be"),
        (b"[]", 400, "Expected `object`"),
        (rb'{"inputs": [{"name": "\ud800", "shape": [1], "datatype": "BYTES"}]}', 400, "The JSON is not as"),
        (rb'{"id": "\uD800", "inputs": [], "x": NaN}', 400, "The JSON is not as it should be"),
        (b'{"inputs": [], "x": NaN}', 400, "expected 1 inputs"),
        (b'{"inputs": [], "id": %b}' % (b"9" * 5000), 400, "$.id"),
        (b"{}", 400, "missing required field `inputs`"),
        (b'{"inputs": 7}', 400, "$.inputs"),
        (request_of(ZEROS, [1, 784], id=7), 400, "$.id"),
        (request_of(ZEROS, [1, 784], parameters=[]), 400, "$.parameters"),
        (request_of(ZEROS, [1, 784], parameters={"binary_data_output": 1}), 400, "$.parameters.binary_data_output"),
        (request_of(ZEROS, [1, 784], outputs=[{}]), 400, "$.outputs[0]"),
        (request_of(ZEROS, [1, 784], outputs=[{"name": "probabilities", "parameters": {"classification": -1}}]), 400,
         "$.outputs[0].parameters.classification"),
        (request_of(ZEROS, []), 400, "$.inputs[0].shape"),
        (request_of(ZEROS, [1, 28, 28, 1, 1]), 400, "$.inputs[0].shape"),
        (request_of(ZEROS, [-1, 784]), 400, "$.inputs[0].shape[0]"),
        (request_of(ZEROS, [784]), 400, "unexpected shape"),
        (request_of(ZEROS, [10**30, 784]), 413, "images"),
        (request_of(ZEROS, [5, 784]), 413, "images"),
        (request_of(ZEROS, [2, 784]), 400, "The input 'image' has 784 elements, where its shape [2, 784] makes 1568."),
        (request_of([ZEROS, ZEROS[1:]], [2, 784]), 400, "image is ragged"),
        (request_of([], [1, 784]), 400, "has 0 elements"),
        (request_of(None, [1, 784]), 400, "no field is set"),
        (request_of({}, [1, 784]), 400, "$.inputs[0].data"),
        (request_of([True] * 784, [1, 784]), 400, "image[0]"),
        (request_of(["0"] * 784, [1, 784]), 400, "image[0]"),
        (request_of([*ZEROS[1:], None], [1, 784]), 400, "image[783]"),
        (request_of([ZEROS, [*ZEROS[1:], 1.5]], [2, 784]), 400, "image[1][783] is 1.5: pixels are numbers in [0, 1]."),
        (request_of([*ZEROS[1:], float("inf")], [1, 784]), 400, "image[0][783] is inf: pixels are numbers in [0, 1]."),
        (request_of([*ZEROS[1:], 10**400], [1, 784]), 400, "image"),
        (request_of([*[0] * 783, 256], [1, 784], "UINT8"), 400, "image[783]"),
        (request_of([*[0] * 783, -1], [1, 784], "UINT8"), 400, "image[783]"),
        (request_of([*[0] * 783, 0.5], [1, 784], "UINT8"), 400, "image[783]"),
        (request_of([7], [1], "BYTES"), 400, "image[0]"),
        (request_of([], [1], "BYTES"), 400, "has 0 elements"),
        (request_of([base64.b64encode(png(np.full((90, 90), 200, np.uint8))).decode()], [1], "BYTES"), 422, "image[0]"),
    ],
)  # fmt: skip
def test_wrong_json(small: Server, body: bytes | dict[str, Any], status: int, message: str) -> None:
    response_status, answer = post(small, json.dumps(body).encode() if isinstance(body, dict) else body)
    assert (response_status, set(answer)) == (status, {"error", "code"}), answer
    assert message in answer["error"]
    assert answer["error"].endswith(".")


ONE = raw_request(3136, [1, 784])
PIXELS = bytes(3136)


@pytest.mark.parametrize(
    ("document", "raw", "length", "message"),
    [
        (ONE, PIXELS, -1, "is '-1': it is a number from 0 to"),
        (ONE, PIXELS, "x", "is 'x': it is a number from 0 to"),
        (ONE, PIXELS, "", "is '': it is a number from 0 to"),
        (ONE, PIXELS, len(ONE) + 3137, "it is a number from 0 to"),
        (ONE, PIXELS, "1" * 30, "it is a number from 0 to"),
        (ONE, PIXELS, len(ONE) - 1, "The JSON is not as it should be"),
        (ONE, PIXELS, len(ONE) + 1, "The JSON is not as it should be"),
        (ONE, PIXELS, None, "The JSON is not as it should be"),
        (ONE, b"", None, "expecting 3136 additional bytes"),
        (ONE, PIXELS[1:], len(ONE), "expecting 1 additional bytes"),
        (ONE, PIXELS + b"!", len(ONE), "unexpected additional input data for model 'mnist': 1 bytes."),
        (raw_request(3136, [1, 784], data=ZEROS), PIXELS, ..., "both are set"),
        (raw_request(-1, [1, 784]), b"", ..., "binary_data_size"),
        (raw_request(3132, [1, 784]), PIXELS[4:], ..., "has 3132 bytes, where its shape [1, 784] makes 3136."),
        (raw_request(783, [1, 784], "UINT8"), PIXELS[:783], ..., "has 783 bytes"),
        (raw_request(0, [1, 784]), b"", ..., "has 0 bytes"),
        (raw_request(0, [0, 784]), b"", ..., "holds no image"),
        (json.dumps(request_of(ZEROS, [1, 784])).encode(), b"!", ..., "unexpected additional input data"),
        (b'{"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES"}]}', b"", ..., "no field is set"),
        (raw_request(4, [1], "BYTES"), struct.pack("<I", 1), ..., "image[0] is cut short: 1 bytes are announced."),
        (raw_request(4, [1], "BYTES"), b"\xff\xff\xff\xff", ..., "is cut short"),
        (raw_request(3, [1], "BYTES"), b"\0\0\0", ..., "image has 0 elements, where its shape says 1."),
        (raw_request(4, [2], "BYTES"), bytes(4), ..., "image has 1 elements, where its shape says 2."),
        (raw_request(5, [1], "BYTES"), bytes(5), ..., "image has 1 bytes more than the 1 elements of its shape."),
        (raw_request(4, [1], "BYTES"), bytes(4), ..., "image[0]: "),
        (b"", PIXELS[1:], 0, "has 3135 bytes"),
        (b"", b"", 0, "holds no image"),
        (b"", struct.pack("<784f", *[2.0] * 784), 0, "image[0][0] is 2.0"),
    ],
)
def test_wrong_binary(small: Server, document: bytes, raw: bytes, length: Any, message: str) -> None:
    headers = {} if length is None else {LENGTH: str(len(document) if length is ... else length)}
    status, answer = post(small, document + raw, **headers)
    assert (status, set(answer)) == (400, {"error", "code"}), answer
    assert message in answer["error"]


def test_wrong_compression(small: Server) -> None:
    whole = gzip.compress(ONE + PIXELS)
    length = {LENGTH: str(len(ONE)), "Content-Encoding": "gzip"}
    assert post(small, whole, **length)[0] == 200  # the length is that of the unpacked JSON
    assert post(small, whole, Content_Encoding="gzip")[0] == 400
    for damaged in (whole[:-1], whole + b"!", whole[:50] + b"!!!!" + whole[54:], b"", ONE):
        status, answer = post(small, damaged, **length)
        assert (status, answer["code"]) == (400, "malformed_request")
    status, answer = post(small, gzip.compress(bytes(100001)), Content_Encoding="gzip")
    assert (status, answer["code"]) == (413, "too_large")
    assert post(small, gzip.compress(bytes(10**8)), Content_Encoding="gzip")[0] == 413
    status, answer = post(small, whole, Content_Encoding="br")
    assert (status, answer["code"]) == (415, "unsupported_media_type")


def test_other_requests(small: Server) -> None:
    assert small.ask("GET", "/v2/foo")[1] == {"error": "GET /v2/foo: not found.", "code": "not_found"}
    assert small.ask("GET", INFER)[1]["code"] == "method_not_allowed"
    assert small.ask("GET", "/v2/models/mnist/versions/" + "9" * 3000)[0] == 404
    assert post(small, bytes(100001))[0] == 413
    connection = small.connect()  # a body that nobody reads does not spoil the next request
    for path, status in (("/v2/models/nope/infer", 404), (INFER, 200)):
        connection.request("POST", path, json.dumps(request_of(ZEROS, [1, 784])).encode())
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
NEARLY = st.fixed_dictionaries(
    {
        "inputs": st.lists(
            st.fixed_dictionaries(
                {
                    "name": st.just("image"),
                    "shape": st.sampled_from([[1, 784], [2, 28, 28], [1], [2]]) | ANYTHING,
                    "datatype": st.sampled_from(["FP32", "UINT8", "BYTES"]),
                },
                optional={"data": ANYTHING, "parameters": st.dictionaries(st.just("binary_data_size"), st.integers())},
            ),
            max_size=2,
        )
    },
    optional={"id": ANYTHING, "parameters": ANYTHING, "outputs": ANYTHING},
)


@settings(max_examples=300, deadline=None)
@given(NEARLY | ANYTHING, st.binary(max_size=99), st.none() | st.integers(-9, 300), st.booleans())
def test_anything_is_never_the_services_error(
    small: Server, document: Any, raw: bytes, length: int | None, exact: bool
) -> None:
    body = json.dumps(document).encode()
    headers = {LENGTH: str(len(body) if exact else length)} if length is not None else {}
    status, answer = post(small, body + raw, **headers)
    assert status in (200, 400, 413, 415, 422), answer


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.none() | st.integers(0, 300), st.sampled_from(["identity", "gzip", "deflate"]))
def test_any_bytes_are_never_the_services_error(small: Server, body: bytes, length: int | None, encoding: str) -> None:
    headers = {"Content-Encoding": encoding} | ({} if length is None else {LENGTH: str(length)})
    status, answer = post(small, body, **headers)
    assert status in (400, 413, 415), answer
