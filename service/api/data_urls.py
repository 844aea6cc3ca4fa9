"""Files as text: base64 (RFC 4648) and data: URLs (RFC 2397), in the variants that clients send."""

import base64
from urllib.parse import unquote, unquote_to_bytes

from service.errors import InvalidBase64

SCHEME = "data:"
_STANDARD_ALPHABET = bytes.maketrans(b"-_", b"+/")


def decode(text: str) -> bytes:
    """Decode base64 or a data: URL to the bytes of a file.

    Base64 may use either alphabet, lack padding, have line breaks, and be percent-encoded.

    Raises:
        InvalidBase64: the text is neither.

    """
    text = text.strip()
    if not is_data_url(text):
        text = unquote(text).strip()  # a whole data: URL may be percent-encoded, too
    header, comma, data = text.partition(",") if is_data_url(text) else ("", ",", text)
    if not comma:
        raise InvalidBase64("The data: URL has no comma.")
    content = unquote_to_bytes(data)
    is_base64 = not header or "base64" in map(str.strip, header.lower().split(";"))
    return _decode_base64(content) if is_base64 else content


def is_data_url(text: str) -> bool:
    """Check whether a text is a data: URL."""
    return text[: len(SCHEME)].lower() == SCHEME


def _decode_base64(text: bytes) -> bytes:
    digits = b"".join(text.split()).translate(_STANDARD_ALPHABET).rstrip(b"=")
    try:
        return base64.b64decode(digits + b"=" * (-len(digits) % 4), validate=True)
    except ValueError as error:
        raise InvalidBase64(f"The image is not base64: {error}.") from error
