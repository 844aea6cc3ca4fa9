"""`python -m service evaluate`: how well labelled images are read."""

import base64
import io
import json
import os
import shutil
from html.parser import HTMLParser
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.batch.processes import SERIAL_CHUNKS
from service.batch.references import File
from service.batch.tasks import PredictTask
from service.cli import mistakes_page, score_text, scores
from service.cli.labels import load_labels
from service.errors import NoDigit, ServiceError
from service.inference.predictor import Predictor
from service.models import loading
from service.preparation.finder import Finder
from service.preparation.normalize import locate, to_vectors
from service.settings import Settings
from tests.support.commands import run, run_on_terminal
from tests.support.files import touch, write_table
from tests.support.images import png
from tests.support.paths import SEVEN
from training.data import datasets
from training.evaluate import expected_calibration_error

PARALLEL_FILES = SERIAL_CHUNKS * PredictTask.chunk_images + 1
BLANK = np.full((40, 60), 255, np.uint8)


class Page(HTMLParser):
    """A parsed page: its elements with their attributes, and the text of each figure, table row and paragraph."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"figure": [], "tr": [], "p": []}
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in self.texts:
            self.inside = tag
            self.texts[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = "" if tag == self.inside else self.inside

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.texts[self.inside][-1] += " " + data.strip()

    def lines(self, tag: str) -> list[str]:
        return [" ".join(text.split()) for text in self.texts[tag]]

    def images(self) -> list[NDArray[np.uint8]]:
        urls = [attributes["src"] or "" for tag, attributes in self.tags if tag == "img"]
        return [np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))) for url in urls]


@pytest.fixture(scope="module")
def predictor(finder: Finder) -> Predictor:
    return Predictor(loading.load_default(Settings()), finder, Settings())


@pytest.fixture(scope="module")
def readable(mnist: datasets.Dataset, predictor: Predictor) -> dict[int, NDArray[np.uint8]]:
    """An image of each digit that is read right, with a confidence above 99%."""
    answers = predictor.predict(to_vectors(mnist.x_test[:200]))
    sure = [number for number, answer in enumerate(answers) if answer.confidence > 0.99]
    right = [number for number in sure if answers[number].digit == mnist.y_test[number]]
    return {answers[number].digit: mnist.x_test[number] for number in right}


def is_in_mnist_form(image: NDArray[np.uint8], predictor: Predictor) -> bool:
    try:
        return locate(image, predictor.finder)[1] is None
    except NoDigit:
        return False


@pytest.fixture(scope="module")
def ambiguous(mnist: datasets.Dataset, predictor: Predictor) -> NDArray[np.uint8]:
    """An image with an uncertain answer: a mixture of two images, in MNIST's form."""
    mixtures = np.maximum(mnist.x_test[:500], mnist.x_test[500:1000])
    candidates = [mixture for mixture in mixtures if is_in_mnist_form(mixture, predictor)]
    answers = predictor.predict(to_vectors(np.array(candidates)))
    chosen: NDArray[np.uint8] = candidates[int(np.argmin([answer.confidence for answer in answers]))]
    return chosen


def save(image: NDArray[np.uint8], *paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(image))


def report(source: Path, *options: object) -> tuple[CompletedProcess[bytes], dict[str, Any]]:
    result = run("evaluate", "--format", "json", *options, source)
    return result, json.loads(result.stdout)


def test_errors_are_sentences_and_exit_codes(tmp_path: Path) -> None:
    touch(tmp_path, "nothing/README.md", "unlabelled/a.png", "two/index.csv", "two/labels.csv")
    labels = write_table(tmp_path / "labels.csv", "file,digit", "a.png,x")
    lost = write_table(tmp_path / "lost.csv", "file,digit", "a.png,1", "b.png,2")
    html = tmp_path / "no" / "page.html"
    cases: list[tuple[list[object], str]] = [
        ([tmp_path / "nowhere"], f"There is no folder or file {tmp_path}/nowhere."),
        ([tmp_path / "nothing"], f"There is no image in {tmp_path}/nothing, or it can't be opened."),
        ([tmp_path / "two"], f"{tmp_path}/two has index.csv and labels.csv: name the one that counts, in place of the"),
        ([SEVEN], f"{SEVEN} is neither a folder nor a table of labels, .csv or .tsv."),
        ([tmp_path / "unlabelled"], f"No image in {tmp_path}/unlabelled has a label. A label is a folder 0 to 9, "),
        ([labels], f"{labels} has 1 of 1 labels that are not a digit from 0 to 9, the first 'x' in line 2."),
        ([lost], "No file could be opened. Not opened, and not counted: 2 files (a.png, b.png). The first: This can't"),
        (["--html", html, SEVEN.parent], f"The page can't be written to {html}."),
    ]  # fmt: skip
    for arguments, sentence in cases:
        result = run("evaluate", *arguments)
        assert (result.returncode, result.stdout) == (1, b"")
        assert result.stderr.decode().startswith(f"Error: {sentence}")
        assert result.stderr.count(b"\n") == 1


def test_text_has_the_score_by_folder_confusions_and_calibration(
    tmp_path: Path, readable: dict[int, NDArray[np.uint8]], ambiguous: NDArray[np.uint8], predictor: Predictor
) -> None:
    for digit, image in readable.items():
        save(image, tmp_path / "all" / f"{digit}.png")
    save(readable[7], tmp_path / "b" / "1_seven.png", tmp_path / "b" / "1_seven again.png", tmp_path / "b" / "7.png")
    save(readable[4], tmp_path / "b" / "9_four.png", tmp_path / "other.png", tmp_path / "unlike.png")
    save(BLANK, tmp_path / "c d" / "8.png")
    answer = predictor.predict([predictor.prepare(png(ambiguous))])[0].digit
    save(ambiguous, tmp_path / "c d" / f"{answer}_a.png", tmp_path / "c d" / f"{answer}_b.png")
    result = run("evaluate", tmp_path)
    lines = result.stdout.decode().splitlines()
    assert (result.returncode, result.stderr) == (0, b"")
    assert lines[0] == "folder  images    right  uncertain  refused  wrong though sure"
    assert lines[1] == "all         10  100.00%      0.00%        0                  0"
    assert lines[2] == "b            4   25.00%      0.00%        0                  3"
    assert lines[3] == "c d          3   66.67%     66.67%        1                  0"
    assert lines[4] == "all         17   76.47%     11.76%        1                  3"
    assert lines[6:9] == ["label -> answer  count", "    1 ->      7      2", "    9 ->      4      1"]
    assert lines[-2].startswith("Answers of mnist, version 3: 16, with a mean confidence of ")
    assert lines[-1] == "Left out, no label: 2 files (other.png, unlike.png)."


def test_json_has_the_whole_report_as_one_object(tmp_path: Path, readable: dict[int, NDArray[np.uint8]]) -> None:
    for digit, image in readable.items():
        save(image, tmp_path / str(digit) / "image.png")
    save(readable[3], tmp_path / "5" / "three.png")
    touch(tmp_path, "other.png")
    result, content = report(tmp_path)
    assert (result.returncode, result.stderr, result.stdout.count(b"\n")) == (0, b"", 1)
    assert content["model"] == {"name": "mnist", "version": "3"}
    assert content["whole"] == {
        "images": 11, "right": 10, "accuracy": 10 / 11, "uncertain": 0, "refused": 0, "wrong_though_sure": 1,
    }  # fmt: skip
    assert list(content["groups"]) == list("0123456789")
    assert content["groups"]["5"] == {
        "images": 2, "right": 1, "accuracy": 0.5, "uncertain": 0, "refused": 0, "wrong_though_sure": 1,
    }  # fmt: skip
    assert content["confusions"] == [{"label": 5, "answer": 3, "count": 1}]
    assert content["calibration"]["answers"] == 11
    assert content["calibration"]["accuracy"] == 10 / 11
    assert content["left_out"] == {"unlabelled": ["other.png"]}
    assert content["unopened"] == []


def test_calibration_is_that_of_reports_and_workers_change_nothing(tmp_path: Path, mnist: datasets.Dataset) -> None:
    # Mixtures of two digits have low and high confidences.
    mixtures, labels = mnist.x_test[:200] // 2 + mnist.x_test[200:400] // 2, mnist.y_test[:200]
    for number, (image, label) in enumerate(zip(mixtures, labels, strict=True)):
        save(image, tmp_path / f"{label}_{number}.png")
    loaded = load_labels(str(tmp_path))
    readings = scores.pair_outcomes(
        loaded, PredictTask(Settings()).answer([File(image.path) for image in loaded.images])
    )
    predictions = [item.outcome for item in readings if not isinstance(item.outcome, ServiceError)]
    confidences = np.array([prediction.confidence for prediction in predictions], np.float32)
    right = np.array([item.right for item in readings if not item.refused])
    summary = scores.summarize(loaded, readings)
    assert sum(item.count for item in summary.confusions) == len(right) - right.sum()
    lines = score_text.format_report(summary).splitlines()
    assert lines[lines.index("label -> answer  count") + 11] == f"and {len(summary.confusions) - 10} other pairs"
    one, two = (run("--workers", count, "evaluate", "--format", "json", tmp_path).stdout for count in (1, 2))
    assert one == two
    error = expected_calibration_error(confidences, right)
    assert 0.01 < error < 1
    assert json.loads(one)["calibration"] == {
        "answers": len(predictions),
        "mean_confidence": pytest.approx(confidences.mean(dtype=float)),
        "accuracy": pytest.approx(right.mean()),
        "expected_calibration_error": pytest.approx(error),
    }


def test_an_unreadable_image_is_refused_and_a_missing_one_is_an_error(tmp_path: Path) -> None:
    shutil.copy(SEVEN, tmp_path / "7.png")
    (tmp_path / "3.png").write_bytes(b"no image")
    touch(tmp_path, "4.png")
    save(BLANK, tmp_path / "5.png")
    result, content = report(tmp_path)
    assert (result.returncode, content["unopened"]) == (0, [])
    assert content["whole"] == {
        "images": 4, "right": 1, "accuracy": 0.25, "uncertain": 0, "refused": 3, "wrong_though_sure": 0,
    }  # fmt: skip
    assert content["groups"] == {}
    (tmp_path / "6.png").symlink_to("nowhere")
    result, content = report(tmp_path)
    assert (result.returncode, content["whole"]["images"], content["whole"]["refused"]) == (1, 4, 3)
    assert content["unopened"] == [{"file": "6.png", "error": "This can't be read: no such file or directory."}]
    table = write_table(tmp_path / "some.csv", "file,digit", "7.png,7", "missing.png,7")
    result, content = report(table)
    assert (result.returncode, content["whole"]["images"]) == (1, 1)
    assert [item["file"] for item in content["unopened"]] == ["missing.png"]


def test_images_without_any_answer_have_no_calibration(tmp_path: Path) -> None:
    save(BLANK, tmp_path / "5.png")
    result, content = report(tmp_path)
    assert (result.returncode, content["model"], content["calibration"]) == (0, None, None)
    assert run("evaluate", tmp_path).stdout.decode().splitlines()[-1] == "No image was answered."


def test_the_page_shows_mistakes_worst_first_and_stands_alone(
    tmp_path: Path,
    readable: dict[int, NDArray[np.uint8]],
    ambiguous: NDArray[np.uint8],
    predictor: Predictor,
) -> None:
    images, html = tmp_path / "images", tmp_path / "page.html"
    save(readable[7], images / "7.png", images / "sub" / "1_<script>&\"'.png")
    save(np.kron(255 - readable[3], np.ones((20, 20), np.uint8)), images / "8_large.png")
    save(BLANK, images / "8_blank.png")
    (images / "2.png").write_bytes(b"no image")
    answer = predictor.predict([predictor.prepare(png(ambiguous))])[0].digit
    save(ambiguous, images / f"{(answer + 1) % 10}_unsure.png")
    (images / "0.png").symlink_to("nowhere")
    result = run("evaluate", images, "--html", html)
    assert (result.returncode, result.stdout.startswith(b"folder ")) == (1, True)
    text = html.read_text(encoding="utf-8")
    page = Page(text)
    captions = page.lines("figure")
    assert len(captions) == 5
    assert {caption.split(" confidence")[0] for caption in captions[:2]} == {"label 1, answer 7", "label 8, answer 3"}
    assert any(caption.endswith(" sub/1_<script>&\"'.png") for caption in captions[:2])
    assert captions[2].startswith(f"label {(answer + 1) % 10}, answer {answer} confidence ")
    assert captions[2].endswith(f", uncertain {(answer + 1) % 10}_unsure.png")
    assert captions[3].startswith("can't be shown nothing seen label 2, no answer This is not an image in a supported ")
    assert captions[4].startswith("nothing seen label 8, no answer ")
    assert captions[4].endswith(" 8_blank.png")
    assert page.lines("tr")[-1].startswith("all 6 16.67% 16.67% 2 2")
    assert "Not opened, and not counted: 1 file (0.png). The first: This can't be read: no such file or directory." in (
        page.lines("p")
    )
    shown = page.images()
    assert [image.shape for image in shown[1::2][:3]] == [(28, 28)] * 3
    seen = {image.tobytes() for image in shown[1:6:2]}
    assert {predictor.normalize(path.read_bytes()).tobytes() for path in images.glob("*_large.png")} <= seen
    assert {readable[7].tobytes(), ambiguous.tobytes()} <= seen
    assert {image.shape for image in shown[:6:2]} == {(28, 28), (160, 160)}
    assert not {"script", "iframe", "object", "form", "base", "a"} & {tag for tag, _ in page.tags}
    references = [
        value or "" for _, attributes in page.tags for name, value in attributes.items() if name in ("src", "href")
    ]
    assert all(reference.startswith("data:") for reference in references)
    assert "url(" not in text
    assert "://" not in text


def test_the_page_is_bounded_and_counts_what_it_leaves_out(tmp_path: Path) -> None:
    for number in range(mistakes_page.MAX_MISTAKES + 3):
        shutil.copy(SEVEN, tmp_path / f"1_{number}.png")
    save(BLANK, tmp_path / "0_blank.png")
    html = tmp_path / "page.html"
    assert run("evaluate", tmp_path, "--html", html).returncode == 0
    page = Page(html.read_text(encoding="utf-8"))
    assert len(page.lines("figure")) == mistakes_page.MAX_MISTAKES
    assert "4 more mistakes, the least severe, are not shown." in page.lines("p")
    assert "nothing seen" not in html.read_text(encoding="utf-8")


def test_a_page_without_mistakes_says_so(tmp_path: Path) -> None:
    shutil.copy(SEVEN, tmp_path / "7.png")
    assert run("evaluate", tmp_path, "--html", tmp_path / "page.html").returncode == 0
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert page.lines("figure") == []
    assert page.lines("p")[-1] == "There are no mistakes: every image is read right."


def test_odd_names_are_written_safely(tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/1_\xff\n\x1b[1m.png"
    Path(os.fsdecode(odd)).write_bytes(SEVEN.read_bytes())
    touch(tmp_path, "x\x1b[1m.png")
    html = tmp_path / "page.html"
    text = run("evaluate", tmp_path, "--html", html, PYTHONIOENCODING="ascii").stdout.decode()
    assert "Left out, no label: 1 file (x\ufffd[1m.png)." in text
    assert Page(html.read_text(encoding="utf-8")).lines("figure")[0].endswith(" 1_\ufffd \x1b[1m.png")
    assert report(tmp_path)[1]["left_out"] == {"unlabelled": ["x\x1b[1m.png"]}


def test_many_files_have_a_progress_bar_on_the_terminal(tmp_path: Path) -> None:
    for number in range(PARALLEL_FILES):
        shutil.copy(SEVEN, tmp_path / f"7_{number}.png")
    shown, text = run_on_terminal(2, "evaluate", tmp_path)
    assert f"{PARALLEL_FILES}/{PARALLEL_FILES}" in shown
    assert text.startswith(b"folder  images    right ")


@pytest.mark.parametrize("arguments", [(), ("--format", "xml", SEVEN), (SEVEN, SEVEN)])
def test_wrong_use_is_an_error(arguments: tuple[object, ...]) -> None:
    result = run("evaluate", *arguments)
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.startswith(b"Usage: ")
