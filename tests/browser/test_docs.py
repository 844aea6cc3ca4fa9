"""The page of the interface in a real Chromium, on the real service."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.test_page import browser, listen, server  # noqa: F401
from tests.conftest import SEVEN, Server


@pytest.fixture
def docs(browser: Browser, server: Server) -> Iterator[Page]:  # noqa: F811
    """Open the page; in the end its console must hold nothing, and nothing be asked of others."""
    page = browser.new_page()
    said, asked = listen(page), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"http://127.0.0.1:{server.port}/docs", wait_until="networkidle")
    yield page
    page.close()
    assert said == []
    assert [url for url in asked if not url.startswith((f"http://127.0.0.1:{server.port}/", "data:"))] == []


def unfold(page: Page, name: str) -> Locator:
    operation = page.locator(f"#operations-{name}")
    operation.locator(".opblock-summary-control").click()
    return operation


def test_lists_the_operations(docs: Page) -> None:
    paths = docs.evaluate("fetch('openapi.json').then(answer => answer.json()).then(document => document.paths)")
    shown = docs.locator(".opblock-summary-path").all_text_contents()
    assert {path.replace("\u200b", "") for path in shown} == set(paths)  # a long path may break at these spaces


def test_predict_can_be_tried_with_a_file(docs: Page) -> None:
    predict = unfold(docs, "Pictures-post_predict")
    predict.locator("input[type=file]").set_input_files(SEVEN)
    predict.get_by_role("button", name="Execute").click()
    answer = predict.locator(".live-responses-table .highlight-code code")
    expect(answer.first).to_contain_text("probabilities")
    assert json.loads(answer.first.text_content() or "")["digit"] == 7


def test_an_example_can_be_tried_as_it_is(docs: Page) -> None:
    predict = unfold(docs, "Pictures-post_predict")
    predict.get_by_label("Request content type").select_option("application/json")
    predict.get_by_role("button", name="Execute").click()
    answer = predict.locator(".live-responses-table .highlight-code code")
    expect(answer.first).to_contain_text("probabilities")
    assert json.loads(answer.first.text_content() or "")["digit"] == 7


@pytest.mark.parametrize(("scheme", "color"), [("light", "rgb(59, 65, 81)"), ("dark", "rgb(228, 230, 230)")])
def test_colors_are_those_that_are_preferred(browser: Browser, server: Server, scheme: str, color: str) -> None:  # noqa: F811
    page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(f"http://127.0.0.1:{server.port}/docs")
    expect(page.locator(".swagger-ui .info p").first).to_have_css("color", color)
    page.close()
