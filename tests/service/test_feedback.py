"""Corrections over HTTP: what is kept of an image, in which form, within which limits, and who may send one."""

import base64
import fcntl
import hashlib
import io
import json
import os
import re
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.client import HTTPException
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, PngImagePlugin

from service.app import create_app
from service.errors import ServiceError
from service.feedback import kept_image
from service.preparation import decode
from service.preparation.types import Gray
from service.settings import Settings
from tests.support.commands import run_module
from tests.support.images import png
from tests.support.paths import ROOT, SEVEN
from tests.support.scrape import Scrape
from tests.support.server import Server, serving, workers
from tests.support.wait import wait_until

PLACE = "48 N 11 E"  # in metadata


def make_exif() -> bytes:
    """Make the metadata of a photo that a phone saved lying on its side."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.ImageDescription] = PLACE
    return exif.tobytes()


DIGIT = SEVEN.read_bytes()
NUMBER = (ROOT / "tests" / "number.png").read_bytes()
LIMITS = Settings()
ROTATED = make_exif()  # bytes, as Pillow's writer of AVIF changes an object
FORM = {"Content-Type": "multipart/form-data; boundary=limit"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("feedback") / "corrections"


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with serving("--workers", "2", "--feedback", str(folder)) as server:
        yield server


@contextmanager
def keeping(folder: Path, *options: str) -> Iterator[Server]:
    with serving("--workers", "2", "--feedback", str(folder), *options) as server:
        yield server


def form(image: bytes, **fields: str) -> bytes:
    parts = [b'--limit\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n%b\r\n' % image]
    for name, value in fields.items():
        head = f'--limit\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        parts.append(head.encode("utf-8", "surrogateescape"))
    return b"".join(parts) + b"--limit--\r\n"


def correct(server: Server, image: bytes, **fields: str) -> tuple[int, Any]:
    return server.ask("POST", "/feedback", form(image, **fields), FORM)


def images(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*/*") if path.suffix in (".png", ".jpg")]


def records(folder: Path) -> list[Path]:
    return [*folder.glob("*/*.json")]


def record(image: Path) -> Any:
    return json.loads(image.with_suffix(".json").read_text())


def to_gray(data: bytes) -> Gray:
    return decode.decode(data, LIMITS.max_pixels, LIMITS.max_frames)


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def draw_photo(number: int = 0) -> Image.Image:
    """Draw a seven in color on a square of 200 pixels; another number is another image."""
    with Image.open(SEVEN) as seven:
        gray = np.asarray(seven.resize((120, 120))).astype(int)
    pixels = np.full((200, 200, 3), (230, 220 - number // 50, 210 - number % 50))
    pixels[40:160, 30:150] -= gray[..., None] * 3 // 4
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def test_an_image_is_kept_with_the_answer_the_version_and_the_time(server: Server, folder: Path) -> None:
    status, answer = correct(server, DIGIT, digit="4")
    assert status == 201
    name = hashlib.sha256(DIGIT).hexdigest()[:16]
    assert answer["path"] == f"4/{name}.png"
    assert (folder / answer["path"]).read_bytes() == DIGIT
    prediction = server.post(DIGIT)[1]
    assert (answer["digit"], answer["predicted"], answer["confidence"]) == (4, 7, prediction["confidence"])
    assert answer["model"] == prediction["model"]
    kept = record(folder / answer["path"])
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", kept.pop("time"))
    assert kept == {"digit": 4, "predicted": 7, "confidence": prediction["confidence"], "version": "3"}


def test_the_same_content_is_kept_once_and_the_last_word_counts(server: Server, folder: Path) -> None:
    image = png(to_gray(DIGIT)[::-1])
    status, first = correct(server, image, digit="5")
    assert status == 201
    before = record(folder / first["path"])
    assert correct(server, image, digit="5") == (200, first)
    assert record(folder / first["path"]) == before
    status, second = correct(server, image, digit="none")
    name = Path(first["path"]).stem
    assert (status, second["path"], second["digit"]) == (201, f"none/{name}.png", None)
    assert {str(path.relative_to(folder)) for path in folder.glob(f"*/{name}*")} == {
        f"none/{name}.png", f"none/{name}.json",
    }  # fmt: skip
    assert record(folder / second["path"])["digit"] is None


def test_each_form_of_a_request_keeps_the_same(server: Server, folder: Path) -> None:
    image = encode(draw_photo(1), "PNG")
    text = base64.b64encode(image).decode()
    answers = [
        correct(server, image, digit="1"),
        server.post(image, "/feedback?digit=1"),
        server.post(image, "/feedback?digit=1", "application/octet-stream"),
        server.post(json.dumps({"image": text, "digit": 1}).encode(), "/feedback", "application/json"),
        server.post(f"image={quote(text)}&digit=1".encode(), "/feedback", "application/x-www-form-urlencoded"),
    ]
    assert [status for status, _ in answers] == [201, *[200] * 4]
    assert len({json.dumps(answer) for _, answer in answers}) == 1
    document = json.dumps({"image": f"data:image/png;base64,{text}", "digit": None}).encode()
    assert server.post(document, "/feedback", "application/json")[1]["path"].startswith("none/")


def test_what_shows_no_digit_is_kept_too(server: Server, folder: Path) -> None:
    status, answer = correct(server, png(np.full((50, 50), 255, np.uint8)), digit="8")
    assert (status, answer["predicted"], answer["confidence"]) == (201, None, None)
    assert record(folder / answer["path"])["predicted"] is None


def write_png(image: Image.Image) -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("Location", PLACE)
    return encode(image, "PNG", pnginfo=text, exif=ROTATED, icc_profile=PLACE.encode())


FILES = {
    "PNG": write_png(draw_photo(2)) + PLACE.encode(),
    "JPEG": encode(draw_photo(2), "JPEG", exif=ROTATED, comment=PLACE, quality=90) + PLACE.encode(),
    "progressive": encode(draw_photo(3), "JPEG", exif=ROTATED, progressive=True),
    "CMYK": encode(draw_photo(3).convert("CMYK"), "JPEG", exif=ROTATED),
    "gray": encode(draw_photo(4).convert("L"), "JPEG", exif=ROTATED),
    "palette": write_png(draw_photo(5).convert("P")),
    "upright": encode(draw_photo(6), "JPEG"),
    "WEBP": encode(draw_photo(2), "WEBP", exif=ROTATED, lossless=True),
    "TIFF": encode(draw_photo(2), "TIFF", exif=ROTATED),
    "GIF": encode(draw_photo(2), "GIF", comment=PLACE.encode()),
    "AVIF": encode(draw_photo(2), "AVIF", exif=ROTATED),
}


@pytest.mark.parametrize("name", FILES)
def test_files_are_kept_without_metadata_and_read_the_same(server: Server, folder: Path, name: str) -> None:
    data = FILES[name]
    status, answer = correct(server, data, digit="3")
    assert status in (200, 201), answer  # TIFF and WEBP are lossless: the same content
    kept = (folder / answer["path"]).read_bytes()
    assert PLACE.encode() not in kept
    assert np.array_equal(to_gray(kept), to_gray(data))
    with Image.open(io.BytesIO(kept)) as image, Image.open(io.BytesIO(data)) as sent:
        assert image.format == ("JPEG" if sent.format == "JPEG" else "PNG")
        assert set(image.getexif()) <= {ExifTags.Base.Orientation}
        if sent.format in ("JPEG", "PNG"):
            assert image.mode == sent.mode
            assert np.array_equal(np.asarray(image), np.asarray(sent))
    assert server.post(kept)[1]["probabilities"] == server.post(data)[1]["probabilities"]


def test_a_second_image_behind_the_first_is_left_out(server: Server, folder: Path) -> None:
    second = encode(draw_photo(8), "JPEG", exif=ROTATED)
    data = encode(draw_photo(7), "MPO", save_all=True, append_images=[Image.open(io.BytesIO(second))])
    kept = (folder / correct(server, data, digit="3")[1]["path"]).read_bytes()
    assert kept.count(b"\xff\xd8\xff") == 1
    assert np.array_equal(to_gray(kept), to_gray(data))


def test_a_box_is_cropped_out_of_a_number(server: Server, folder: Path) -> None:
    reading = server.post(NUMBER, "/read")[1]
    digits = [digit for line in reading["lines"] for digit in line["digits"]]
    for i, digit in enumerate(digits):
        status, answer = correct(server, NUMBER, digit="9", box=",".join(map(str, digit["box"])))
        assert (status, answer["predicted"], answer["confidence"]) == (201, digit["digit"], digit["confidence"])
        assert record(folder / answer["path"])["box"] == digit["box"]
        # The kept image shows this digit, and no other.
        kept = (folder / answer["path"]).read_bytes()
        assert server.post(kept)[1]["digit"] == int(reading["text"].replace("\n", "")[i])
        document = {"image": base64.b64encode(NUMBER).decode(), "digit": 9, "box": digit["box"]}
        assert server.post(json.dumps(document).encode(), "/feedback", "application/json") == (200, answer)


def test_a_box_is_in_pixels_of_the_upright_image(server: Server, folder: Path) -> None:
    image = Image.new("L", (2400, 1600), 255)
    with Image.open(io.BytesIO(NUMBER)) as number:
        image.paste(number.convert("L").resize((1000, 1000)), (1200, 300))
    data = encode(image.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=ROTATED)
    digit = server.post(data, "/read")[1]["lines"][0]["digits"][0]
    status, answer = correct(server, data, digit="6", box=",".join(map(str, digit["box"])))
    assert (status, answer["predicted"]) == (201, 4)
    assert server.post((folder / answer["path"]).read_bytes())[1]["digit"] == 4


def test_a_box_where_nothing_was_read_is_kept_with_no_answer(server: Server) -> None:
    status, answer = correct(server, NUMBER, digit="none", box="0,0,12,12")
    assert (status, answer["predicted"], answer["path"].partition("/")[0]) == (201, None, "none")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "digit is ''"),
        ({"digit": "10"}, "digit is '10'"),
        ({"digit": "seven"}, "digit is 'seven'"),
        ({"digit": "7", "box": "1,2,3"}, "A box is left, top"),
        ({"digit": "7", "box": "a,b,c,d"}, "box is 'a,b,c,d'"),
        ({"digit": "7", "box": "1,2,nan,4"}, "A box is"),
        ({"digit": "7", "box": "1,2,3,0"}, "A box is"),
        ({"digit": "7", "box": "1,2,3,1e999"}, "A box is"),
        ({"digit": "7", "box": "9000,2,3,4"}, "The box is outside of the image"),
    ],
)
def test_wrong_fields_are_an_error(server: Server, folder: Path, fields: dict[str, str], sentence: str) -> None:
    before = images(folder)
    status, answer = correct(server, NUMBER, **fields)
    assert (status, answer["code"]) == (400, "malformed_request")
    assert re.match(sentence, answer["error"])
    assert images(folder) == before


@pytest.mark.parametrize(
    "document",
    [
        {}, {"digit": 1}, {"image": "AAAA"}, {"image": "AAAA", "digit": "1"}, {"image": "AAAA", "digit": 10},
        {"image": "AAAA", "digit": True}, {"image": "AAAA", "digit": 1, "box": [1, 2, 3]}, [], None,
    ],
)  # fmt: skip
def test_wrong_json_is_an_error(server: Server, document: Any) -> None:
    status, answer = server.post(json.dumps(document).encode(), "/feedback", "application/json")
    assert (status, answer["code"]) == (400, "invalid_json")


def test_fields_are_in_the_body_where_it_has_them(server: Server) -> None:
    for query in ("digit=1", "box=1,2,3,4"):
        status, answer = server.ask("POST", f"/feedback?{query}", form(NUMBER, digit="1"), FORM)
        assert (status, answer["code"]) == (400, "malformed_request")


def test_images_that_are_not_read_are_not_kept(server: Server, folder: Path) -> None:
    before = images(folder)
    for image, code in ((b"text", "unreadable_image"), (NUMBER, "several_digits"), (DIGIT[:60], "unreadable_image")):
        assert correct(server, image, digit="1")[1]["code"] == code
    assert server.post(b"", "/feedback?digit=1")[1]["code"] == "no_image"
    assert images(folder) == before


@settings(deadline=None, max_examples=40)
@given(digit=st.text(), box=st.text(), edges=st.lists(st.floats(), max_size=5))
def test_any_field_is_kept_or_a_clear_error(server: Server, digit: str, box: str, edges: list[float]) -> None:
    for text in (box, ",".join(map(str, edges))):
        status, answer = server.post(NUMBER, f"/feedback?digit={quote(digit)}&box={quote(text)}")
        assert status in (200, 201) or (status, answer["code"]) in ((400, "malformed_request"), (422, "several_digits"))
    document = {"image": base64.b64encode(NUMBER).decode(), "digit": 1, "box": edges}
    status, answer = server.post(json.dumps(document).encode(), "/feedback", "application/json")
    assert status in (200, 201) or answer["code"] in ("malformed_request", "invalid_json")


@settings(deadline=None)
@given(data=st.data())
def test_any_damaged_file_loses_its_metadata_or_is_an_error(data: st.DataObject) -> None:
    content = bytearray(FILES[data.draw(st.sampled_from(["PNG", "JPEG", "progressive", "palette"]))])
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[position] = data.draw(st.integers(0, 255))
    damaged = bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        gray = to_gray(damaged)
    except ServiceError:
        return
    kept = kept_image.from_file(damaged, LIMITS).content
    assert np.array_equal(to_gray(kept), gray)


def test_corrections_are_counted_by_version_and_digit_and_are_no_answers(server: Server) -> None:
    before = Scrape(server)
    image = encode(draw_photo(9), "PNG")
    for digit in ("2", "2", "none", "7"):  # the image is counted once, whatever it is corrected to later
        assert correct(server, image, digit=digit)[0] in (200, 201)
    assert correct(server, encode(draw_photo(10), "PNG"), digit="7")[0] == 201  # what was answered
    after = Scrape(server)
    changes = {
        digit: after.sum("mnist_corrections_total", version="3", digit=digit)
        - before.sum("mnist_corrections_total", version="3", digit=digit)
        for digit in after.values("digit")
    }
    assert {digit: change for digit, change in changes.items() if change} == {"2": 1}
    assert changes.keys() == {*map(str, range(10)), "none"}  # from the start, so that Prometheus sees the first
    assert after.sum("mnist_predicted_digits_total") == before.sum("mnist_predicted_digits_total")


def test_off_by_default(start_server: Any) -> None:
    server = start_server("litert")
    assert correct(server, DIGIT, digit="4") == (
        404, {"error": "This service keeps no corrections: MNIST_FEEDBACK names no folder for them.",
              "code": "feedback_off"},
    )  # fmt: skip
    assert "mnist_corrections_total{" not in Scrape(server).text


def test_keys_are_asked_for(tmp_path: Path) -> None:
    with keeping(tmp_path, "--api-keys-file", str(write_key(tmp_path))) as server:
        assert correct(server, DIGIT, digit="4")[0] == 401
        headers = {**FORM, "X-API-Key": "a key"}
        assert server.ask("POST", "/feedback", form(DIGIT, digit="4"), headers)[0] == 201


def write_key(folder: Path) -> Path:
    path = folder / "keys"
    path.write_text("a key")
    return path


@pytest.mark.parametrize(
    ("origins", "headers", "is_allowed"),
    [
        ("", {}, True),
        ("", {"Origin": "http://localhost"}, True),
        ("", {"Origin": "https://LOCALHOST"}, True),  # TLS ends at a proxy
        ("", {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}, True),
        ("", {"Origin": "https://outside.example", "Sec-Fetch-Site": "same-origin"}, True),  # a proxy changed Host
        ("", {"Origin": "http://localhost:81"}, False),
        ("", {"Origin": "https://page.example"}, False),
        ("", {"Origin": "null"}, False),
        ("", {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"}, False),
        ("", {"Sec-Fetch-Site": "same-site"}, False),
        ("https://page.example", {"Origin": "https://page.example", "Sec-Fetch-Site": "cross-site"}, True),
        ("https://page.example", {"Origin": "https://page.example.evil"}, False),
        ("*", {"Origin": "https://any.example", "Sec-Fetch-Site": "cross-site"}, True),
    ],
)
def test_pages_of_other_origins_need_cors(
    tmp_path: Path, origins: str, headers: dict[str, str], is_allowed: bool
) -> None:
    client = create_app(Settings(feedback=str(tmp_path), cors_origins=origins)).test_client()
    answer = client.post("/feedback?digit=4", data=DIGIT, headers={"Content-Type": "image/png", **headers})
    assert answer.status_code == (201 if is_allowed else 403)
    assert is_allowed or answer.json["code"] == "cross_origin"  # type: ignore[index]
    assert len(images(tmp_path)) == is_allowed


def post_many(server: Server, numbers: list[int]) -> list[int]:
    with ThreadPoolExecutor(6) as pool:
        return [*pool.map(lambda number: correct(server, encode(draw_photo(number), "PNG"), digit="4")[0], numbers)]


def test_files_are_limited_over_both_workers(tmp_path: Path) -> None:
    with keeping(tmp_path, "--feedback-max-files", "10") as server:
        statuses = post_many(server, [*range(24)])
        lines = [line for line in server.log if "route=/feedback " in line]
        assert len({line.split("[")[1] for line in lines}) == 2, "only one worker was asked"
        assert sorted(statuses) == [201] * 10 + [507] * 14
        assert len(images(tmp_path)) == len(records(tmp_path)) == 10
        status, answer = correct(server, DIGIT, digit="4")
        assert (status, answer) == (
            507, {"error": "There are 10 corrections already: at most 10 are kept.", "code": "feedback_full"},
        )  # fmt: skip
        # What is there already may still move.
        kept = images(tmp_path)[0].read_bytes()
        assert [correct(server, kept, digit=digit)[0] for digit in ("4", "5")] == [200, 201]
        assert len(images(tmp_path)) == len(records(tmp_path)) == 10


def test_bytes_are_limited(tmp_path: Path) -> None:
    limit = 20_000
    with keeping(tmp_path, "--feedback-max-bytes", str(limit)) as server:
        statuses = post_many(server, [*range(24)])
    size = sum(path.stat().st_size for path in (*images(tmp_path), *records(tmp_path)))
    assert set(statuses) == {201, 507}
    assert limit / 2 < size <= limit


def test_the_same_image_at_once_is_kept_once(tmp_path: Path) -> None:
    with keeping(tmp_path) as server:
        assert sorted(post_many(server, [1] * 12)) == [200] * 11 + [201]
        assert len(images(tmp_path)) == len(records(tmp_path)) == 1


def test_workers_that_are_killed_leave_whole_files(tmp_path: Path) -> None:
    with keeping(tmp_path) as server:
        numbers = count()

        def post_until_killed() -> None:
            while len(images(tmp_path)) < 60:
                with suppress(OSError, HTTPException):
                    correct(server, encode(draw_photo(next(numbers)), "PNG"), digit="4")

        with ThreadPoolExecutor(4) as pool:
            posts = [pool.submit(post_until_killed) for _ in range(4)]
            for _ in range(5):
                wait_until(lambda: len(workers(server)) == 2)
                posted = sum("route=/feedback" in line for line in server.log)
                while posted == sum("route=/feedback" in line for line in server.log) and not posts[0].done():
                    time.sleep(0.01)
                for worker in workers(server):
                    os.kill(worker, signal.SIGKILL)
            assert [post.result() for post in posts] == [None] * 4
    for path in images(tmp_path):
        assert path.stem == hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        assert record(path)["digit"] == 4
    assert {path.name for path in tmp_path.iterdir()} <= {"4", ".lock", ".part"}


def test_a_disk_without_space_is_a_clear_error(tmp_path: Path) -> None:
    with keeping(tmp_path) as server:
        for worker in workers(server):  # no worker can write a longer file
            resource.prlimit(worker, resource.RLIMIT_FSIZE, (200, 200))
        status, answer = correct(server, encode(draw_photo(), "PNG"), digit="4")
        assert (status, answer) == (
            507, {"error": "The correction can't be kept: file too large.", "code": "feedback_full"},
        )  # fmt: skip
        assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [".lock"]
        assert correct(server, png(np.zeros((28, 28), np.uint8)), digit="none")[0] == 201


def test_a_folder_that_another_process_locks_holds_up_no_other_requests(tmp_path: Path) -> None:
    with keeping(tmp_path) as server, open(tmp_path / ".lock") as lock, ThreadPoolExecutor(8) as pool:
        fcntl.flock(lock, fcntl.LOCK_EX)
        posts = [pool.submit(correct, server, DIGIT, digit="4") for _ in range(8)]
        assert server.post(DIGIT)[0] == 200
        sentence = "Another process has locked the folder of corrections for too long."
        assert {post.result()[0] for post in posts} == {500}
        assert posts[0].result()[1] == {"error": sentence, "code": "feedback_unwritable"}
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert correct(server, DIGIT, digit="4")[0] == 201


def test_a_folder_that_is_gone_is_a_clear_error(tmp_path: Path) -> None:
    folder = tmp_path / "corrections"
    with keeping(folder) as server:
        (folder / ".lock").unlink()
        folder.rmdir()
        folder.write_text("no folder")
        status, answer = correct(server, DIGIT, digit="4")
        assert (status, answer) == (
            500, {"error": "The correction can't be kept: file exists.", "code": "feedback_unwritable"},
        )  # fmt: skip
        wait_until(lambda: any(f"A correction can't be kept in {folder}" in line for line in server.log))


def test_a_folder_that_cant_be_written_to_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run_module("service", "--feedback", f"{tmp_path}/file/corrections")
    assert result.returncode == 1
    assert result.stderr == (
        f"Error: MNIST_FEEDBACK is '{tmp_path}/file/corrections', which can't be written to: not a directory.\n"
    )


def test_the_command_of_the_readme_keeps_a_correction(tmp_path: Path) -> None:
    readme = (ROOT / "service" / "README.md").read_text()
    (command,) = re.findall(r"^    \$ (curl -F \S+ -F \S+ \S+/feedback)$", readme, re.M)
    with keeping(tmp_path) as server:
        command = command.replace("127.0.0.1:8080", f"127.0.0.1:{server.port}")
        answer = subprocess.run(["sh", "-c", f"{command} -s"], cwd=ROOT, capture_output=True, check=True).stdout
        assert json.loads(answer)["path"] in readme
