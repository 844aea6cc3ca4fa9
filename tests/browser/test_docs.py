"""The page of the API in a real Chromium, on the real service."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browser import listen
from tests.support.paths import SEVEN
from tests.support.server import Server


@pytest.fixture
def docs(browser: Browser, server: Server) -> Iterator[Page]:
    """Open the page. At the end its console must be empty, and no request may have gone to another host."""
    page = browser.new_page()
    messages, urls = listen(page), []
    page.on("request", lambda request: urls.append(request.url))
    page.goto(f"http://127.0.0.1:{server.port}/docs", wait_until="networkidle")
    yield page
    page.close()
    assert messages == []
    assert [url for url in urls if not url.startswith((f"http://127.0.0.1:{server.port}/", "data:"))] == []


def unfold(page: Page, name: str) -> Locator:
    operation = page.locator(f"#operations-{name}")
    operation.locator(".opblock-summary-control").click()
    return operation


def test_lists_the_operations(docs: Page) -> None:
    paths = docs.evaluate("fetch('openapi.json').then(answer => answer.json()).then(document => document.paths)")
    listed = docs.locator(".opblock-summary-path").all_text_contents()
    # A long path has zero-width spaces, at which it may break.
    assert {path.replace("\u200b", "") for path in listed} == set(paths)


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
def test_colors_follow_the_preferred_scheme(browser: Browser, server: Server, scheme: str, color: str) -> None:
    page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(f"http://127.0.0.1:{server.port}/docs")
    expect(page.locator(".swagger-ui .info p").first).to_have_css("color", color)
    page.close()
