"""POST /explain over HTTP, with both runtimes, and occlusion on its own."""

import base64
import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.digits import scale
from service.occlusion import importance
from tests.conftest import Server, multipart, png
from training.data import Dataset


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
    assert set(answer) - set(prediction) == {"seen", "importance", "overlay"}
    np.testing.assert_array_equal(np.asarray(decode(answer["seen"])), mnist.x_test[0])
    assert np.shape(answer["importance"]) == (28, 28)
    assert (decode(answer["overlay"]).mode, decode(answer["overlay"]).size) == ("RGB", (280, 280))


def test_seen_is_what_a_larger_picture_was_made_into(server: Server, mnist: Dataset) -> None:
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
    mattered = np.array(answer["importance"])

    def blanked(position: Any) -> float:
        row, column = np.unravel_index(position, mattered.shape)
        less = digit.copy()
        less[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3] = 0
        return float(server.post(png(less))[1]["probabilities"][answer["digit"]])

    assert blanked(mattered.argmax()) < blanked(mattered.argmin())
    assert blanked(mattered.argmax()) < answer["confidence"]


def test_overlay_is_orange_where_ink_helped_and_blue_where_it_hindered(server: Server, mnist: Dataset) -> None:
    answer = explain(server, mnist.x_test[8])  # a 5 much like a 6
    mattered = np.array(answer["importance"])
    colours = np.asarray(decode(answer["overlay"])).reshape(28, 10, 28, 10, 3).mean(axis=(1, 3))
    most, least = (
        colours[np.unravel_index(position, mattered.shape)] for position in (mattered.argmax(), mattered.argmin())
    )
    assert mattered.min() < 0 < mattered.max()
    assert most[0] > most[2]
    assert least[2] > least[0]


def test_each_way_to_send_a_picture_is_taken(server: Server, mnist: Dataset) -> None:
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
    answered, answer = server.post(content, path)
    assert (answered, answer["code"]) == (status, code)
    assert (answered, answer) == server.post(content, path.replace("explain", "predict"))
    assert server.ask("GET", "/explain")[0] == 405


def test_importance_is_the_probability_lost_by_hand() -> None:
    """A model that reads a 1 from one pixel's ink alone: only patches over that pixel cost anything."""

    def predict(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        ink = vectors.reshape(-1, 28, 28)[:, 14, 14]
        probabilities = np.zeros((len(vectors), 10), np.float32)
        probabilities[:, 1], probabilities[:, 7] = 0.1 + 0.8 * ink, 0.9 - 0.8 * ink
        return probabilities

    digit = np.full((28, 28), 255, np.uint8)
    mattered = importance(digit, predict)
    assert predict(scale(digit))[0, 1] == pytest.approx(0.9)
    assert mattered.shape == (28, 28)
    assert mattered.dtype == np.float32
    assert mattered[14, 14] == pytest.approx(0.8)
    assert mattered[0, 0] == mattered[14, 27] == 0
    assert mattered[14, 14] == mattered.max() > mattered[14, 16] > mattered[14, 18] == 0


def test_saturated_answer_still_has_a_map() -> None:
    """Its probability rounds to 1 with and without a pixel, so the loss shows in the other digits only."""

    def predict(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        probabilities = np.zeros((len(vectors), 10), np.float32)
        probabilities[:, 3] = 1
        probabilities[:, 5] = np.float32(2e-12) - np.float32(1e-12) * vectors[:, 0]
        return probabilities

    assert importance(np.full((28, 28), 255, np.uint8), predict)[0, 0] == pytest.approx(1e-12)
