"""Raw tensors after the JSON of a request are split off, and BYTES tensors are read and written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.open_inference.binary import read_elements, split, write_elements
from service.errors import InvalidTensor, MalformedRequest


@given(st.lists(st.binary()))
def test_elements_are_read_as_they_were_written(elements: list[bytes]) -> None:
    assert read_elements(memoryview(write_elements(elements)), len(elements), "image") == elements


@pytest.mark.parametrize(
    ("raw", "count", "message"),
    [
        (b"", 1, "image has 0 elements, where its shape says 1."),
        (b"\1\0\0\0", 1, r"image\[0\] is cut short: 1 bytes are announced."),
        (b"\0\0\0\0\0", 1, "image has 1 bytes more than the 1 elements of its shape."),
    ],
)
def test_other_bytes_are_rejected(raw: bytes, count: int, message: str) -> None:
    with pytest.raises(InvalidTensor, match=message):
        read_elements(memoryview(raw), count, "image")


@pytest.mark.parametrize(
    ("length", "document", "raw"),
    [(None, b"{}rest", b""), ("2", b"{}", b"rest"), ("0", b"", b"{}rest"), ("6", b"{}rest", b"")],
)
def test_a_body_is_split_where_its_json_ends(length: str | None, document: bytes, raw: bytes) -> None:
    assert [bytes(part) for part in split(b"{}rest", length)] == [document, raw]


@pytest.mark.parametrize("length", ["7", "-1", "", "x", "\u0662", "9" * 30])
def test_other_lengths_are_rejected(length: str) -> None:
    with pytest.raises(MalformedRequest, match="is a number from 0 to 6, the bytes of the body"):
        split(b"{}rest", length)
