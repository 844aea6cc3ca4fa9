"""Wrong answers that are corrected on the page, in a real Chromium, and the files that are then there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from service.preparation import decode
from service.settings import Settings
from tests.browser.test_page import expect_answer, expect_number, open_page, write_sheet
from tests.support.paths import SEVEN
from tests.support.server import Server, serving
from training.data.datasets import Dataset

NAME = "Wrong? It is a"
THANKS = "Thank you, it is kept."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("corrections")


@pytest.fixture(scope="module")
def learning_server(folder: Path) -> Iterator[Server]:
    with serving("--workers", "1", "--feedback", str(folder), "--feedback-max-files", "4") as server:
        yield server


@pytest.fixture(params=["desktop", "phone"])
def page(request: pytest.FixtureRequest, browser: Browser, learning_server: Server) -> Iterator[Page]:
    options: dict[str, Any] = {"viewport": {"width": 1120, "height": 900}}
    if request.param == "phone":
        options = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    yield from open_page(browser, learning_server, **options)


def images(folder: Path) -> dict[str, Path]:
    return {path.parent.name: path for path in folder.glob("*/*.png")}


def correct(page: Page, digit: str) -> None:
    page.get_by_role("group", name=NAME).get_by_role("button", name=digit, exact=True).click()


def test_a_corrected_answer_is_a_file_in_the_folder_of_its_digit(page: Page, folder: Path) -> None:
    expect(page.locator("#correction")).to_be_hidden()
    page.set_input_files("#file", SEVEN)
    expect_answer(page)
    expect(page.get_by_role("group", name=NAME)).to_contain_text("in the folder its operator set")
    correct(page, "No digit")
    expect(page.locator("#thanks")).to_have_text(THANKS)
    correct(page, "1")
    expect(page.get_by_role("button", name="1", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#thanks")).to_have_text(THANKS)
    assert images(folder).keys() == {"1"}
    seven, kept = np.asarray(Image.open(SEVEN)), np.asarray(Image.open(images(folder)["1"]))
    assert kept.shape <= seven.shape  # the digit with a margin
    assert kept.sum() == seven.sum()
    record = json.loads(images(folder)["1"].with_suffix(".json").read_text())
    assert (record["digit"], record["predicted"], record["version"]) == (1, 7, "3")
    page.locator("#clear").click()
    expect(page.locator("#correction")).to_be_hidden()


def test_a_digit_of_a_number_is_cropped(page: Page, folder: Path, mnist: Dataset, tmp_path: Path) -> None:
    write_sheet(mnist, tmp_path / "sheet.png", "40", "15")
    page.set_input_files("#file", tmp_path / "sheet.png")
    expect_number(page, "40", "15")
    page.get_by_role("radio").nth(3).click()
    correct(page, "8")
    expect(page.locator("#thanks")).to_have_text(THANKS)
    page.get_by_role("radio").nth(0).click()
    expect(page.locator("#thanks")).to_have_text("")
    page.get_by_role("radio").nth(3).click()
    expect(page.locator("#thanks")).to_have_text(THANKS)
    record = json.loads(images(folder)["8"].with_suffix(".json").read_text())
    assert (record["digit"], record["predicted"]) == (8, 5)
    left, top, width, height = record["box"]
    sheet = decode.decode((tmp_path / "sheet.png").read_bytes(), Settings().max_pixels, 1)
    kept = np.asarray(Image.open(images(folder)["8"]))
    assert kept.shape[0] < 1.7 * height
    box = sheet[round(top) : round(top + height), round(left) : round(left + width)]
    assert abs(int(kept.min()) - int(box.min())) <= 1


def test_digits_are_corrected_one_right_after_the_other(page: Page, mnist: Dataset, tmp_path: Path) -> None:
    waiting: list[Route] = []
    page.route("**/feedback", lambda route: waiting.append(route))
    write_sheet(mnist, tmp_path / "sheet.png", "40", "15")
    page.set_input_files("#file", tmp_path / "sheet.png")
    expect_number(page, "40", "15")
    for index, digit in ((0, "9"), (1, "7")):
        page.get_by_role("radio").nth(index).click()
        correct(page, digit)
    expect(page.locator("#thanks")).to_have_text("")
    assert len(waiting) == 2
    waiting[0].abort()
    waiting[1].fulfill(json={"path": "7/a.png"})
    expect(page.locator("#thanks")).to_have_text(THANKS)
    page.get_by_role("radio").nth(0).click()
    expect(page.locator("#correction-problem")).to_contain_text("can't be reached")


def test_an_image_in_which_no_digit_is_seen_is_corrected(page: Page, folder: Path, tmp_path: Path) -> None:
    Image.new("L", (90, 120), 200).save(tmp_path / "blank.png")
    page.set_input_files("#file", tmp_path / "blank.png")
    expect(page.locator("#message")).to_contain_text("no digit")
    expect(page.get_by_role("button", name="No digit", exact=True)).to_be_disabled()
    correct(page, "6")
    expect(page.locator("#thanks")).to_have_text(THANKS)
    record = json.loads(images(folder)["6"].with_suffix(".json").read_text())
    assert (record["digit"], record["predicted"], record["confidence"]) == (6, None, None)
    page.locator("#clear").click()
    expect(page.locator("#correction")).to_be_hidden()


def test_an_error_is_shown(page: Page, learning_server: Server, mnist: Dataset, tmp_path: Path) -> None:
    for i in range(4):
        Image.fromarray(mnist.x_test[i]).save(tmp_path / "digit.png")
        content = (tmp_path / "digit.png").read_bytes()
        assert learning_server.post(content, f"/feedback?digit={mnist.y_test[i]}")[0] in (200, 201, 507)
    Image.fromarray(mnist.x_test[4]).save(tmp_path / "digit.png")
    page.set_input_files("#file", tmp_path / "digit.png")
    expect_answer(page, str(mnist.y_test[4]))
    correct(page, "No digit")
    expect(page.locator("#correction-problem")).to_have_text("There are 4 corrections already: at most 4 are kept.")
    expect(page.locator("#thanks")).to_have_text("")


def test_nothing_is_there_where_corrections_are_off(browser: Browser, server: Server) -> None:
    for page in open_page(browser, server):
        page.set_input_files("#file", SEVEN)
        expect_answer(page)
        expect(page.get_by_text("Wrong?")).to_have_count(0)
        expect(page.get_by_text("Pictures are read and forgotten.")).to_have_count(1)
