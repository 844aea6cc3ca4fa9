"""Forms as nearly all clients send them, taken apart without the framework, which reads all others."""

import re

_BOUNDARY = re.compile(
    r'multipart/form-data; ?boundary=(?P<quote>"?)(?P<boundary>[\w\'()+,./:=?-]{1,70})(?P=quote)', re.ASCII
)
_HEAD = re.compile(
    rb'\r\nContent-Disposition: form-data; name="[^"\\\r\n]*"(?P<file>; filename="(?P<name>[^"\\\r\n]*)")?\r\n'
    rb"(?:Content-Type: [\w.+/-]+\r\n)?\r\n",
    re.ASCII | re.IGNORECASE,
)
_ENDS = (b"--\r\n", b"--")


def read_files(body: bytes, content_type: str) -> list[tuple[bytes, bytes]] | None:
    """Take the name and the content of every file out of a form (RFC 7578); None for a form in any unusual shape."""
    if not (found := _BOUNDARY.fullmatch(content_type)):
        return None
    delimiter = b"--" + found["boundary"].encode()
    start, *parts = (b"\r\n" + body).split(b"\r\n" + delimiter)
    if start or not parts or parts.pop() not in _ENDS or body.count(delimiter) != len(parts) + 1:
        return None
    files = []
    for part in parts:
        if not (head := _HEAD.match(part)):
            return None
        if head["file"]:
            files.append((head["name"], part[head.end() :]))
    return files
