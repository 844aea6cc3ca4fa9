"""POST /read and /read/batch over HTTP: numbers written with MNIST's test images, and images without numbers.

The floors are a little below the measured values in the comments: with the finder and version 3 of the package.
"""

import base64
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from service.preparation.types import Floats, Gray
from service.server.fast_path import MAX_BODY_BYTES, MAX_PIXELS
from tests.support.images import multipart, png
from tests.support.paths import SEVEN
from tests.support.server import Server, serving, workers
from tests.support.written_numbers import Mark, Number, draw, say, set_row, write
from training.data.datasets import Dataset
from training.synthetic.rendering import EXIF_TRANSPOSITIONS, draw_lines, trace_digit

ABOUT_PX = 15  # a quarter of the digits' height


@pytest.fixture(scope="module")
def read_server() -> Iterator[Server]:
    with serving("--workers", "1") as server:
        yield server


@pytest.fixture(scope="module")
def limited() -> Iterator[Server]:
    with serving("--workers", "1", "--max-digits", "3") as server:
        yield server


def numbers(mnist: Dataset, rng: Generator, count: int, lengths: tuple[int, int]) -> list[Number]:
    """Choose the digits of numbers by chance."""
    sizes = rng.integers(lengths[0], lengths[1] + 1, count)
    chosen = [rng.choice(len(mnist.x_test), size, replace=False) for size in sizes]
    return [Number(mnist.x_test[places], "".join(map(str, mnist.y_test[places]))) for places in chosen]


def level(number: Number, rng: Generator) -> Gray:
    return draw(write(number, rng))[0]


def sloping(number: Number, rng: Generator) -> Gray:
    inks = [trace_digit(digit, 60) for digit in number.digits]
    return draw(set_row(inks, rng, fall=rng.uniform(-0.2, 0.2)))[0]


def of_any_height(number: Number, rng: Generator) -> Gray:
    return draw(set_row([trace_digit(digit, rng.uniform(45, 75)) for digit in number.digits], rng))[0]


def white_on_black(number: Number, rng: Generator) -> Gray:
    return 255 - level(number, rng)


def on_ledger_paper(number: Number, rng: Generator) -> Gray:
    page = level(number, rng)
    ruling = draw_lines(page.shape, rng, gap=40) + draw_lines(page.shape, rng, gap=90, vertical=True)
    ruled: Gray = np.minimum(page, np.rint(255 - 90 * np.minimum(ruling, 1))).astype(np.uint8)
    return ruled


def in_boxes(number: Number, rng: Generator) -> Gray:
    """Write each digit into the box that a form has for it."""
    inks = [trace_digit(digit, rng.uniform(45, 60)) for digit in number.digits]
    page = np.full((160, 100 + 76 * len(inks)), 255, np.uint8)
    for place, ink in enumerate(inks):
        left = 50 + 76 * place
        cv2.rectangle(page, (left, 40), (left + 76, 120), 120, 2)
        x, y = left + (76 - ink.shape[1]) // 2, 40 + (80 - ink.shape[0]) // 2
        page[y : y + ink.shape[0], x : x + ink.shape[1]] -= np.rint(235 * ink).astype(np.uint8)
    return page


def sign(kind: str, height: int) -> Floats:
    """Draw a sign as tall as the digits beside it, most of which is empty."""
    ink, pen, half = np.zeros((height, height // 2), np.float32), height // 12, height // 2
    if kind == ".":
        cv2.circle(ink, (half // 2, height - pen - 1), pen, 1.0, -1, cv2.LINE_AA)
    else:
        cv2.line(ink, (pen, half), (half - pen, half), 1.0, pen, cv2.LINE_AA)
    if kind == "+":
        cv2.line(ink, (half // 2, half - half // 2 + pen), (half // 2, half + half // 2 - pen), 1.0, pen, cv2.LINE_AA)
    return ink


def with_a(kind: str) -> Callable[[Number, Generator], Gray]:
    """Return what writes a number with a sign after its first digit."""

    def with_sign(number: Number, rng: Generator) -> Gray:
        inks = [trace_digit(digit, 60) for digit in number.digits]
        return draw(set_row([inks[0], sign(kind, 60), *inks[1:]], rng))[0]

    return with_sign


def read(server: Server, page: Gray) -> str:
    """Return the text that the service reads on a page, or the code of its error."""
    _, answer = server.post(png(page), "/read")
    return str(answer.get("text", answer.get("code")))


def part_read(server: Server, pages: Sequence[Gray], texts: Sequence[str]) -> float:
    """Return the part of pages that is read whole as it says."""
    return float(np.mean([read(server, page) == text for page, text in zip(pages, texts, strict=True)]))


@pytest.mark.parametrize(
    ("style", "lengths", "floor"),
    [
        (level, (1, 1), 0.9),  # 0.97
        (level, (2, 5), 0.8),  # 0.88 to 0.93
        (level, (6, 12), 0.7),  # 0.87
        (white_on_black, (1, 5), 0.8),  # 0.88 to 0.93
        (sloping, (2, 5), 0.8),  # 0.88 to 0.93
        (of_any_height, (2, 5), 0.8),  # 0.88 to 0.93
        (on_ledger_paper, (1, 5), 0.8),  # 0.88 to 0.93
        (in_boxes, (2, 5), 0.75),  # 0.88
        (with_a("."), (2, 5), 0.8),  # 0.88 to 0.93
        (with_a("-"), (2, 5), 0.8),  # 0.88 to 0.93
        (with_a("+"), (2, 5), 0.8),  # 0.88 to 0.93
    ],
)
def test_numbers_are_read_whole(
    read_server: Server,
    mnist: Dataset,
    style: Callable[[Number, Generator], Gray],
    lengths: tuple[int, int],
    floor: float,
) -> None:
    rng = np.random.default_rng(0)
    chosen = numbers(mnist, rng, 60, lengths)
    assert (
        part_read(read_server, [style(number, rng) for number in chosen], [number.text for number in chosen]) >= floor
    )


@pytest.mark.parametrize("height", [14, 25, 120, 400])
def test_digits_of_any_size_are_read(read_server: Server, mnist: Dataset, height: float) -> None:
    rng = np.random.default_rng(0)
    chosen = numbers(mnist, rng, 40, (3, 3))
    inks = [[trace_digit(digit, height) for digit in number.digits] for number in chosen]
    pages = [draw(set_row(ink, rng), round(height / 2))[0] for ink in inks]
    assert part_read(read_server, pages, [number.text for number in chosen]) >= 0.8  # 0.875 to 0.975


def test_a_number_is_read_wherever_it_is_on_a_large_page(read_server: Server, mnist: Dataset) -> None:
    rng = np.random.default_rng(0)
    chosen = numbers(mnist, rng, 40, (2, 4))
    assert (
        part_read(read_server, [lay(level(number, rng), rng) for number in chosen], [number.text for number in chosen])
        >= 0.5
    )  # 0.63


def lay(part: Gray, rng: Generator, shape: tuple[int, int] = (900, 1200)) -> Gray:
    """Lay a part somewhere on a white page."""
    page = np.full(shape, 255, np.uint8)
    top, left = (int(rng.integers(0, room)) for room in np.subtract(shape, part.shape))
    page[top : top + part.shape[0], left : left + part.shape[1]] = part
    return page


def two_rows(one: Number, other: Number, rng: Generator) -> list[Mark]:
    return [*write(one, rng), *write(other, rng, start=(rng.uniform(-20, 20), 100))]


def test_lines_are_read_from_top_to_bottom(read_server: Server, mnist: Dataset) -> None:
    rng = np.random.default_rng(0)
    first, second = (numbers(mnist, rng, 40, (2, 5)) for _ in range(2))
    pages = [draw(two_rows(one, other, rng))[0] for one, other in zip(first, second, strict=True)]
    texts = [f"{one.text}\n{other.text}" for one, other in zip(first, second, strict=True)]
    assert part_read(read_server, pages, texts) >= 0.7


@pytest.fixture(scope="module")
def two_lines(mnist: Dataset) -> tuple[Gray, list[Mark]]:
    return draw(two_rows(say(mnist, "42"), say(mnist, "170"), np.random.default_rng(0)))


def boxes(answer: Any) -> NDArray[np.float64]:
    return np.array([digit["box"] for line in answer["lines"] for digit in line["digits"]])


def test_an_answer_has_the_form_of_the_contract(server: Server, two_lines: tuple[Gray, list[Mark]]) -> None:
    status, answer = server.post(png(two_lines[0]), "/read")
    assert status == 200
    assert list(answer) == ["text", "lines", "model"]
    assert answer["text"] == "42\n170"
    assert answer["model"] == {"name": "mnist", "version": "3"}
    assert [(list(line), line["text"]) for line in answer["lines"]] == [
        (["text", "digits"], text) for text in ("42", "170")
    ]
    for line in answer["lines"]:
        assert "".join(str(digit["digit"]) for digit in line["digits"]) == line["text"]
        for digit in line["digits"]:
            assert list(digit) == ["digit", "confidence", "uncertain", "probabilities", "box"]
            assert digit["confidence"] == digit["probabilities"][digit["digit"]] == max(digit["probabilities"])
            assert sum(digit["probabilities"]) == pytest.approx(1, abs=1e-5)


def test_boxes_are_around_the_ink(server: Server, two_lines: tuple[Gray, list[Mark]]) -> None:
    page, marks = two_lines
    answer = server.post(png(page), "/read")[1]
    np.testing.assert_allclose(
        boxes(answer), [mark.box for mark in marks], atol=15
    )  # pixels: a quarter of the digits' height


def test_boxes_of_many_are_around_the_ink(read_server: Server, mnist: Dataset) -> None:
    rng, off = np.random.default_rng(0), list[float]()
    for number in numbers(mnist, rng, 40, (1, 6)):
        page, marks = draw(write(number, rng))
        read_ = boxes(read_server.post(png(page), "/read")[1])
        if len(read_) == len(marks):
            off.append(float(np.abs(read_ - [mark.box for mark in marks]).max()))
    assert len(off) >= 32
    assert np.percentile(off, 80) < 7


@pytest.mark.parametrize("orientation", EXIF_TRANSPOSITIONS)
def test_boxes_are_of_the_upright_picture(
    read_server: Server, two_lines: tuple[Gray, list[Mark]], orientation: int
) -> None:
    page, marks = two_lines
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.fromarray(page).transpose(EXIF_TRANSPOSITIONS[orientation]).save(file, "JPEG", exif=exif, quality=95)
    answer = read_server.post(file.getvalue(), "/read", "image/jpeg")[1]
    assert answer["text"] == "42\n170"
    np.testing.assert_allclose(boxes(answer), [mark.box for mark in marks], atol=ABOUT_PX)


@pytest.mark.parametrize("ground", [0, 255])
def test_ink_on_transparency(read_server: Server, two_lines: tuple[Gray, list[Mark]], ground: int) -> None:
    ink = Image.new("L", two_lines[0].shape[::-1], 255 - ground)
    file = io.BytesIO()
    Image.merge("LA", [ink, Image.fromarray(255 - two_lines[0])]).save(file, "PNG")
    assert read_server.post(file.getvalue(), "/read")[1]["text"] == "42\n170"


@pytest.mark.parametrize("invert", [False, True])
def test_mnists_own_are_read_as_predict_reads_them(server: Server, mnist: Dataset, invert: bool) -> None:
    for image in mnist.x_test[:30]:
        file = png(255 - image if invert else image)
        prediction, reading = (server.post(file, path)[1] for path in ("/predict", "/read"))
        ((digit,),) = [line["digits"] for line in reading["lines"]]
        rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
        assert digit.pop("box") == [columns[0], rows[0], np.ptp(columns) + 1, np.ptp(rows) + 1]
        # TensorFlow computes a batch, of which halves are a part, in another order than one picture.
        probabilities = digit.pop("probabilities"), prediction.pop("probabilities")
        np.testing.assert_allclose(*probabilities, rtol=1e-4)
        assert digit.pop("confidence") == pytest.approx(prediction.pop("confidence"), rel=1e-5)
        assert {**digit, "model": reading["model"]} == prediction
        assert reading["text"] == str(prediction["digit"])


def test_one_digit_on_a_page_is_read_as_predict_reads_it(read_server: Server, mnist: Dataset) -> None:
    rng, same = np.random.default_rng(0), list[bool]()
    for number in numbers(mnist, rng, 40, (1, 1)):
        page = png(level(number, rng))
        prediction, reading = (read_server.post(page, path)[1] for path in ("/predict", "/read"))
        read_ = [digit["probabilities"] for line in reading.get("lines", []) for digit in line["digits"]]
        same.append(read_ == [prediction["probabilities"]])
    assert np.mean(same) >= 0.9


def test_each_way_to_send_a_picture_gives_the_same_answer(server: Server, two_lines: tuple[Gray, list[Mark]]) -> None:
    page = png(two_lines[0])
    text = base64.b64encode(page).decode()
    answers = [
        server.post(page, "/read"),
        server.post(page, "/read", "application/octet-stream"),
        server.ask("POST", "/read", *multipart(("42.png", page))),
        server.post(json.dumps({"image": text}).encode(), "/read", "application/json"),
        server.post(json.dumps({"image": f"data:image/png;base64,{text}"}).encode(), "/read", "application/json"),
    ]
    assert answers == [answers[0]] * len(answers)
    assert answers[0][0] == 200


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"", "image/png", 400, "no_image"),
        (*multipart(("a.png", b"")), 400, "empty_image"),
        (b"Dear service", "image/png", 415, "unreadable_image"),
        (b"{}", "application/json", 400, "no_image"),
        (b"Dear service", "text/plain", 415, "unsupported_media_type"),
        (png(np.full((90, 90), 200, np.uint8)), "image/png", 422, "no_digit"),
        (png(np.full((1, 1), 200, np.uint8)), "image/png", 422, "no_digit"),
        (png(np.zeros((28, 28), np.uint8)), "image/png", 422, "no_digit"),
        (png(np.tile(np.linspace(0, 255, 400).astype(np.uint8), (300, 1))), "image/png", 422, "no_digit"),
        (bytes(11 * 2**20), "image/png", 413, "too_large"),
    ],
)
def test_errors_are_those_of_predict(
    server: Server, content: bytes, kind: str | dict[str, str], status: int, code: str
) -> None:
    headers = kind if isinstance(kind, dict) else {"Content-Type": kind}
    answered, answer = server.ask("POST", "/read", content, headers)
    assert (answered, answer["code"]) == (status, code)
    assert (answered, answer) == server.ask("POST", "/predict", content, headers)


def test_several_files_are_for_the_batch(server: Server) -> None:
    file = SEVEN.read_bytes()
    status, answer = server.ask("POST", "/read", *multipart(("a.png", file), ("b.png", file)))
    assert (status, answer["code"]) == (400, "several_images")
    assert "/read/batch" in answer["error"]
    assert server.ask("GET", "/read")[0] == 405


def test_more_digits_than_are_read(limited: Server, mnist: Dataset) -> None:
    rng = np.random.default_rng(0)
    assert read(limited, draw(write(say(mnist, "170"), rng))[0]) == "170"
    page = png(draw(write(say(mnist, "42170"), rng))[0])
    status, answer = limited.post(page, "/read")
    assert (status, answer["code"]) == (413, "too_many_digits")
    assert answer["error"] == "The image shows 5 digits: at most 3 are read. Send parts of it."
    for path in ("/predict", "/explain"):
        status, answer = limited.post(page, path)
        assert (status, answer["code"]) == (422, "several_digits")
        assert answer["error"].startswith("The image shows 5 digits")
        assert "/read" in answer["error"]


def full_page(mnist: Dataset, rng: Generator, rows: int, step: int, columns: int = 10) -> Gray:
    """Write rows of digits, one below the other."""
    marks = [
        Mark(trace_digit(mnist.x_test[rng.integers(len(mnist.x_test))], round(step * 0.85)), column * step, row * step)
        for row in range(rows)
        for column in range(columns)
    ]
    return draw(marks)[0]


def test_a_page_of_many_digits_is_read_and_one_of_more_is_not(read_server: Server, mnist: Dataset) -> None:
    rng = np.random.default_rng(0)
    status, answer = read_server.post(png(full_page(mnist, rng, 8, 120)), "/read")
    assert (status, len(answer["lines"])) == (200, 8)
    assert 76 <= len(boxes(answer)) <= 84  # 80
    page = png(full_page(mnist, rng, 12, 64))
    status, answer = read_server.post(page, "/read")
    assert (status, answer["code"]) == (413, "too_many_digits")
    assert read_server.post(page)[1]["code"] == "several_digits"


def small_file(number: Number, rng: Generator) -> bytes:
    """Write a number of few digits so small that the fast path takes it."""
    page = draw(set_row([trace_digit(digit, 40) for digit in number.digits], rng), 10)[0]
    file = png(page)
    assert page.size <= MAX_PIXELS
    assert len(file) <= MAX_BODY_BYTES
    return file


@pytest.mark.parametrize("text", ["42", "170"])
def test_several_digits_are_refused_with_a_sentence(server: Server, mnist: Dataset, text: str) -> None:
    rng = np.random.default_rng(0)
    files = [png(draw(write(say(mnist, text), rng))[0]), small_file(say(mnist, text), rng)]
    sentence = f"The image shows {len(text)} digits: POST it to /read, which reads all of them."
    rejection = {"error": sentence, "code": "several_digits"}
    for file in files:
        assert server.post(file) == (422, rejection)
        assert server.post(file, "/explain") == (422, rejection)
        body = multipart(("7.png", SEVEN.read_bytes()), ("several.png", file))
        seven, several = server.ask("POST", "/predict/batch", *body)[1]["predictions"]
        assert (seven["digit"], several) == (7, rejection)
        encoded = base64.b64encode(file).decode()
        body_v1 = json.dumps({"instances": [{"b64": SEVEN_TEXT}, {"b64": encoded}]}).encode()
        status, answer = server.post(body_v1, "/v1/models/mnist:predict", "application/json")
        assert (status, answer["error"]) == (422, f"instances[1]: {sentence}")
        tensor = {"name": "image", "shape": [2], "datatype": "BYTES", "data": [SEVEN_TEXT, encoded]}
        status, answer = server.post(
            json.dumps({"inputs": [tensor]}).encode(), "/v2/models/mnist/infer", "application/json"
        )
        assert (status, answer["error"]) == (422, f"image[1]: {sentence}")


SEVEN_TEXT = base64.b64encode(SEVEN.read_bytes()).decode()


def test_numbers_are_no_digits_to_predict(read_server: Server, mnist: Dataset) -> None:
    rng = np.random.default_rng(0)
    answers = [read_server.post(png(level(number, rng)))[1] for number in numbers(mnist, rng, 60, (2, 5))]
    assert np.mean([answer.get("code") == "several_digits" for answer in answers]) >= 0.9


def small_text(page: Gray, rng: Generator) -> Gray:
    """Write words below what is on a page, smaller and fainter."""
    page = cv2.copyMakeBorder(page, 0, 40, 0, 60, cv2.BORDER_CONSTANT, value=255)
    at = (int(rng.integers(5, 20)), page.shape[0] - 20)
    word = ("No. 3", "page 12", "A 4", "9 of 10")[rng.integers(4)]
    cv2.putText(page, word, at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 110, 1, cv2.LINE_AA)
    return page


def test_a_digit_with_smaller_writing_beside_it_is_one(read_server: Server, mnist: Dataset) -> None:
    rng = np.random.default_rng(0)
    chosen = numbers(mnist, rng, 60, (1, 1))
    pages = [small_text(draw(write(number, rng, 120))[0], rng) for number in chosen]
    answers = [read_server.post(png(page))[1].get("digit") for page in pages]
    assert np.mean([str(digit) == number.text for digit, number in zip(answers, chosen, strict=True)]) >= 0.9


def test_digits_are_one_without_preparation(server: Server, mnist: Dataset) -> None:
    pair = np.hstack([mnist.x_test[0][:, 7:21], mnist.x_test[0][:, 7:21]])
    assert server.post(png(pair), "/predict?prepare=none")[0] == 200


def test_a_batch_is_read_in_order_and_one_bad_file_spoils_none(
    server: Server, two_lines: tuple[Gray, list[Mark]]
) -> None:
    page, blank = png(two_lines[0]), png(np.full((60, 60), 255, np.uint8))
    names = {"7.png": SEVEN.read_bytes(), "bad.png": b"no picture", "page.png": page, "blank.png": blank, "e.png": b""}
    status, answer = server.ask("POST", "/read/batch", *multipart(*names.items()))
    seven, bad, lines_, nothing, empty = answer["readings"]
    assert (status, answer["model"]) == (200, {"name": "mnist", "version": "3"})
    assert (seven["text"], lines_) == ("7", server.post(page, "/read")[1])
    assert [error["code"] for error in (bad, nothing, empty)] == ["unreadable_image", "no_digit", "empty_image"]


def test_a_batch_is_refused_as_predicts_is(server: Server) -> None:
    assert server.post(SEVEN.read_bytes(), "/read/batch")[1]["code"] == "unsupported_media_type"
    assert server.ask("POST", "/read/batch", *multipart())[1]["code"] == "no_image"


def never_fails(server: Server, image: Gray) -> None:
    status, answer = server.post(png(image), "/read")
    assert status in (200, 413, 422), answer
    assert server.post(png(image))[0] in (200, 422)


@settings(max_examples=100, deadline=None)
@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=60)), st.integers(1, 5))
def test_any_pixels_are_read_or_refused(read_server: Server, image: Gray, factor: int) -> None:
    never_fails(read_server, np.kron(image, np.ones((factor, factor), np.uint8)))


@settings(max_examples=100, deadline=None)
@given(
    st.tuples(st.integers(1, 300), st.integers(1, 300)), st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32),
    st.sampled_from(["noise", "stripes", "checks", "dots"]),
)  # fmt: skip
def test_any_pattern_is_read_or_refused(
    read_server: Server, shape: tuple[int, int], across: int, down: int, seed: int, kind: str
) -> None:
    never_fails(read_server, pattern(shape, across, down, seed, kind))


def pattern(shape: tuple[int, int], across: int, down: int, seed: int, kind: str) -> Gray:
    """Draw what repeats every so many pixels across and down, or blocks of noise of that size."""
    y, x = np.indices(shape)
    column, row = x // across, y // down
    if kind == "noise":
        levels = np.random.default_rng(seed).integers(0, 256, (row.max() + 1, column.max() + 1), np.uint8)
        return levels[row, column]
    dark = {
        "stripes": column % 2 == 1,
        "checks": (column + row) % 2 == 1,
        "dots": (x % across - across / 2) ** 2 + (y % down - down / 2) ** 2 < min(across, down) ** 2 / 9,
    }[kind]
    return np.where(dark, seed % 100, 255 - seed % 50).astype(np.uint8)


@pytest.mark.parametrize("step", [8, 24, 40, 100])
def test_checks_of_12_megapixels_are_read_or_refused(read_server: Server, step: int) -> None:
    never_fails(read_server, pattern((3000, 4000), 4000 // step, 3000 // step, 0, "checks"))


def print_densely(scale: float) -> Gray:
    """Print small digits all over a page: more than anybody wants read."""
    page = np.full((480, 640), 255, np.uint8)
    for y in range(int(32 * scale), 480, int(32 * scale)):
        cv2.putText(page, "28 31907456 x" * 9, (5, y), cv2.FONT_HERSHEY_SIMPLEX, scale, 0, 1, cv2.LINE_AA)
    return page


def peak_mib(server: Server) -> float:
    """Return the most memory that the one worker has held."""
    (worker,) = workers(server)
    status = Path(f"/proc/{worker}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024


def test_dense_print_takes_no_more_memory_than_a_large_photo(read_server: Server) -> None:
    read_server.post(
        png(np.random.default_rng(0).integers(0, 256, (480, 640), np.uint8).repeat(6, 0).repeat(6, 1)), "/read"
    )
    before = peak_mib(read_server)
    for scale in (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.8):
        status, answer = read_server.post(png(print_densely(scale)), "/read")
        assert status in (413, 422) or len(boxes(answer)) <= 100
    for side in (1, 2, 4):  # specks in the corners of a long strip
        strip = np.full((600, 8000), 255, np.uint8)
        strip[:side, :side] = strip[-side:, -side:] = 0
        assert read_server.post(png(strip), "/read")[0] in (200, 413, 422)
    assert peak_mib(read_server) - before < 30
