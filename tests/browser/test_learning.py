"""A wrong answer is corrected on the page, a version learns from it, and the page shows that version's answer."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from service.settings import DEFAULT_MODELS
from tests.browser.test_feedback import THANKS, correct
from tests.browser.test_page import open_page, text
from tests.support.server import Server, serving
from tests.support.training import run_training, write_part
from tests.support.writer import write_digits
from training.data.datasets import Dataset

CORRECTIONS = 30
QUICK = (
    "--recipe", "dense", "--from", 1, "--epochs", 5, "--extra-weight", 100, "--uploads", 0, "--hands", 0, "--scenes", 0,
    "--numbers", 0, "--evaluate-on", 1, "--force",
)  # fmt: skip


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    models = shutil.copytree(DEFAULT_MODELS, tmp_path / "models")
    with serving(MNIST_MODELS=str(models), MNIST_FEEDBACK=str(tmp_path / "corrections")) as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    yield from open_page(browser, server)


def read(page: Page, image: bytes) -> str:
    page.set_input_files("#file", {"name": "digit.png", "mimeType": "image/png", "buffer": image})
    expect(page.locator("#correction")).to_be_visible()
    return text(page, "#digit")


@pytest.mark.slow
def test_the_next_version_answers_as_most_were_corrected(
    page: Page, server: Server, mnist: Dataset, tmp_path: Path
) -> None:
    misread: list[tuple[bytes, int]] = []
    for image, digit in write_digits(60, seed=1):
        if len(misread) < CORRECTIONS and read(page, image) != str(digit):
            correct(page, str(digit))
            expect(page.locator("#thanks")).to_have_text(THANKS)
            misread.append((image, digit))
    assert len([*tmp_path.glob("corrections/*/*.png")]) == CORRECTIONS
    folders = ("--extra", tmp_path / "corrections", "--models", tmp_path / "models")
    result = run_training(*QUICK, *folders, "--data", write_part(mnist, tmp_path))
    assert result.returncode == 0, result.stderr
    server.wait_until_served("4", "3", "2", "1")
    page.reload()
    expect(page.get_by_role("contentinfo")).to_contain_text("version 4")
    # One in five was held out of the fit.
    assert sum(read(page, image) == str(digit) for image, digit in misread) >= 0.75 * CORRECTIONS
