"""Files are taken out of a form as werkzeug takes them, plain or not, and in the order sent."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from service.routes import multipart
from tests.conftest import SEVEN, Server
from tests.conftest import multipart as form

BOUNDARY = "limit"
PLAIN = b'Content-Disposition: form-data; name="a"; filename="7.png"'

# What forms consist of, and what looks like it.
PIECES = st.sampled_from(
    [b"--limit", b"--limit--", b"--limi", b"--limits", b"\r\n", b"\r", b"\n", b"\r\n\r\n", b"--", b"x", b" ", b"\x85",
     PLAIN, PLAIN + b"\r\nContent-Type: image/png", b'Content-Disposition: form-data; name="a"',
     b"Content-Disposition: form-data; name=a; filename=b", b'content-disposition:form-data;filename="b"',
     b'Content-Disposition: form-data; name="a"; filename=""', b"Content-Type: text/plain", b"X: y"]
)  # fmt: skip
NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=6)


def by_werkzeug(body: bytes) -> list[tuple[str | None, bytes]]:
    _, _, files = FormDataParser().parse(io.BytesIO(body), "multipart/form-data", len(body), {"boundary": BOUNDARY})
    return [(file.filename, file.read()) for _, file in files.items(multi=True)]


def read(body: bytes) -> list[multipart.File]:
    return multipart.read(body, BOUNDARY, 1000, 500_000)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(NAMES, NAMES, st.lists(PIECES | st.binary(max_size=9), max_size=4)), max_size=4))
def test_files_of_any_names_and_bytes(parts: list[tuple[str, str, list[bytes]]]) -> None:
    body = b"".join(
        b'--limit\r\nContent-Disposition: form-data; name="%b"; filename="%b"\r\n\r\n%b\r\n'
        % (field.encode(), name.encode(), b"".join(content))
        for field, name, content in parts
    )
    same_field = len({field for field, *_ in parts}) < 2
    found, expected = read(body + b"--limit--\r\n"), by_werkzeug(body + b"--limit--\r\n")
    assert found == expected if same_field else sorted(map(repr, found)) == sorted(map(repr, expected))


@settings(max_examples=1000, deadline=None)
@given(st.lists(PIECES, max_size=14).map(b"".join))
def test_what_is_nearly_a_form(body: bytes) -> None:
    assert read(body) == by_werkzeug(body)
    whole = b"--limit\r\n" + PLAIN + b"\r\n\r\n" + body + b"\r\n--limit--\r\n"
    assert read(whole) == by_werkzeug(whole)


def test_plain_forms_are_split_and_others_are_not() -> None:
    body, _ = form(("a.png", b"1"), ("b.png", b"\r\n\r\n--limi\r"), ("", b""))
    assert multipart.split(body, b"limit") == [("a.png", b"1"), ("b.png", b"\r\n\r\n--limi\r"), ("", b"")]
    typed = body.replace(b'"a.png"', b'"a.png"\r\nContent-Type: image/svg+xml')
    assert multipart.split(typed, b"limit") == multipart.split(body, b"limit")
    for other in (body[2:], body[:-2] + b"\n", b"\r\n" + body, body + b"epilogue", body.replace(b"a.png", b"\xc3\xa4")):
        assert multipart.split(other, b"limit") is None


@pytest.mark.parametrize("plain", [True, False])
def test_no_more_parts_are_read_than_may_be(plain: bool) -> None:
    body, _ = form(*[("a.png", b"1")] * 3)
    body = body if plain else b"preamble\r\n" + body
    assert len(multipart.read(body, BOUNDARY, 3, None)) == 3
    with pytest.raises(RequestEntityTooLarge):
        multipart.read(body, BOUNDARY, 2, None)


def test_a_boundary_that_is_none_has_no_files() -> None:
    body, _ = form(("a.png", b"1"))
    for boundary in ("", "\u00e4", "other"):
        assert multipart.read(body, boundary, None, None) == []


@pytest.mark.parametrize("preamble", [b"", b"preamble\r\n"])
def test_the_order_is_that_of_the_files_whatever_their_fields(server: Server, preamble: bytes) -> None:
    body = b"".join(
        form((name, content), field=field)[0].removesuffix(b"--limit--\r\n")
        for field, name, content in (("a", "1", b"x"), ("b", "2", SEVEN.read_bytes()), ("a", "3", b""))
    )
    headers = {"Content-Type": "multipart/form-data; boundary=limit"}
    status, answer = server.ask("POST", "/predict/batch", preamble + body + b"--limit--\r\n", headers)
    assert status == 200
    codes = [each.get("code") for each in answer["predictions"]]
    assert codes == ["unreadable_image", None, "empty_image"]
