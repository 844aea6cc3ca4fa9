"""POST /predict and /predict/batch over HTTP, with both runtimes."""

import base64
import codecs
import gzip
import json
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import starmap
from pathlib import Path
from urllib.parse import quote, urlencode

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from service.api import data_urls
from service.errors import InvalidBase64, UnreadableImage
from service.inference.predictor import Predictor
from service.inference.schemas import Prediction
from service.models import loading
from service.models.runtimes import LiteRT
from service.preparation.finder import Finder
from service.preparation.normalize import to_vectors
from service.settings import Settings
from tests.support.base64_forms import WRITINGS
from tests.support.images import multipart, png
from tests.support.server import Server
from training.data.datasets import Dataset

JSON, URLENCODED = "application/json", "application/x-www-form-urlencoded"
PACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress}


@pytest.fixture(scope="session")
def seven(mnist: Dataset) -> bytes:
    return png(mnist.x_test[0])


@pytest.mark.slow
def test_every_mnist_image_is_read_as_the_model_card_says(server: Server, mnist: Dataset, shipped: Path) -> None:
    connection, correct = server.connect(), 0
    for image, label in zip(mnist.x_test, mnist.y_test, strict=True):
        connection.request("POST", "/predict", png(image), {"Content-Type": "image/png"})
        correct += json.loads(connection.getresponse().read())["digit"] == label
    card = json.loads((shipped / "assets.extra/model.json").read_text())
    assert correct == round(card["metrics"]["test_accuracy"] * len(mnist.y_test))


def test_answer_has_the_form_of_the_contract(server: Server, seven: bytes) -> None:
    status, answer = server.post(seven)
    assert status == 200
    assert list(answer) == ["digit", "confidence", "uncertain", "probabilities", "model"]
    assert (answer["digit"], answer["uncertain"]) == (7, False)
    assert answer["confidence"] == answer["probabilities"][7] > 0.999
    assert len(answer["probabilities"]) == 10
    assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-5)
    assert answer["model"] == {"name": "mnist", "version": "3"}


def test_pixels_reach_the_model_as_training_scales_them(
    server: Server, seven: bytes, mnist: Dataset, shipped: Path
) -> None:
    expected = LiteRT(shipped).predict(to_vectors(mnist.x_test[:1]))[0]
    _, answer = server.post(seven)
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-6)


def test_each_way_to_send_a_picture_gives_the_same_answer(server: Server, seven: bytes) -> None:
    text = base64.b64encode(seven).decode()
    answers = [
        server.post(seven),
        server.post(seven, kind="application/octet-stream"),
        server.ask("POST", "/predict", *multipart(("7.png", seven))),
        server.ask("POST", "/predict", *multipart(("no picture.txt", seven), field="anything")),
        server.post(json.dumps({"image": text}).encode(), kind="application/json"),
        server.post(json.dumps({"image": "\n".join([text[:76], text[76:]])}).encode(), kind="application/json"),
        server.post(json.dumps({"image": f"data:image/png;base64,{text}"}).encode(), kind="application/json"),
        server.ask("POST", "/predict", iter([seven[:10], seven[10:]]), {"Content-Type": "image/png"}),  # chunked
        server.post(seven, "/predict?prepare=none"),
        server.post(seven, "/predict?prepare=auto"),
    ]
    assert answers == [answers[0]] * len(answers)
    assert answers[0][0] == 200


@pytest.mark.parametrize("writing", WRITINGS)
def test_base64_is_read_as_clients_write_it(server: Server, seven: bytes, writing: str) -> None:
    text = WRITINGS[writing](base64.b64encode(seven + b"\xfb\xff\xbf").decode())  # with + and / at its end
    answer = server.post(json.dumps({"image": text}).encode(), kind=JSON)
    assert answer == server.post(seven)
    assert server.post(json.dumps({"image": text}).encode(), "/read", JSON)[1]["text"] == "7"


@given(st.binary(), st.sets(st.sampled_from([*WRITINGS])))
def test_base64_in_any_writings_gives_the_bytes_back(content: bytes, writings: set[str]) -> None:
    text = base64.b64encode(content).decode()
    for name, write in WRITINGS.items():
        text = write(text) if name in writings else text
    assert data_urls.decode(text) == content
    if "percent_encoded" not in writings or "as_a_data_url" in writings:
        assert data_urls.decode(quote(text, safe="")) == content


@given(st.text() | st.text("data:;base64,%=+/-_AZ \n\u00e9"))
def test_any_text_is_bytes_or_refused(text: str) -> None:
    with suppress(InvalidBase64):
        assert isinstance(data_urls.decode(text), bytes)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("path", ["/predict", "/read", "/explain"])
def test_json_is_read_in_each_encoding_of_unicode(server: Server, seven: bytes, path: str, encoding: str) -> None:
    document = json.dumps({"image": base64.b64encode(seven).decode(), "name": "七"}, ensure_ascii=False)
    assert server.post(document.encode(encoding), path, JSON) == server.post(seven, path)


@pytest.mark.parametrize(
    "content", [codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE + b'\xd8\x00"', b"\x00{"]
)
def test_json_of_a_broken_encoding_is_refused(server: Server, content: bytes) -> None:
    status, answer = server.post(content, kind=JSON)
    assert (status, answer["code"]) == (400, "invalid_json")


@pytest.mark.parametrize("encoding", PACK)
@pytest.mark.parametrize("path", ["/predict", "/read", "/explain", "/predict/batch", "/read/batch"])
def test_compressed_bodies(server: Server, seven: bytes, path: str, encoding: str) -> None:
    kinds = [multipart(("7.png", seven))]
    if not path.endswith("/batch"):
        kinds += [
            (seven, {"Content-Type": "image/png"}),
            (b'{"image": "%b"}' % base64.b64encode(seven), {"Content-Type": JSON}),
        ]
    for body, headers in kinds:
        packed = server.ask("POST", path, PACK[encoding](body), {**headers, "Content-Encoding": encoding.upper()})
        assert packed == server.ask("POST", path, body, {**headers, "Content-Encoding": "identity"})
        assert packed[0] == 200


def test_wrongly_compressed_bodies(server: Server, seven: bytes) -> None:
    def send(body: bytes, encoding: str) -> tuple[int, str]:
        headers = {"Content-Type": "image/png", "Content-Encoding": encoding}
        answers = [server.ask("POST", path, body, headers) for path in ("/predict", "/read", "/explain")]
        assert answers == [answers[0]] * 3
        return answers[0][0], answers[0][1]["code"]

    for encoding, pack in PACK.items():
        assert send(seven, encoding) == send(pack(seven)[:-3], encoding) == (400, "malformed_request")
        assert send(pack(bytes(10 * 2**20 + 1)), encoding) == (413, "too_large")
        assert send(b"", encoding) == send(pack(b""), encoding) == (400, "no_image")
    assert send(seven, "br") == send(seven, "gzip, deflate") == (415, "unsupported_media_type")


def test_urlencoded_forms_are_read(server: Server, seven: bytes) -> None:
    text = base64.b64encode(seven + b"\xfb\xff\xbf")
    url = b"data:image/png;base64," + text
    fields: list[dict[str, bytes]] = [{"image": text}, {"image": url}, {"photo": url, "user": b"Ada"}, {"image": seven}]
    for body in [*(urlencode(field).encode() for field in fields), b"image=" + text, b"image=" + url]:
        assert server.post(body, kind=URLENCODED) == server.post(seven)
    status, answer = server.post(urlencode([("images", text), ("images", seven)]).encode(), "/read/batch", URLENCODED)
    assert (status, [reading["text"] for reading in answer["readings"]]) == (200, ["7", "7"])
    assert server.post(b"image=%b&image=%b" % (text, text), kind=URLENCODED)[1]["code"] == "several_images"


def test_what_curl_sends_unasked_as_a_form_is_told_how_to_send(server: Server, seven: bytes) -> None:
    for body in (seven, b'{"image": "%b"}' % base64.b64encode(seven), b"user=Ada"):
        status, answer = server.post(body, kind=URLENCODED)
        assert (status, answer["code"]) == (415, "unsupported_media_type")
        assert "-F image=@" in answer["error"]
    assert server.post(b"&" * 1000, kind=URLENCODED)[1]["code"] == "too_large"


def test_larger_picture_with_a_light_border_is_brought_to_mnists_form(server: Server, mnist: Dataset) -> None:
    enlarged = np.asarray(Image.fromarray(255 - mnist.x_test[0]).resize((280, 280), Image.Resampling.NEAREST))
    status, answer = server.post(png(enlarged))
    assert (status, answer["digit"]) == (200, 7)
    status, answer = server.post(png(enlarged), "/predict?prepare=none")
    assert (status, answer["code"]) == (422, "wrong_image_size")


def test_batch_answers_in_order_and_one_bad_file_spoils_none(server: Server, mnist: Dataset, seven: bytes) -> None:
    files = [
        ("7.png", seven),
        ("bad.png", b"no picture"),
        ("2.png", png(mnist.x_test[1])),
        ("empty.png", b""),
    ]
    status, answer = server.ask("POST", "/predict/batch", *multipart(*files))
    first, bad, third, empty = answer["predictions"]
    assert status == 200
    assert answer["model"] == {"name": "mnist", "version": "3"}
    assert (first["digit"], third["digit"]) == (7, 2)
    assert (bad["code"], empty["code"]) == ("unreadable_image", "empty_image")
    single = server.post(seven)[1]
    np.testing.assert_allclose(first["probabilities"], single["probabilities"], atol=1e-6)


def test_batch_of_bad_files_alone_is_answered(server: Server) -> None:
    status, answer = server.ask("POST", "/predict/batch", *multipart(*[("x", b"x")] * 2))
    assert (status, [error["code"] for error in answer["predictions"]]) == (200, ["unreadable_image"] * 2)


def test_what_is_wrong_with_an_image_of_a_batch_holds_none_of_its_pixels(finder: Finder, seven: bytes) -> None:
    predictor = Predictor(loading.load_default(Settings()), finder, Settings())
    cut, good = predictor.predict_files([seven[:-40], seven])
    assert isinstance(cut, UnreadableImage)
    assert isinstance(good, Prediction)
    # A traceback's frames hold the list that the error is in, and so each other, until the garbage is collected.
    assert (cut.__traceback__, cut.__cause__, cut.__context__) == (None, None, None)


def test_health(server: Server) -> None:
    assert server.ask("GET", "/livez") == (200, {"live": True})
    assert server.ask("GET", "/readyz") == (200, {"ready": True})


def test_requests_at_the_same_time_do_not_mix(server: Server, mnist: Dataset) -> None:
    files = [(png(image),) for image in mnist.x_test[:200]]
    alone = list(starmap(server.post, files))
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda file: server.post(*file), files))
    assert [status for status, _ in together] == [200] * 200
    # TensorFlow computes a batch in another order than one image.
    rows, expected = ([answer["probabilities"] for _, answer in answers] for answers in (together, alone))
    np.testing.assert_allclose(rows, expected, rtol=0, atol=2e-6)
