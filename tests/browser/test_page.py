"""The page in a real Chromium, on the real service."""

import base64
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.browser import listen
from tests.support.models import copy_version
from tests.support.paths import ROOT, SEVEN
from tests.support.server import Server, serving
from training.data import datasets
from training.synthetic import rendering

expect.set_options(timeout=30_000)  # reducing large images takes seconds on a busy machine

CORNERS = [(0.3, 0.22), (0.7, 0.22), (0.45, 0.8)]  # of a 7, as ratios to the side of the paper

# Strokes of digits, as ratios to the sides of their box.
STROKES = {
    "3": [
        (0.1, 0.15),
        (0.35, 0),
        (0.75, 0.05),
        (0.85, 0.25),
        (0.4, 0.48),
        (0.95, 0.7),
        (0.8, 0.95),
        (0.4, 1),
        (0, 0.88),
    ],
    "0": [(0.5, 0), (0.15, 0.15), (0, 0.5), (0.15, 0.88), (0.5, 1), (0.85, 0.88), (1, 0.5), (0.85, 0.15), (0.5, 0)],
    "5": [
        (0.9, 0),
        (0.2, 0.02),
        (0.12, 0.42),
        (0.5, 0.36),
        (0.85, 0.5),
        (0.9, 0.75),
        (0.65, 0.98),
        (0.3, 1),
        (0, 0.88),
    ],
}

REPORT = f"""
    <!doctype html><meta charset="utf-8"><title>Report</title><style>h1 {{ color: rgb(1, 2, 3) }}</style>
    <h1 style="margin: 4px">How well it reads</h1>
    <img src="data:image/png;base64,{base64.b64encode(SEVEN.read_bytes()).decode()}" alt="7">
"""

ROTATED = Image.Exif()  # as an upright phone saves a photo
ROTATED[ExifTags.Base.Orientation] = 6

# Makes a DataTransfer with a file from base64, as the events of dropping and pasting have it.
TRANSFER = """
    ([content, name]) => {
        const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([bytes], name, {type: "image/png"}));
        return transfer;
    }
"""

# Records the bodies that the page sends.
RECORD_SENT = """
    window.sent = [];
    const send = window.fetch;
    window.fetch = (address, options) => (window.sent.push(options.body), send(address, options));
    null
"""
SENT_BYTES = "window.sent[0].arrayBuffer().then((bytes) => [...new Uint8Array(bytes)])"
SENT_SIZE = "createImageBitmap(window.sent[0]).then(({width, height}) => [width, height])"


@pytest.fixture(scope="module")
def unsure_server(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a report, whose answers are all uncertain."""
    models = tmp_path_factory.mktemp("models")
    copy_version(shipped, models, REPORT, calibration={"threshold": 1})
    with serving("--workers", "1", "--models", str(models)) as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    yield from open_page(browser, server, viewport={"width": 1120, "height": 900})


@pytest.fixture
def phone(browser: Browser, server: Server) -> Iterator[Page]:
    yield from open_page(browser, server, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)


def open_page(browser: Browser, server: Server, **options: Any) -> Iterator[Page]:
    """Open the page. At the end its console may hold only the errors of failed requests."""
    with browser.new_context(**options) as context:
        page = context.new_page()
        messages = listen(page)
        page.goto(f"http://127.0.0.1:{server.port}/")
        yield page
        assert [line for line in messages if not line.startswith("Failed to load resource: ")] == []


def text(page: Page, selector: str) -> str:
    content = page.locator(selector).text_content()
    assert content is not None
    return content


def corner_points(page: Page) -> list[tuple[float, float]]:
    page.locator("#canvas").scroll_into_view_if_needed()
    box = page.locator("#canvas").bounding_box()
    assert box
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in CORNERS]


def draw_seven(page: Page) -> None:
    first, *rest = corner_points(page)
    page.mouse.move(*first)
    page.mouse.down()
    for corner in rest:
        page.mouse.move(*corner, steps=15)
    page.mouse.up()


def draw_number(page: Page, number: str) -> None:
    page.locator("#canvas").scroll_into_view_if_needed()
    box = page.locator("#canvas").bounding_box()
    assert box
    for place, digit in enumerate(number):
        corners = [(0.08 + 0.31 * place + 0.2 * x, 0.3 + 0.38 * y) for x, y in STROKES[digit]]
        first, *rest = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
        page.mouse.move(*first)
        page.mouse.down()
        for corner in rest:
            page.mouse.move(*corner)
        page.mouse.up()


def write_sheet(mnist: datasets.Dataset, path: Path, *lines: str) -> bytes:
    """Draw lines of digits in blue ink, write them as a PNG file and return its bytes."""
    ink = np.zeros((170 * len(lines) + 60, 130 * max(map(len, lines)) + 80), np.float32)
    for row, line in enumerate(lines):
        for column, digit in enumerate(line):
            image = mnist.x_test[np.flatnonzero(mnist.y_test == int(digit))[0]]
            traced, top, left = rendering.trace_digit(image, 90), 50 + 160 * row, 60 + 125 * column
            ink[top : top + traced.shape[0], left : left + traced.shape[1]] += traced
    path.write_bytes(
        rendering.encode_image(
            rendering.lay_ink(rendering.fill_page(ink.shape, (246, 243, 235)), ink.clip(0, 1), rendering.BLUE)
        )
    )
    return path.read_bytes()


def expect_answer(page: Page, digit: str = "7") -> None:
    expect(page.locator("#answer[data-state=answer]:not([aria-busy]) #digit")).to_have_text(digit)
    expect(page.locator("#figures[aria-busy]")).to_have_count(0)


def expect_number(page: Page, *lines: str) -> None:
    expect(page.locator("#answer[data-state=answer][data-digits=several]:not([aria-busy])")).to_be_visible()
    expect(page.locator("#number > div")).to_have_text([*lines])
    expect(page.locator("#boxes rect")).to_have_count(sum(map(len, lines)))
    expect(page.locator("#figures[aria-busy]")).to_have_count(0)


def expect_selected(page: Page, index: int, digit: str) -> None:
    expect(page.get_by_role("radio").nth(index)).to_be_checked()
    expect(page.get_by_role("radio", checked=True)).to_have_count(1)
    expect(page.locator("#boxes g").nth(index)).to_have_class(re.compile("selected"))
    expect_answer(page, digit)


def click_box(page: Page, index: int) -> None:
    box = page.locator("#boxes rect").nth(index).bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def answer_instead(page: Page, path: str, **answer: Any) -> None:
    """Answer the requests for a path in place of the service, as a proxy might."""
    page.route(f"**/{path}", lambda route: route.fulfill(**answer))


def expect_error(page: Page, sentence: str) -> None:
    expect(page.locator("#message")).to_contain_text(sentence)
    expect_no_answer(page, "error")


def expect_no_answer(page: Page, state: str = "empty") -> None:
    expect(page.locator("#answer")).to_have_attribute("data-state", state)
    assert not text(page, "#digit").isdigit()
    assert text(page, "#announcement") == ""
    assert set(page.locator(".share").all_text_contents()) == {""}
    assert page.locator("#ink[src], #seen[src], #overlay[src]").count() == 0


def download(page: Page, folder: Path) -> Path:
    with page.expect_download() as event:
        page.locator("#download").click()
    path = folder / str(event.value.suggested_filename)
    event.value.save_as(path)
    return path


def curl(page: Page, folder: Path) -> str:
    command = shlex.split(text(page, "#command"))
    return subprocess.run([*command, "-sS"], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("path", ["/mnist", "/mnist/"])
def test_behind_a_proxy_that_strips_a_prefix(browser: Browser, server: Server, path: str) -> None:
    """The page's address is /mnist. Requests below it reach the service without the prefix."""
    origin, page = f"http://127.0.0.1:{server.port}", browser.new_page()

    def strip(route: Route) -> None:
        stripped = route.request.url.removeprefix(f"{origin}/mnist")
        headers = {**route.request.headers, "x-forwarded-prefix": "/mnist"}
        # Playwright has no access to the bytes of a Blob.
        body = SEVEN.read_bytes() if route.request.method == "POST" else None
        answer = page.request.fetch(
            f"{origin}/{stripped.lstrip('/')}", method=route.request.method, headers=headers, data=body
        )
        route.fulfill(response=answer)

    messages = listen(page)
    page.route(re.compile(rf"^{origin}/mnist"), strip)
    page.goto(origin + path, wait_until="networkidle")
    page.set_input_files("#file", SEVEN)
    expect_answer(page)
    assert f"{origin}/mnist/read" in text(page, "#command")
    assert messages == []
    page.close()


def test_loads_without_a_message_in_the_console(browser: Browser, server: Server) -> None:
    page = browser.new_page()
    messages = listen(page)
    page.goto(f"http://127.0.0.1:{server.port}/", wait_until="networkidle")
    expect_no_answer(page)
    assert messages == []
    page.close()


def test_policy_lets_no_inline_script_run(browser: Browser, server: Server) -> None:
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{server.port}/")
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.addEventListener("securitypolicyviolation", (event) => window.violated = event.violatedDirective);
            document.body.append(script);
        }"""
    )
    page.wait_for_function("window.violated")
    assert page.evaluate("[window.ran, window.violated]") == [None, "script-src-elem"]
    page.close()


def test_drawing_with_the_mouse(page: Page) -> None:
    draw_seven(page)
    expect_answer(page)
    share = text(page, "#confidence")
    assert re.fullmatch(r"\d+\.\d%", share)
    assert text(page, "#doubt") == ""
    assert text(page, "#announcement") == f"7, {share}"
    assert text(page, "tr.first") == f"7{share}"
    for picture, width in (("#ink", 280), ("#seen", 28), ("#overlay", 280)):
        assert page.locator(picture).evaluate("image => image.decode().then(() => image.naturalWidth)") == width


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1120, "light")])
def test_an_uncertain_answer_says_so_in_words(browser: Browser, unsure_server: Server, width: int, scheme: str) -> None:
    for page in open_page(browser, unsure_server, viewport={"width": width, "height": 900}, color_scheme=scheme):
        draw_seven(page)
        expect_answer(page)
        assert re.fullmatch(r"\d+\.\d%, not sure:", text(page, "#confidence"))
        assert text(page, "#doubt") == "maybe another digit, or none"
        assert page.locator("#doubt").is_visible()
        assert text(page, "#announcement") == f"7, {text(page, '#confidence')} {text(page, '#doubt')}"
        assert page.evaluate("document.documentElement.scrollWidth") == width
        page.get_by_role("button", name="Clear").click()
        expect_no_answer(page)
        assert text(page, "#doubt") == ""


def test_the_report_is_shown_with_its_styles_and_images(browser: Browser, unsure_server: Server) -> None:
    for page in open_page(browser, unsure_server):
        page.get_by_role("link", name="how well it reads").click()
        expect(page.locator("h1")).to_have_css("color", "rgb(1, 2, 3)")
        expect(page.locator("h1")).to_have_css("margin", "4px")
        assert page.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 28


def test_bars_are_as_long_as_the_probabilities(page: Page, server: Server) -> None:
    page.set_input_files("#file", SEVEN)
    expect_answer(page)
    bars = page.locator(".bar").evaluate_all("bars => bars.map(bar => bar.style.getPropertyValue('--share'))")
    expected = server.post(SEVEN.read_bytes())[1]["probabilities"]
    assert [float(share.rstrip("%")) / 100 for share in bars] == pytest.approx(expected, abs=1e-6)


def test_undo_and_clear(page: Page) -> None:
    draw_seven(page)
    expect_answer(page)
    page.get_by_role("button", name="Clear").click()
    expect_no_answer(page)
    page.get_by_role("button", name="Undo").click()
    expect_answer(page)
    page.keyboard.press("Control+z")
    expect_no_answer(page)
    assert page.get_by_role("button", name="Undo").is_disabled()


def test_drawing_by_touch(phone: Page) -> None:
    touch = phone.context.new_cdp_session(phone)
    (x, y), *rest = corner_points(phone)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for to_x, to_y in rest:
        for step in range(1, 11):
            point = {"x": x + (to_x - x) * step / 10, "y": y + (to_y - y) * step / 10}
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
        x, y = to_x, to_y
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect_answer(phone)
    assert phone.evaluate("scrollY") == 0
    expect(phone.locator("#canvas")).to_have_css("touch-action", "none")


def test_drawing_by_keyboard(page: Page) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "canvas"
    for key, times in (("ArrowUp", 6), ("ArrowLeft", 4), ("Space", 1), ("ArrowRight", 8)):
        for _ in range(times):
            page.keyboard.press(key)
    for _ in range(6):
        page.keyboard.down("ArrowDown")
        page.keyboard.press("ArrowLeft")
        page.keyboard.up("ArrowDown")
    page.keyboard.press("Space")
    expect_answer(page)


def test_choosing_a_file(page: Page) -> None:
    page.set_input_files("#file", SEVEN)
    expect_answer(page)
    assert page.locator("#photo").get_attribute("alt") == "Your picture, seven.png"
    draw_seven(page)
    expect(page.locator("#photo")).to_be_hidden()


def test_dropping_a_file(page: Page) -> None:
    transfer = page.evaluate_handle(TRANSFER, [base64.b64encode(SEVEN.read_bytes()).decode(), "seven.png"])
    page.dispatch_event("body", "dragover", {"dataTransfer": transfer})
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})
    expect_answer(page)


def test_pasting_a_file(page: Page) -> None:
    transfer = page.evaluate_handle(TRANSFER, [base64.b64encode(SEVEN.read_bytes()).decode(), "image.png"])
    transfer.evaluate(
        "clipboardData => document.body.dispatchEvent(new ClipboardEvent('paste', {clipboardData, bubbles: true}))"
    )
    expect_answer(page)
    assert text(page, "#download") == "Download image.png"


def test_unreadable_file_takes_the_old_answer_away(page: Page) -> None:
    draw_seven(page)
    expect_answer(page)
    page.set_input_files("#file", ROOT / "README.md")
    expect_error(page, "This is not an image in a supported format")
    draw_seven(page)
    expect_answer(page)
    assert text(page, "#message") == ""


def test_old_answer_is_away_while_a_file_is_read(page: Page) -> None:
    draw_seven(page)
    expect_answer(page)
    route = hold_request(page, lambda page: page.set_input_files("#file", SEVEN))
    expect_no_answer(page)
    assert text(page, "#confidence") == "Reading…"
    route.continue_()
    expect_answer(page)


def test_file_too_large(page: Page) -> None:
    content = bytes(11 * 2**20)
    page.set_input_files("#file", {"name": "large.png", "mimeType": "image/png", "buffer": content})
    expect_error(page, "The file is too large: at most 10.4 MB are read.")


def test_answer_to_an_older_image_is_dropped(page: Page) -> None:
    route = hold_request(page, draw_seven)
    assert page.locator("#answer").get_attribute("aria-busy") == "true"
    page.get_by_role("button", name="Undo").click()
    route.continue_()
    page.wait_for_load_state("networkidle")
    expect_no_answer(page)


def test_the_last_of_several_images_is_answered(page: Page, server: Server, tmp_path: Path) -> None:
    route = hold_request(page, draw_seven)
    page.mouse.click(*corner_points(page)[0])
    page.mouse.click(*corner_points(page)[2])
    route.continue_()
    expect(page.locator("#answer[data-state=answer]:not([aria-busy])")).to_be_visible()
    drawing = download(page, tmp_path).read_bytes()
    expect(page.locator("#seen")).to_have_attribute("src", server.post(drawing, "/explain")[1]["seen"])


def hold_request(page: Page, draw: Callable[[Page], None]) -> Route:
    """Draw, and hold the request until its route is continued."""
    routes: list[Route] = []
    page.route("**/read", lambda route: routes.append(route), times=1)
    with page.expect_request("**/read"):
        draw(page)
    page.wait_for_function("document.querySelector('[aria-busy=true]')")
    assert len(routes) == 1
    return routes[0]


def test_service_away(browser: Browser) -> None:
    with serving("--workers", "1") as server:
        for page in open_page(browser, server):
            draw_seven(page)
            expect_answer(page)
            server.stop()
            draw_seven(page)
            expect_error(page, "The service can't be reached.")


def test_offline(page: Page) -> None:
    page.context.set_offline(True)
    draw_seven(page)
    expect_error(page, "You are offline.")


@pytest.mark.parametrize("name", ["drawing", "seven.png", "it's $(no).png", 'a "seven".png', "a;type=b, c.png"])
def test_curl_command_works(page: Page, tmp_path: Path, name: str) -> None:
    if name == "drawing":
        draw_seven(page)
        expect_answer(page)
        assert download(page, tmp_path).name == "drawing.png"
    else:
        shutil.copy(SEVEN, tmp_path / name)
        page.set_input_files("#file", tmp_path / name)
        expect_answer(page)
    assert '"digit":7,' in curl(page, tmp_path)


def test_copying_the_command(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.locator("#announcement")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == text(page, "#command")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (700, "light"), (1120, "dark")])
def test_the_ink_that_was_found_is_shown_beside_what_the_model_saw(
    browser: Browser, server: Server, tmp_path: Path, width: int, scheme: str
) -> None:
    photo = Image.new("L", (600, 300), 220)
    photo.paste(Image.open(SEVEN).resize((200, 200)).point(lambda level: 220 - 0.8 * level), (300, 50))
    photo.save(tmp_path / "photo.png")
    for page in open_page(browser, server, viewport={"width": width, "height": 900}, color_scheme=scheme):
        page.set_input_files("#file", tmp_path / "photo.png")
        expect_answer(page)
        picture = page.get_by_alt_text("Your picture, with the ink that was found in green")
        assert picture.get_attribute("src") == server.post((tmp_path / "photo.png").read_bytes(), "/explain")[1]["ink"]
        expect(picture).to_have_css("object-fit", "contain")
        boxes = [page.locator(name).bounding_box() for name in ("#ink", "#seen", "#overlay")]
        assert all(box and box["width"] > 80 and box["x"] + box["width"] <= width for box in boxes)
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_no_sideways_scroll_on_a_phone(phone: Page) -> None:
    name = "a_very_long_name_without_any_break_" * 5 + ".png"
    phone.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": SEVEN.read_bytes()})
    expect_answer(phone)
    assert phone.evaluate("document.documentElement.scrollWidth") == 360
    assert phone.get_by_text("Camera").is_visible()
    assert phone.locator("#camera").get_attribute("capture") == "environment"


def test_dark_scheme(page: Page) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(background)
    assert max(map(int, re.findall(r"\d+", dark))) < 64 < 192 < min(map(int, re.findall(r"\d+", light)))


def test_every_control_has_a_name_and_a_visible_focus(page: Page) -> None:
    for key in ("Tab", "Space", "ArrowDown", "ArrowDown", "ArrowDown", "Space"):
        page.keyboard.press(key)
    expect(page.locator("#answer")).to_have_attribute("data-state", "answer")
    names = []
    for _ in range(9):
        names.append(
            page.evaluate(
                """() => {
                    const focused = document.activeElement;
                    const around = [focused, focused.parentElement];
                    const outlined = around.some((element) => getComputedStyle(element).outlineStyle !== "none");
                    return [focused.ariaLabel ?? focused.labels?.[0]?.innerText ?? focused.innerText, outlined];
                }"""
            )
        )
        page.keyboard.press("Tab")
    assert [name for name, _ in names] == [
        "Drawing area", "Undo", "Clear", "Choose files", "Draw with the keyboard", "Copy number",
        "Download drawing.png", "Copy", text(page, "#command"),
    ]  # fmt: skip
    assert all(outlined for _, outlined in names)


def test_drawing_a_number(page: Page) -> None:
    draw_number(page, "305")
    expect_number(page, "305")
    expect_selected(page, 0, "3")
    assert text(page, "#announcement") == "305. 3 digits"
    assert text(page, "#summary") == "3 digits"
    assert page.locator("#figures").is_visible()


def test_a_click_on_a_digit_selects_it_and_draws_nothing(page: Page) -> None:
    draw_number(page, "305")
    expect_number(page, "305")
    for index in (2, 1):
        click_box(page, index)
        expect_selected(page, index, "305"[index])
        assert page.locator("#seen").is_visible()
    page.get_by_role("button", name="Undo").click()  # the last stroke, not a dot
    expect_number(page, "30")


def test_a_sheet_by_keyboard(page: Page, server: Server, mnist: datasets.Dataset, tmp_path: Path) -> None:
    reading = server.post(write_sheet(mnist, tmp_path / "sheet.png", "305", "1942"), "/read")[1]
    routes: list[str] = []
    page.on("request", lambda request: routes.append(request.url.rpartition("/")[2]))
    page.set_input_files("#file", tmp_path / "sheet.png")
    expect_number(page, "305", "1942")
    assert routes.count("explain") == 1  # not one for each digit
    page.locator("#number [tabindex='0']").focus()
    for key, index, digit in (
        ("Home", 0, "3"), ("ArrowRight", 1, "0"), ("ArrowDown", 4, "9"), ("End", 6, "2"), ("ArrowUp", 2, "5"),
        ("ArrowLeft", 1, "0"), ("Home", 0, "3"),
    ):  # fmt: skip
        page.keyboard.press(key)
        expect_selected(page, index, digit)
        expect(page.get_by_role("radio").nth(index)).to_be_focused()
    assert routes.count("explain") == 5  # explanations are remembered
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "copy-number"
    shares = [digit["confidence"] for line in reading["lines"] for digit in line["digits"]]
    labels = page.get_by_role("radio").evaluate_all("buttons => buttons.map(button => button.ariaLabel)")
    assert [float(label.split(", ")[2].rstrip("%")) for label in labels] == pytest.approx(
        [100 * share for share in shares], abs=0.11
    )
    assert labels[3].startswith("1, line 2, ")


@pytest.mark.parametrize("rotated", [False, True])
def test_boxes_lie_on_the_ink(
    page: Page, server: Server, mnist: datasets.Dataset, tmp_path: Path, rotated: bool
) -> None:
    write_sheet(mnist, tmp_path / "sheet.png", "3059", "19")
    upright = Image.open(tmp_path / "sheet.png")
    file = tmp_path / ("sheet.jpeg" if rotated else "sheet.png")
    if rotated:
        upright.transpose(Image.Transpose.ROTATE_90).save(file, exif=ROTATED)
    page.set_input_files("#file", file)
    expect_number(page, "3059", "19")
    assert page.locator("#figures").is_visible()
    lines = server.post(file.read_bytes(), "/read")[1]["lines"]
    expect_boxes(page, [digit["box"] for line in lines for digit in line["digits"]], upright.width)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sheet.png", {}),
        ("sheet.jpeg", {"progressive": True}),
        ("rotated.jpeg", {"progressive": True, "exif": ROTATED}),
    ],
)
def test_a_large_image_is_sent_smaller_and_its_boxes_lie_on_the_ink(
    page: Page, server: Server, mnist: datasets.Dataset, tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    lines = server.post(write_sheet(mnist, tmp_path / "small.png", "3059", "19"), "/read")[1]["lines"]
    small = Image.open(tmp_path / "small.png")
    large = small.resize((8 * small.width, 8 * small.height))
    (large.transpose(Image.Transpose.ROTATE_90) if "exif" in options else large).save(tmp_path / name, **options)
    assert server.post((tmp_path / name).read_bytes(), "/read")[0] == 413
    page.evaluate(RECORD_SENT)
    page.set_input_files("#file", tmp_path / name)
    expect_number(page, "3059", "19")
    width, height = page.evaluate(SENT_SIZE)
    assert 512 < height < width < large.width
    assert page.locator("#figures").is_visible()
    expect_boxes(page, [digit["box"] for line in lines for digit in line["digits"]], small.width)


def test_a_file_of_too_many_bytes_is_sent_smaller(page: Page, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(200, 256, (2000, 2500, 3), np.uint8)
    photo = Image.fromarray(noise)
    photo.paste(Image.new("RGB", (900, 900)), (700, 500), Image.open(SEVEN).resize((900, 900)))
    photo.save(tmp_path / "photo.png")
    assert (tmp_path / "photo.png").stat().st_size > 10 * 2**20
    page.set_input_files("#file", [tmp_path / "photo.png", tmp_path / "photo.png"])
    expect(page.locator("#files .read")).to_have_text(["7", "7"])


@pytest.mark.parametrize(("kind", "size"), [("PNG", 280), ("TIFF", 280), ("HEIF", 280), ("TIFF", 4000)])
def test_a_file_that_is_small_or_that_the_browser_does_not_show_is_sent_as_it_is(
    page: Page, tmp_path: Path, kind: str, size: int
) -> None:
    if kind == "HEIF":
        pytest.importorskip("pillow_heif", reason="HEIC needs pillow-heif").register_heif_opener()
    file = tmp_path / f"7.{kind.lower()}"
    Image.open(SEVEN).resize((size, size)).convert("RGB").save(
        file, kind, **({"compression": "tiff_lzw"} if kind == "TIFF" else {})
    )
    page.evaluate(RECORD_SENT)
    page.set_input_files("#file", file)
    if size > 3500:
        expect_error(page, "4000x4000 pixels; at most 12500000 are read: send it smaller, such as 3535x3535.")
    else:
        expect_answer(page)
    if file.stat().st_size < 2**20:
        assert bytes(page.evaluate(SENT_BYTES)) == file.read_bytes()


def expect_boxes(page: Page, boxes: list[list[float]], width: float) -> None:
    """Expect the page's boxes around `boxes`, which are in pixels of an upright image of this width."""
    picture = page.locator("#photo").bounding_box()
    assert picture
    zoom = picture["width"] / width
    for i, box in enumerate(boxes):
        drawn = page.locator("#boxes rect").nth(i).bounding_box()
        assert drawn
        left, top, wide, high = (zoom * edge for edge in box)
        middle = (picture["x"] + left + wide / 2, picture["y"] + top + high / 2)
        assert (drawn["x"] + drawn["width"] / 2, drawn["y"] + drawn["height"] / 2) == pytest.approx(middle, abs=2)
        assert 0 < drawn["width"] - wide < 20


def test_a_digit_that_is_not_explained_has_its_probabilities(
    page: Page, mnist: datasets.Dataset, tmp_path: Path
) -> None:
    write_sheet(mnist, tmp_path / "sheet.png", "305")
    answer_instead(page, "explain", status=422, json={"error": "There is no digit.", "code": "no_digit"})
    page.set_input_files("#file", tmp_path / "sheet.png")
    expect_number(page, "305")
    page.get_by_role("radio").first.click()
    expect_selected(page, 0, "3")
    assert page.locator("#figures").is_hidden()
    assert text(page, "tr.first").startswith("3")


def test_uncertain_digits_are_marked_by_more_than_color(
    browser: Browser, unsure_server: Server, mnist: datasets.Dataset, tmp_path: Path
) -> None:
    sheet = write_sheet(mnist, tmp_path / "sheet.png", "24", "61")
    digits = [digit for line in unsure_server.post(sheet, "/read")[1]["lines"] for digit in line["digits"]]
    uncertain = sum(digit["uncertain"] for digit in digits)
    assert uncertain > 0
    for page in open_page(browser, unsure_server, viewport={"width": 320, "height": 700}):
        page.set_input_files("#file", tmp_path / "sheet.png")
        expect_number(page, "24", "61")
        assert page.get_by_role("radio", name="not sure").count() == uncertain
        assert page.locator("#boxes text").all_text_contents() == ["?"] * uncertain
        assert text(page, "#summary") == f"Not sure of {uncertain} of 4 digits"
        mark = "button => getComputedStyle(button, '::after').content"
        assert page.locator("#number .uncertain").first.evaluate(mark) == '"?"'
        assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_copying_the_number(page: Page, mnist: datasets.Dataset, tmp_path: Path) -> None:
    write_sheet(mnist, tmp_path / "sheet.png", "305", "1942")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.set_input_files("#file", tmp_path / "sheet.png")
    expect_number(page, "305", "1942")
    page.locator("#copy-number").click()
    expect(page.locator("#copy-number")).to_have_text("Copied")
    expect(page.locator("#announcement")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "305\n1942"


def test_copying_where_there_is_no_clipboard(page: Page) -> None:
    page.set_input_files("#file", SEVEN)
    expect_answer(page)
    page.evaluate(
        """() => {
            Object.defineProperty(navigator, "clipboard", {value: undefined});
            document.addEventListener("copy", () => window.copied = document.activeElement.value);
        }"""
    )
    page.locator("#copy-number").click()
    expect(page.locator("#announcement")).to_have_text("Copied")
    assert page.evaluate("window.copied") == "7"
    assert page.evaluate("document.activeElement.id") == "copy-number"


def test_several_files_have_a_table(page: Page, mnist: datasets.Dataset, tmp_path: Path) -> None:
    write_sheet(mnist, tmp_path / "one.png", "305", "1942")
    write_sheet(mnist, tmp_path / "two.png", "86")
    (tmp_path / "empty.png").touch()
    files = [tmp_path / "one.png", tmp_path / "two.png", tmp_path / "empty.png", ROOT / "README.md"]
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.set_input_files("#file", files)
    expect(page.locator("#progress")).to_have_text("4 files read")
    assert page.locator("#files .read").all_text_contents()[:3] == ["305 / 1942", "86", "The file is empty."]
    assert "This is not an image" in page.locator("#files .read").all_text_contents()[3]
    expect_number(page, "305", "1942")
    page.get_by_role("button", name="two.png").click()
    expect_number(page, "86")
    page.get_by_role("button", name="README.md").click()
    expect_error(page, "This is not an image in a supported format")
    page.get_by_role("button", name="Copy all").click()
    expect(page.locator("#announcement")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "one.png\t305 1942\ntwo.png\t86\nempty.png\t\nREADME.md\t\n"
    shutil.copy(ROOT / "README.md", tmp_path)
    assert json.loads(curl(page, tmp_path))["readings"][1]["text"] == "86"
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#batch")).to_be_hidden()


def test_a_finger_on_an_image_selects_and_never_draws(phone: Page, mnist: datasets.Dataset, tmp_path: Path) -> None:
    write_sheet(mnist, tmp_path / "sheet.png", "305")
    phone.set_input_files("#file", tmp_path / "sheet.png")
    expect_number(phone, "305")
    phone.locator("#paper").scroll_into_view_if_needed()
    box = phone.locator("#boxes rect").nth(1).bounding_box()
    assert box
    phone.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect_selected(phone, 1, "0")
    phone.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] - 40)
    assert phone.locator("#photo").is_visible()


@pytest.mark.parametrize("fault", ["callback => callback(null)", "() => { throw new Error('no memory') }"])
def test_a_drawing_without_a_file_is_an_error_and_the_next_is_read(page: Page, fault: str) -> None:
    page.evaluate("window.original = HTMLCanvasElement.prototype.toBlob; null")
    page.evaluate(f"HTMLCanvasElement.prototype.toBlob = {fault}; null")
    draw_seven(page)
    expect_error(page, "Something went wrong in this page")
    page.evaluate("HTMLCanvasElement.prototype.toBlob = window.original; null")
    page.get_by_role("button", name="Clear").click()
    draw_seven(page)
    expect_answer(page)


@pytest.mark.parametrize(
    "answer",
    [
        {"content_type": "text/html", "body": "<!doctype html><title>Log in</title>"},
        {"json": {"status": "ok"}},
        {"json": None},
        {"json": {"text": "7", "lines": [{"text": "7", "digits": [{"digit": 7}]}]}},
        {"json": {"text": "", "lines": []}},
    ],
)
def test_an_answer_of_another_service_is_a_sentence(page: Page, answer: dict[str, Any]) -> None:
    answer_instead(page, "read", **answer)
    page.set_input_files("#file", SEVEN)
    expect_error(page, "What answered is not this service")
    answer_instead(page, "read/batch", **answer)
    page.set_input_files("#file", [SEVEN, SEVEN])
    expect(page.locator("#files .failed")).to_have_count(2)
    assert not re.search("undefined|NaN|null", text(page, "main"))
    page.unroute_all()
    page.set_input_files("#file", SEVEN)
    expect_answer(page)


@pytest.mark.parametrize("body", ["<h1>Bad Gateway</h1>", '{"error": {"message": "no upstream"}}'])
def test_an_error_of_a_proxy_is_a_sentence(page: Page, body: str) -> None:
    answer_instead(page, "read", status=502, body=body)
    page.set_input_files("#file", SEVEN)
    expect_error(page, "The service answered with status 502. Please try again.")


def test_browser_without_combined_abort_signals(page: Page) -> None:
    page.add_init_script("delete AbortSignal.any; delete AbortSignal.timeout")
    page.reload()
    draw_seven(page)
    expect_answer(page)


def test_no_bytes_are_not_sent(page: Page, tmp_path: Path) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.set_input_files("#file", SEVEN)
    expect_answer(page)
    sent.clear()
    page.set_input_files("#file", [])
    page.dispatch_event("#file", "change")
    page.wait_for_timeout(300)
    expect_answer(page)
    page.set_input_files("#file", {"name": "empty.png", "mimeType": "image/png", "buffer": b""})
    expect_error(page, "The file is empty.")
    assert sent == []
