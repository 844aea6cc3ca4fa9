"""Each error of a request has its status, its code and one plain sentence."""

import base64
import io
import socket
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.support.images import multipart, png
from tests.support.paths import SEVEN
from tests.support.server import Server, serving

DIGIT = SEVEN.read_bytes()
JSON = "application/json"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("--workers", "1", "--max-bytes", "100000", "--max-pixels", "10000", "--max-frames", "3",
                 "--max-files", "4") as server:  # fmt: skip
        yield server


def lying_png(width: int, height: int) -> bytes:
    """Return DIGIT with another size in its header, and with the checksum of that header."""
    header = b"IHDR" + struct.pack(">II", width, height) + DIGIT[24:29]
    return DIGIT[:12] + header + struct.pack(">I", zlib.crc32(header)) + DIGIT[33:]


def animation(kind: str, frames: int) -> bytes:
    file = io.BytesIO()
    images = [Image.fromarray(np.roll(np.asarray(Image.open(SEVEN)), shift, axis=1)) for shift in range(frames)]
    images[0].save(file, kind, save_all=True, append_images=images[1:])
    return file.getvalue()


def as_json(image: str) -> bytes:
    return b'{"image": "%b"}' % image.encode()


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"", "image/png", 400, "no_image"),
        (b"", "application/json", 400, "no_image"),
        (*multipart(), 400, "no_image"),
        (b"--limit--\r\n", "multipart/form-data", 400, "no_image"),
        (*multipart(("", b"")), 400, "no_image"),
        (*multipart(("a.png", DIGIT), ("b.png", DIGIT)), 400, "several_images"),
        (*multipart(("a.png", b"")), 400, "empty_image"),
        (b"Dear service", "image/png", 415, "unreadable_image"),
        (b"<!doctype html><p>7", "image/png", 415, "unreadable_image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 28 28\n", "image/png", 415, "unreadable_image"),
        (DIGIT[:-60], "image/png", 415, "unreadable_image"),
        (DIGIT[:40], "image/png", 415, "unreadable_image"),
        (lying_png(60, 90), "image/png", 415, "unreadable_image"),
        (lying_png(30000, 30000), "image/png", 413, "too_large"),
        (lying_png(101, 100), "image/png", 413, "too_large"),
        (animation("GIF", 4), "image/gif", 413, "too_large"),
        (animation("TIFF", 4), "image/tiff", 413, "too_large"),
        (animation("WEBP", 4), "image/webp", 413, "too_large"),
        (animation("PNG", 4), "image/png", 413, "too_large"),
        (bytes(100001), "image/png", 413, "too_large"),
        (*multipart(("a.png", bytes(100001))), 413, "too_large"),
        (png(np.full((90, 90), 200, np.uint8)), "image/png", 422, "no_digit"),
        (DIGIT, "text/plain", 415, "unsupported_media_type"),
        (DIGIT, "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"{", JSON, 400, "invalid_json"),
        (b"\xff", JSON, 400, "invalid_json"),
        (b"[]", JSON, 400, "invalid_json"),
        (b'{"image": 7}', JSON, 400, "invalid_json"),
        (b'{"a":' * 5000, JSON, 400, "invalid_json"),
        (b"{}", JSON, 400, "no_image"),
        (as_json("no base64!"), JSON, 400, "invalid_base64"),
        (as_json("data:image/png;base64"), JSON, 400, "invalid_base64"),
        (as_json("%zz"), JSON, 400, "invalid_base64"),
        (as_json("abcde"), JSON, 400, "invalid_base64"),
        (as_json("QQ==QQ=="), JSON, 400, "invalid_base64"),
        (b"image=four", "application/x-www-form-urlencoded", 400, "invalid_base64"),
        (b"image=no base64!", "application/x-www-form-urlencoded", 400, "invalid_base64"),
        (b"image=", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"", "application/x-www-form-urlencoded", 400, "no_image"),
        (b"&" * 5, "application/x-www-form-urlencoded", 413, "too_large"),
        (as_json(""), JSON, 400, "empty_image"),
        (as_json(base64.b64encode(b"text").decode()), JSON, 415, "unreadable_image"),
    ],
)
def test_bad_upload(server: Server, content: bytes, kind: str | dict[str, str], status: int, code: str) -> None:
    headers = kind if isinstance(kind, dict) else {"Content-Type": kind}
    response_status, answer = server.ask("POST", "/predict", content, headers)
    assert (response_status, answer["code"]) == (status, code)
    assert set(answer) == {"error", "code"}
    assert answer["error"].endswith(".")


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG"])
def test_the_first_of_few_frames_is_read(server: Server, kind: str) -> None:
    status, answer = server.post(animation(kind, 3))
    assert (status, answer["digit"]) == (200, 7)


def test_other_requests(server: Server) -> None:
    assert server.ask("GET", "/nope")[0] == 404
    assert server.ask("GET", "/predict")[1]["code"] == "method_not_allowed"
    assert server.ask("DELETE", "/livez")[0] == 405
    assert server.post(DIGIT, "/predict?prepare=maybe")[0] == 400
    assert server.post(DIGIT, "/predict/batch")[1]["code"] == "unsupported_media_type"
    assert server.ask("POST", "/predict/batch", *multipart())[1]["code"] == "no_image"
    assert server.ask("POST", "/predict/batch", *multipart(*[("a", DIGIT)] * 5))[0] == 413


def test_a_body_far_over_the_limit_gets_a_response_and_no_reset(server: Server) -> None:
    assert server.post(bytes(30_000_000))[0] == 413


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnot hex\r\n",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: seven\r\n\r\n",
        b"NO HTTP AT ALL\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n" + DIGIT,
        b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n100\r\n" + DIGIT[:99],
    ],
)
def test_broken_http_is_the_clients_error(server: Server, request_bytes: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(request_bytes)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"application/json" in head
    assert body.startswith(b'{"error":')


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_files_are_never_the_services_error(server: Server, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["PNG", "GIF", "TIFF", "WEBP", "JPEG", "BMP", "PPM"]))
    file = io.BytesIO()
    Image.fromarray(np.arange(784, dtype=np.uint8).reshape(28, 28)).save(file, kind)
    content = bytearray(file.getvalue())
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    status, answer = server.post(bytes(content[: data.draw(st.integers(1, len(content)))]))
    assert status in (200, 413, 415, 422), answer


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from(["image/png", JSON, "multipart/form-data; boundary=limit", "application/x-www-form-urlencoded"]),
)
def test_any_bytes_are_never_the_services_error(server: Server, content: bytes, kind: str) -> None:
    assert server.post(content, kind=kind)[0] in (400, 413, 415)
    for encoding in ("gzip", "deflate", "br"):
        headers = {"Content-Type": kind, "Content-Encoding": encoding}
        assert server.ask("POST", "/predict", content, headers)[0] in (400, 413, 415)
