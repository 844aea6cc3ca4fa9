"""Base64 and data: URLs are decoded to the bytes of files."""

import pytest

from service.api.data_urls import decode, is_data_url
from service.errors import InvalidBase64

CONTENT = b"\xfb\xff\xbf7"  # with + and / in base64


@pytest.mark.parametrize(
    "text",
    [
        "+/+/Nw==",
        "-_-_Nw==",
        "+/+/Nw",
        " +/+/\r\nNw==\n",
        "%2B%2F%2B%2FNw%3D%3D",
        "data:image/png;base64,+/+/Nw==",
        "DATA:;charset=x; BASE64 ,-_-_Nw",
        "data:,%FB%FF%BF7",
        "data%3Aimage/png%3Bbase64%2C-_-_Nw",
    ],
)
def test_each_variant_is_decoded(text: str) -> None:
    assert decode(text) == CONTENT


@pytest.mark.parametrize("text", ["no base64!", "abcde", "QQ==QQ==", "data:image/png;base64", "data:;base64,?"])
def test_other_text_is_rejected(text: str) -> None:
    with pytest.raises(InvalidBase64):
        decode(text)


def test_data_urls_are_recognized_by_their_scheme() -> None:
    assert is_data_url("Data:,7")
    assert not is_data_url("date:,7")
    assert not is_data_url("")
