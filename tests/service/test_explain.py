"""POST /explain over HTTP, with both runtimes."""

import base64
import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.support.images import green, multipart, png
from tests.support.server import Server
from training.data.datasets import Dataset


def decode(data_url: str) -> Image.Image:
    kind, _, content = data_url.partition(",")
    assert kind == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


def explain(server: Server, digit: NDArray[np.uint8]) -> Any:
    status, answer = server.post(png(digit), "/explain")
    assert status == 200, answer
    return answer


def test_answer_holds_the_prediction_and_what_it_rests_on(server: Server, mnist: Dataset) -> None:
    answer = explain(server, mnist.x_test[0])
    prediction = server.post(png(mnist.x_test[0]))[1]
    assert {name: answer[name] for name in prediction} == prediction
    assert set(answer) - set(prediction) == {"ink", "seen", "importance", "overlay"}
    np.testing.assert_array_equal(np.asarray(decode(answer["seen"])), mnist.x_test[0])
    assert np.shape(answer["importance"]) == (28, 28)
    assert (decode(answer["overlay"]).mode, decode(answer["overlay"]).size) == ("RGB", (280, 280))


@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize(("height", "width"), [(700, 500), (56, 84), (28, 28)])
def test_ink_is_tinted_where_it_is_in_the_image(
    server: Server, mnist: Dataset, height: int, width: int, invert: bool
) -> None:
    page = np.zeros((height, width), np.uint8)
    seven = Image.fromarray(mnist.x_test[0]).resize((width // 2, height // 2), Image.Resampling.BICUBIC)
    page[-(height // 2) :, : width // 2] = np.asarray(seven)
    answer = explain(server, page ^ np.uint8(255 * invert))
    shown, whole = decode(answer["ink"]), Image.fromarray(page)
    assert answer["digit"] == 7
    assert (shown.mode, max(shown.size) in (252, 280)) == ("RGB", True)
    assert shown.width / shown.height == pytest.approx(width / height, abs=0.01)
    tinted, ink = green(shown), np.asarray(whole.resize(shown.size, Image.Resampling.BOX)) > 128
    assert (tinted & ink).sum() > 0.85 * ink.sum()
    assert tinted.sum() < (1.3 if width > 28 else 2) * ink.sum()  # a pixel of the smallest is ten here


@pytest.mark.parametrize(
    ("path", "invert"), [("/explain", False), ("/explain", True), ("/explain?prepare=none", False)]
)
def test_all_ink_of_an_image_that_is_used_unchanged_is_tinted(
    server: Server, mnist: Dataset, path: str, invert: bool
) -> None:
    digit = mnist.x_test[0]
    answer = server.post(png(digit ^ np.uint8(255 * invert)), path)[1]
    tinted = green(decode(answer["ink"])).reshape(28, 10, 28, 10).mean(axis=(1, 3))
    assert tinted[digit > 200].min() > 0.7
    assert tinted[digit == 0].max() < 0.5


def test_seen_is_what_a_larger_image_was_made_into(server: Server, mnist: Dataset) -> None:
    enlarged = np.asarray(Image.fromarray(255 - mnist.x_test[0]).resize((280, 280), Image.Resampling.NEAREST))
    answer = explain(server, enlarged)
    again = server.post(png(np.asarray(decode(answer["seen"]))), "/predict?prepare=none")[1]
    assert answer["digit"] == again["digit"] == 7
    assert answer["probabilities"] == again["probabilities"]


@pytest.mark.parametrize("index", range(10))
def test_blanking_what_mattered_most_costs_more_than_what_mattered_least(
    server: Server, mnist: Dataset, index: int
) -> None:
    digit = mnist.x_test[index]
    answer = explain(server, digit)
    importance = np.array(answer["importance"])

    def blank(position: Any) -> float:
        row, column = np.unravel_index(position, importance.shape)
        patched = digit.copy()
        patched[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3] = 0
        return float(server.post(png(patched))[1]["probabilities"][answer["digit"]])

    assert blank(importance.argmax()) < blank(importance.argmin())
    assert blank(importance.argmax()) < answer["confidence"]


def test_overlay_is_orange_where_ink_helped_and_blue_where_it_hindered(server: Server, mnist: Dataset) -> None:
    answer = explain(server, mnist.x_test[8])  # a 5 much like a 6
    importance = np.array(answer["importance"])
    colours = np.asarray(decode(answer["overlay"])).reshape(28, 10, 28, 10, 3).mean(axis=(1, 3))
    most, least = (
        colours[np.unravel_index(position, importance.shape)] for position in (importance.argmax(), importance.argmin())
    )
    assert importance.min() < 0 < importance.max()
    assert most[0] > most[2]
    assert least[2] > least[0]


def test_each_way_to_send_an_image_is_accepted(server: Server, mnist: Dataset) -> None:
    seven = png(mnist.x_test[0])
    in_json = b'{"image": "%b"}' % base64.b64encode(seven)
    assert server.ask("POST", "/explain", *multipart(("7.png", seven)))[1]["digit"] == 7
    assert server.post(in_json, "/explain", "application/json")[1]["digit"] == 7
    assert server.post(seven, "/explain?prepare=none")[1]["digit"] == 7


@pytest.mark.parametrize(
    ("content", "path", "status", "code"),
    [
        (b"", "/explain", 400, "no_image"),
        (b"Dear service", "/explain", 415, "unreadable_image"),
        (png(np.zeros((30, 30), np.uint8)), "/explain?prepare=none", 422, "wrong_image_size"),
        (png(np.zeros((28, 28), np.uint8)), "/explain?prepare=maybe", 400, "malformed_request"),
    ],
)
def test_errors_are_those_of_predict(server: Server, content: bytes, path: str, status: int, code: str) -> None:
    response_status, answer = server.post(content, path)
    assert (response_status, answer["code"]) == (status, code)
    assert (response_status, answer) == server.post(content, path.replace("explain", "predict"))
    assert server.ask("GET", "/explain")[0] == 405
