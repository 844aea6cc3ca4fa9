"""Files are taken out of a form as werkzeug takes them, plain or not, and in the order sent."""

import base64
import io
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.formparser import FormDataParser

from service.api import multipart
from service.errors import NoImage, TooLarge
from tests.support.images import multipart as form
from tests.support.paths import SEVEN
from tests.support.server import Server

BOUNDARY = "limit"
HEADERS = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
PLAIN = b'Content-Disposition: form-data; name="a"; filename="7.png"'

# What forms consist of, and what looks like it.
PIECES = st.sampled_from(
    [b"--limit", b"--limit--", b"--limi", b"--limits", b"\r\n", b"\r", b"\n", b"\r\n\r\n", b"--", b"x", b" ", b"\x85",
     PLAIN, PLAIN + b"\r\nContent-Type: image/png", b'Content-Disposition: form-data; name="a"',
     b"Content-Disposition: form-data; name=a; filename=b", b'content-disposition:form-data;filename="b"',
     b'Content-Disposition: form-data; name="a"; filename=""', b"Content-Type: text/plain", b"X: y"]
)  # fmt: skip
NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\\"), max_size=6)


def by_werkzeug(body: bytes) -> list[bytes]:
    """Read the files of a form as werkzeug does where every byte is a character."""
    text = body.decode("latin-1").encode()
    _, _, files = FormDataParser().parse(io.BytesIO(text), "multipart/form-data", len(text), {"boundary": BOUNDARY})
    contents = ((file.filename, file.read().decode().encode("latin-1")) for _, file in files.items(multi=True))
    return [content for name, content in contents if name or content]


def read(body: bytes) -> list[bytes]:
    try:
        return multipart.parse_form(body, BOUNDARY, 1000)[0]
    except NoImage:
        return []


def form_of(parts: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Write a form of contents, each with its Content-Disposition after form-data."""
    written = [b"--limit\r\nContent-Disposition: form-data%b\r\n\r\n%b\r\n" % part for part in parts]
    return b"".join(written) + b"--limit--\r\n"


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(NAMES, NAMES, st.lists(PIECES | st.binary(max_size=9), max_size=4)), max_size=4))
def test_files_of_any_names_and_bytes(parts: list[tuple[str, str, list[bytes]]]) -> None:
    body = form_of(
        (b'; name="%b"; filename="%b"' % (field.encode(), name.encode()), b"".join(content))
        for field, name, content in parts
    )
    same_field = len({field for field, *_ in parts}) < 2
    files, expected = read(body), by_werkzeug(body)
    assert files == expected if same_field else sorted(files) == sorted(expected)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=6), st.binary(max_size=6), st.binary(min_size=1)), min_size=1, max_size=4))
def test_names_of_any_bytes_lose_no_file(parts: list[tuple[bytes, bytes, bytes]]) -> None:
    lines = [[part.translate(None, b"\r\n") for part in names] for *names, _ in parts]
    heads = [b'; name="%b.-"; filename="%b"' % (field.replace(b'"', b""), name) for field, name in lines]
    contents = [content for *_, content in parts]
    assert read(form_of(zip(heads, contents, strict=True))) == contents


@pytest.mark.parametrize(
    "file_name",
    [
        b'filename="\xe9.png"',  # Latin-1
        b"filename=\xe9.png",
        "filename=七.png".encode(),
        'filename="七.png"'.encode("gb2312"),
        'filename="表"'.encode("shift_jis"),  # its last byte is a backslash
        b"filename*=UTF-8''%E4%B8%83.png",
        b"filename*=GB2312''%C6%DF.png",
        b"filename=\"seven.png\"; filename*=ISO-8859-1''%E9.png",
        b"FileName*0*=UTF-8''%E4; filename*1=.png",
        b'filename="a"b.png"',
        b'filename="C:\\7.png"',
    ],
)
@pytest.mark.parametrize("field", [b"image", b"\xe9"])
def test_a_name_in_any_encoding_loses_no_file(server: Server, field: bytes, file_name: bytes) -> None:
    seven = SEVEN.read_bytes()
    odd, plain = b'; name="%b"; %b' % (field, file_name), b'; name="image"; filename="7.png"'
    assert server.ask("POST", "/predict", form_of([(odd, seven)]), HEADERS) == server.post(seven)
    body = form_of([(plain, seven), (odd, seven), (plain, b"no picture")])
    status, answer = server.ask("POST", "/predict/batch", body, HEADERS)
    assert (status, [item.get("digit") for item in answer["predictions"]]) == (200, [7, 7, None])


@settings(max_examples=1000, deadline=None)
@given(st.lists(PIECES, max_size=14).map(b"".join))
def test_what_is_nearly_a_form(body: bytes) -> None:
    assert read(body) == by_werkzeug(body)
    whole = b"--limit\r\n" + PLAIN + b"\r\n\r\n" + body + b"\r\n--limit--\r\n"
    assert read(whole) == by_werkzeug(whole)


def test_plain_forms_are_split_and_others_are_not() -> None:
    body, _ = form(("a.png", b"1"), ("b.png", b"\r\n\r\n--limi\r"), ("", b""))
    assert multipart.split_plain_form(body, b"limit") == [b"1", b"\r\n\r\n--limi\r"]  # without a file field left empty
    typed = body.replace(b'"a.png"', b'"a.png"\r\nContent-Type: image/svg+xml')
    assert multipart.split_plain_form(typed, b"limit") == multipart.split_plain_form(body, b"limit")
    for other in (body[2:], body[:-2] + b"\n", b"\r\n" + body, body + b"epilogue", body.replace(b"a.png", b"\xc3\xa4")):
        assert multipart.split_plain_form(other, b"limit") is None


@pytest.mark.parametrize("content", [bytes(range(256)) * 500, b"\r\n--limi" * 9000, b"\xff" * 2**17])
def test_large_files_of_odd_names_are_read_whole(content: bytes) -> None:
    head = b'; name="image"; filename="\xe9.png"'
    assert read(form_of([(head, content), (head, b"last")])) == [content, b"last"]


@pytest.mark.parametrize("plain", [True, False])
def test_no_more_parts_are_read_than_may_be(plain: bool) -> None:
    body, _ = form(*[("a.png", b"1")] * 3)
    body = body if plain else b"preamble\r\n" + body
    assert multipart.parse_form(body, BOUNDARY, 3) == ([b"1"] * 3, [])
    with pytest.raises(TooLarge):
        multipart.parse_form(body, BOUNDARY, 2)


def test_heads_without_end_are_refused() -> None:
    with pytest.raises(TooLarge):
        multipart.parse_form(b"--limit\r\n" + b"a:\n" * multipart.MAX_HEAD_BYTES, BOUNDARY, 3)


@pytest.mark.parametrize(
    ("parameter", "cut", "sentence"),
    [
        ("", None, multipart.NO_BOUNDARY),
        ("; boundary=", None, multipart.NO_BOUNDARY),
        ("; boundary=other", None, multipart.WRONG_BOUNDARY),
        ("; boundary=\xe9", None, multipart.WRONG_BOUNDARY),
        ("; boundary=limit", -3, multipart.CUT_SHORT),  # --limit-
        ("; boundary=limit", -11, multipart.CUT_SHORT),
        ("; boundary=limit", 100, multipart.CUT_SHORT),
        ("; boundary=limit", 20, multipart.CUT_SHORT),
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/read/batch"])
def test_a_broken_form_is_told_how(server: Server, path: str, parameter: str, cut: int | None, sentence: str) -> None:
    body, _ = form(("7.png", SEVEN.read_bytes()))
    status, answer = server.post(body[:cut], path, f"multipart/form-data{parameter}")
    assert (status, answer) == (400, {"error": sentence, "code": "no_image"})


def test_a_part_without_its_disposition_is_told(server: Server) -> None:
    status, answer = server.post(b"--limit\r\n\r\n7\r\n--limit--\r\n", kind=HEADERS["Content-Type"])
    assert (status, answer["error"]) == (400, multipart.BROKEN)


@pytest.mark.parametrize("boundary", ["a=b/c:d?e", '"a b"', '"limit"', "\xe9"])
def test_boundaries_as_clients_write_them(server: Server, boundary: str) -> None:
    body = form(("7.png", SEVEN.read_bytes()))[0].replace(b"limit", boundary.strip('"').encode("latin-1"))
    for headers in (f"multipart/form-data; Boundary={boundary}", f"multipart/form-data;boundary={boundary}; a=b"):
        assert server.post(body, kind=headers) == server.post(SEVEN.read_bytes())


def test_fields_without_a_files_name_are_read(server: Server) -> None:
    seven = SEVEN.read_bytes()
    text = base64.b64encode(seven)
    url = b"data:image/png;base64," + text
    empty = (b'; name="image"; filename=""', b"")
    for field, content in ((b"image", text), (b"image", url), (b"other", url), (b"images", seven)):
        parts = [empty, (b'; name="user"', b"Ada"), (b'; name="%b"' % field, content)]
        assert server.ask("POST", "/predict", form_of(parts), HEADERS) == server.post(seven)
    status, answer = server.ask("POST", "/read/batch", form_of([(b'; name="images"', url)] * 2), HEADERS)
    assert (status, [item["text"] for item in answer["readings"]]) == (200, ["7", "7"])
    file = (b'; name="a"; filename="b"', b"no picture")
    assert server.ask("POST", "/predict", form_of([file, (b'; name="image"', text)]), HEADERS)[0] == 415


@pytest.mark.parametrize(
    ("content", "code"), [(b"seven.png", "invalid_base64"), (b"four", "invalid_base64"), (b"", "no_image")]
)
@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
def test_other_text_in_a_field_is_told_how_to_send_a_file(server: Server, path: str, content: bytes, code: str) -> None:
    status, answer = server.ask("POST", path, form_of([(b'; name="image"', content)]), HEADERS)
    assert (status, answer["code"]) == (400, code)
    assert "-F image=@" in answer["error"]


@pytest.mark.parametrize("preamble", [b"", b"preamble\r\n"])
def test_the_order_is_that_of_the_files_whatever_their_fields(server: Server, preamble: bytes) -> None:
    body = b"".join(
        form((name, content), field=field)[0].removesuffix(b"--limit--\r\n")
        for field, name, content in (("a", "1", b"x"), ("b", "2", SEVEN.read_bytes()), ("a", "3", b""))
    )
    status, answer = server.ask("POST", "/predict/batch", preamble + body + b"--limit--\r\n", HEADERS)
    assert status == 200
    codes = [item.get("code") for item in answer["predictions"]]
    assert codes == ["unreadable_image", None, "empty_image"]
