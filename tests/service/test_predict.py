"""POST /predict and /predict/batch over HTTP, with both runtimes."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from itertools import starmap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.digits import scale
from service.runtimes import LiteRT
from tests.conftest import Server, multipart, png
from training.data import Dataset


@pytest.fixture(scope="session")
def seven(mnist: Dataset) -> bytes:
    return png(mnist.x_test[0])


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
    expected = LiteRT(shipped).predict(scale(mnist.x_test[:1]))[0]
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
    assert (status, [each["code"] for each in answer["predictions"]]) == (200, ["unreadable_image"] * 2)


def test_health(server: Server) -> None:
    assert server.ask("GET", "/livez") == (200, {"live": True})
    assert server.ask("GET", "/readyz") == (200, {"ready": True})


def test_requests_at_the_same_time_do_not_mix(server: Server, mnist: Dataset) -> None:
    pictures = [(png(image),) for image in mnist.x_test[:200]]
    alone = list(starmap(server.post, pictures))
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda picture: server.post(*picture), pictures))
    assert [status for status, _ in together] == [200] * 200
    # TensorFlow computes a batch in another order than one picture.
    rows, expected = ([answer["probabilities"] for _, answer in answers] for answers in (together, alone))
    np.testing.assert_allclose(rows, expected, rtol=0, atol=2e-6)
