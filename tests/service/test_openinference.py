"""The Open Inference Protocol: asked by Triton's own client, and by requests made by hand where that makes none."""

import base64
import gzip
import json
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput, InferResult
from tritonclient.utils import InferenceServerException

from service.settings import DEFAULT_MODELS
from tests.conftest import SEVEN, Server, copy_version, png, serving, wait_until
from tests.service.test_predict import WRITINGS
from training.data.datasets import Dataset

INFER = "/v2/models/mnist/infer"
KEY = "a key"
KEYS = {"X-API-Key": KEY}
LENGTH = "Inference-Header-Content-Length"
DATATYPES = {"float32": "FP32", "uint8": "UINT8", "object": "BYTES"}
FILE = SEVEN.read_bytes()
ZEROS = [0.0] * 784


@pytest.fixture
def controlled(tmp_path: Path) -> Iterator[InferenceServerClient]:
    """Triton's client of a server that loads and unloads the versions that ship, for those who have a key."""
    models = shutil.copytree(DEFAULT_MODELS, tmp_path / "models")
    options = ("--workers", "2", "--models", str(models), "--model-control", "true")
    with (
        serving(*options, MNIST_API_KEYS=KEY) as server,
        InferenceServerClient(f"127.0.0.1:{server.port}") as client,
    ):
        yield client


@pytest.fixture
def client(server: Server) -> Iterator[InferenceServerClient]:
    with InferenceServerClient(f"127.0.0.1:{server.port}") as client:
        yield client


@pytest.fixture(scope="module")
def small() -> Iterator[Server]:
    """A server of tight limits."""
    with serving("--workers", "1", "--max-bytes", "100000", "--max-files", "4") as server:
        yield server


def tensor(pictures: NDArray[Any], binary: bool = True, name: str = "image") -> InferInput:
    given = InferInput(name, list(pictures.shape), DATATYPES[pictures.dtype.name])
    return given.set_data_from_numpy(pictures, binary_data=binary)


def files(*contents: bytes) -> NDArray[np.object_]:
    return np.array(contents, np.object_)


def scaled(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    return pictures.reshape(-1, 784).astype(np.float32) / np.float32(255)


def ask(client: InferenceServerClient, pictures: NDArray[Any], binary: bool = True, **more: Any) -> NDArray[Any]:
    answer: NDArray[Any] = client.infer("mnist", [tensor(pictures, binary)], **more).as_numpy("probabilities")
    return answer


def request_of(data: Any, shape: list[int], datatype: str = "FP32", **more: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "image", "shape": shape, "datatype": datatype, "data": data}], **more}


def raw_request(size: int, shape: list[int], datatype: str = "FP32", **more: Any) -> bytes:
    parameters = {"binary_data_size": size}
    given = {"name": "image", "shape": shape, "datatype": datatype, "parameters": parameters, **more}
    return json.dumps({"inputs": [given]}).encode()


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


def test_configuration(client: InferenceServerClient) -> None:
    config = client.get_model_config("mnist", "3")
    assert config["max_batch_size"] == 1000
    assert config["input"] == [{"name": "image", "data_type": "TYPE_FP32", "dims": [784]}]
    assert config["output"] == [{"name": "probabilities", "data_type": "TYPE_FP32", "dims": [10]}]
    assert config["version_policy"] == {"all": {}}
    assert config == client.get_model_config("mnist")


def test_statistics_have_the_form_of_tritons(client: InferenceServerClient, server: Server) -> None:
    every = client.get_inference_statistics()["model_stats"]
    assert every == client.get_inference_statistics("mnist")["model_stats"]
    assert [(each["name"], each["version"]) for each in every] == [("mnist", "1"), ("mnist", "2"), ("mnist", "3")]
    (one,) = client.get_inference_statistics("mnist", "2")["model_stats"]
    assert {"last_inference", "inference_count", "execution_count", "batch_stats"} < one.keys()
    parts = ["success", "fail", "queue", "compute_input", "compute_infer", "compute_output", "cache_hit", "cache_miss"]
    assert list(one["inference_stats"]) == parts
    assert all(each.keys() == {"count", "ns"} for each in one["inference_stats"].values())
    assert server.ask("GET", "/v2/models/nope/stats")[0] == 404
    assert server.ask("GET", "/v2/models/mnist/versions/9/stats")[0] == 404


def test_statistics_count_over_all_processes(client: InferenceServerClient, mnist: Dataset) -> None:
    def count() -> dict[str, Any]:
        counted: dict[str, Any] = client.get_inference_statistics("mnist", "1")["model_stats"][0]
        return counted

    before = count()
    for _ in range(10):
        ask(client, mnist.x_test[:3], model_version="1")
        with pytest.raises(InferenceServerException):
            ask(client, mnist.x_test[:0], model_version="1")
    after = count()
    assert after["inference_count"] - before["inference_count"] == 30
    assert after["execution_count"] - before["execution_count"] == 10
    assert after["last_inference"] > 1.7e12
    for part, times in {
        "success": 10,
        "fail": 10,
        "compute_infer": 10,
        "compute_input": 10,
        "compute_output": 10,
    }.items():
        had, has = before["inference_stats"][part], after["inference_stats"][part]
        assert has["count"] - had["count"] == times
        assert has["ns"] > had["ns"]


def test_index_tells_the_state_of_every_version(shipped: Path, tmp_path: Path) -> None:
    damaged = copy_version(shipped, tmp_path)
    (damaged / "saved_model.pb").write_bytes(b"")
    copy_version(shipped, tmp_path / "other").rename(tmp_path / "mnist" / "3")
    with (
        serving("--models", str(tmp_path), "--workers", "1") as server,
        InferenceServerClient(f"127.0.0.1:{server.port}") as client,
    ):
        ready, refused = client.get_model_repository_index()
        assert ready == {"name": "mnist", "version": "3", "state": "READY", "reason": ""}
        assert (refused["version"], refused["state"]) == ("9", "UNAVAILABLE")
        assert "saved_model.pb" in refused["reason"]
        assert post(server, b'{"ready": true}', "/v2/repository/index") == (200, [ready])
        assert post(server, b"{}", "/v2/repository/index") == (200, [ready, refused])
        assert post(server, b"[]", "/v2/repository/index")[0] == 400
        assert client.get_model_metadata("mnist")["versions"] == ["3"]
        assert not client.is_model_ready("mnist", "9")


def default(client: InferenceServerClient) -> Any:
    """Ask which version answers where none is named."""
    seven = tensor(np.zeros((1, 784), np.float32))
    return client.infer("mnist", [seven], headers=KEYS).get_response()["model_version"]


def unloaded(client: InferenceServerClient) -> list[str]:
    listed = client.get_model_repository_index(KEYS)
    return [each["version"] for each in listed if each["reason"].startswith("Unloaded")]


def wait_for_default(client: InferenceServerClient, version: str) -> None:
    """Wait until both processes have a version as the default."""
    wait_until(lambda: all(default(client) == version for _ in range(20)))


def test_versions_are_unloaded_and_loaded_by_tritons_client(controlled: InferenceServerClient) -> None:
    assert "model_repository" in controlled.get_server_metadata(KEYS)["extensions"]
    controlled.unload_model("mnist", KEYS)  # the default
    wait_for_default(controlled, "2")
    controlled.unload_model("mnist", KEYS, {"version": "1"}, unload_dependents=True)
    assert unloaded(controlled) == ["1", "3"]
    assert controlled.is_model_ready("mnist", "3", KEYS)
    controlled.load_model("mnist", KEYS, {"version": "3"})
    wait_for_default(controlled, "3")
    assert unloaded(controlled) == ["1"]
    controlled.load_model("mnist", KEYS)
    wait_until(lambda: unloaded(controlled) == [])


def test_what_may_not_be_loaded_or_unloaded(controlled: InferenceServerClient) -> None:
    for version in ("3", "2"):
        controlled.unload_model("mnist", KEYS, {"version": version})
    wrong: list[tuple[str, str, Callable[[], Any]]] = [
        ("409", "No other version of the model mnist is left", lambda: controlled.unload_model("mnist", KEYS)),
        ("404", "'mnist' version 9 is not found.", lambda: controlled.load_model("mnist", KEYS, {"version": "9"})),
        ("404", "unknown model: 'nope'", lambda: controlled.load_model("nope", KEYS)),
        ("400", "unknown field `config`", lambda: controlled.load_model("mnist", KEYS, config="{}")),
        ("401", "A key is needed", lambda: controlled.load_model("mnist")),
        ("401", "A key is needed", lambda: controlled.unload_model("mnist")),
    ]
    for status, message, ask_it in wrong:
        with pytest.raises(InferenceServerException) as raised:
            ask_it()
        assert raised.value.status() == status
        assert message in str(raised.value)
    assert unloaded(controlled) == ["2", "3"]


def test_processes_change_what_is_loaded_one_after_the_other(shipped: Path, tmp_path: Path) -> None:
    for number in range(1, 9):
        shutil.copytree(shipped, tmp_path / "mnist" / str(number))
    with serving("--models", str(tmp_path), "--workers", "2", "--model-control", "true") as server:
        server.wait_until_served(*map(str, range(8, 0, -1)))
        path = "/v2/repository/models/mnist/unload"
        bodies = [json.dumps({"parameters": {"version": number}}).encode() for number in range(2, 9)]
        with ThreadPoolExecutor() as pool:
            statuses = [status for status, _ in pool.map(lambda body: post(server, body, path), bodies)]
        assert statuses == [200] * 7
        assert post(server, b"", path)[1]["code"] == "last_version"


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("shape", [(-1, 784), (-1, 28, 28), (-1, 28, 28, 1)])
def test_every_form_of_pixels_is_answered_as_predict_answers(
    server: Server, client: InferenceServerClient, mnist: Dataset, shape: tuple[int, ...], binary: bool
) -> None:
    pictures = mnist.x_test[:20]
    expected = [server.post(png(each), "/predict?prepare=none")[1]["probabilities"] for each in pictures]
    for sent in (pictures.reshape(shape), scaled(pictures).reshape(shape)):
        answer = ask(client, sent, binary)
        assert answer.dtype == np.float32
        np.testing.assert_allclose(answer, expected, atol=1e-6)


def test_files_are_prepared_as_uploads_are(server: Server, client: InferenceServerClient, mnist: Dataset) -> None:
    large = png(np.pad(255 - mnist.x_test[1], 40, constant_values=255))
    expected = [server.post(each)[1]["probabilities"] for each in (FILE, large)]
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
    every = [[str(each, "utf-8") if binary else each for each in row] for row in classify(11)]
    assert [len(row) for row in every] == [10] * 3
    for row, probabilities in zip(every, ask(client, mnist.x_test[:3]), strict=True):
        digits = [int(each.split(":")[1]) for each in row]
        assert digits == np.argsort(-probabilities, kind="stable").tolist()
        assert row == [f"{probabilities[digit]:f}:{digit}:{digit}" for digit in digits]


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
@pytest.mark.parametrize("binary", [True, False])
def test_compressed_both_ways(client: InferenceServerClient, mnist: Dataset, algorithm: str, binary: bool) -> None:
    pictures = mnist.x_test[:100]
    result = client.infer(
        "mnist", [tensor(pictures, binary)], request_id="a",
        request_compression_algorithm=algorithm, response_compression_algorithm=algorithm,
    )  # fmt: skip
    assert result.get_response()["id"] == "a"
    np.testing.assert_array_equal(result.as_numpy("probabilities"), ask(client, pictures))


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
        ("400", "holds no picture", lambda: ask(client, seven[:0])),
        ("400", "holds no picture", lambda: ask(client, seven[:0], binary=False)),
        ("400", "unexpected shape", lambda: ask(client, files(FILE).reshape(1, 1))),
        ("400", "image[1][5] is nan: pixels are numbers in [0, 1].", lambda: ask(client, broken)),
        ("400", "image[1][5] is nan: pixels are numbers in [0, 1].", lambda: ask(client, broken, binary=False)),
        ("400", "pixels are numbers in [0, 1].", lambda: ask(client, bright)),
        ("400", "pixels are numbers in [0, 1].", lambda: ask(client, -bright, binary=False)),
        ("400", "image[1]: The image is not base64", lambda: ask(client, files(base64.b64encode(FILE), b"?"), False)),
        ("415", "image[1]: This is not a picture", lambda: ask(client, files(FILE, b"text"))),
        ("400", "shared memory", lambda: client.infer(
            "mnist", [InferInput("image", [1, 784], "FP32").set_shared_memory("region", 3136)])),
        ("413", "The request has 1001 pictures", lambda: ask(client, files(*[b""] * 1001))),
    ]  # fmt: skip
    for status, message, asking in wrong:
        with pytest.raises(InferenceServerException) as caught:
            asking()
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
        (request_of(ZEROS, [10**30, 784]), 413, "pictures"),
        (request_of(ZEROS, [5, 784]), 413, "pictures"),
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
    answered, answer = post(small, json.dumps(body).encode() if isinstance(body, dict) else body)
    assert (answered, set(answer)) == (status, {"error", "code"}), answer
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
        (raw_request(0, [0, 784]), b"", ..., "holds no picture"),
        (json.dumps(request_of(ZEROS, [1, 784])).encode(), b"!", ..., "unexpected additional input data"),
        (b'{"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES"}]}', b"", ..., "no field is set"),
        (raw_request(4, [1], "BYTES"), struct.pack("<I", 1), ..., "image[0] is cut short: 1 bytes are announced."),
        (raw_request(4, [1], "BYTES"), b"\xff\xff\xff\xff", ..., "is cut short"),
        (raw_request(3, [1], "BYTES"), b"\0\0\0", ..., "image has 0 elements, where its shape says 1."),
        (raw_request(4, [2], "BYTES"), bytes(4), ..., "image has 1 elements, where its shape says 2."),
        (raw_request(5, [1], "BYTES"), bytes(5), ..., "image has 1 bytes more than the 1 elements of its shape."),
        (raw_request(4, [1], "BYTES"), bytes(4), ..., "image[0]: "),
        (b"", PIXELS[1:], 0, "has 3135 bytes"),
        (b"", b"", 0, "holds no picture"),
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
    small: Server, asked: Any, raw: bytes, length: int | None, exact: bool
) -> None:
    document = json.dumps(asked).encode()
    headers = {LENGTH: str(len(document) if exact else length)} if length is not None else {}
    status, answer = post(small, document + raw, **headers)
    assert status in (200, 400, 413, 415, 422), answer


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.none() | st.integers(0, 300), st.sampled_from(["identity", "gzip", "deflate"]))
def test_any_bytes_are_never_the_services_error(small: Server, body: bytes, length: int | None, encoding: str) -> None:
    headers = {"Content-Encoding": encoding} | ({} if length is None else {LENGTH: str(length)})
    status, answer = post(small, body, **headers)
    assert status in (400, 413, 415), answer
