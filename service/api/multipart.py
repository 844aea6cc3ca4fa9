"""The files and fields of multipart forms (RFC 7578): plain files are split at once, in a twentieth of werkzeug's time.

Names may be in any encoding, and are not used: as Latin-1 every byte of a form is a character, so that is how werkzeug
is shown it.
"""

import re
from collections.abc import Iterator
from itertools import chain

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from service.errors import NoImage, TooLarge

MAX_HEAD_BYTES = 2**16  # of what stands before a part
CHUNK_BYTES = 2**14  # parsed at a time

# What curl, browsers, requests and httpx write before a file, unless its name has a quote or more than ASCII.
_HEAD = re.compile(
    rb'Content-Disposition: form-data; name="[ !#-\[\]-~]*"; filename="([ !#-\[\]-~]*)"'
    rb"(?:\r\nContent-Type: [\w./+-]+)?"
)
_BOUNDARY = re.compile(r';\s*boundary=(?:"(?P<quoted>[^"]*)"|(?P<token>[^\s;"]*))', re.IGNORECASE)
# Where werkzeug can't read a file's name, as one in Shift JIS that ends in a backslash, it takes the file for a field.
_FILE_NAME = re.compile(r";\s*filename\*?[\d*]*=", re.IGNORECASE)

NO_BOUNDARY = "The Content-Type is multipart/form-data without a boundary: let the HTTP library write this header."
WRONG_BOUNDARY = "The boundary in the Content-Type is nowhere in the form: let the HTTP library write this header."
CUT_SHORT = "The form is cut short: the boundary at its end is missing. Send it again, whole."
BROKEN = "The form is broken: each part must have a boundary before it and a Content-Disposition."

Value = tuple[str, bytes]  # of a field: its name and its content


def read_boundary(content_type: str) -> str:
    """Return the boundary that a Content-Type names, its bytes as Latin-1; "" if it names none."""
    match = _BOUNDARY.search(content_type)
    return (match["quoted"] or match["token"] or "") if match else ""


def read(body: bytes, boundary: str, max_parts: int | None) -> tuple[list[bytes], list[Value]]:
    """Read the files and the other fields of a form, each in the order sent; a file field left empty is none.

    Args:
        body: the whole form.
        boundary: what divides its parts.
        max_parts: parts that it may have.

    Raises:
        NoImage: the form is broken, or cut short, or has another boundary or none.
        TooLarge: it has more parts, or one with a head of over `MAX_HEAD_BYTES`.

    """
    delimiter = b"--" + boundary.encode("latin-1", "replace")
    if not boundary or delimiter not in body:
        raise NoImage(WRONG_BOUNDARY if boundary else NO_BOUNDARY)
    files = split(body, delimiter[2:])
    if files is not None and (max_parts is None or len(files) <= max_parts):
        return files, []
    try:
        return _parse(body, boundary, max_parts)
    except RequestEntityTooLarge as error:
        raise TooLarge(
            f"The form is too large: at most {max_parts} parts are read, each with a head of {MAX_HEAD_BYTES} bytes."
        ) from error
    except ValueError as error:
        raise NoImage(BROKEN if delimiter + b"--" in body else CUT_SHORT) from error


def split(body: bytes, boundary: bytes) -> list[bytes] | None:
    """Split a form of nothing but plain files, as `read` does; any other gives None."""
    before, *parts = body.split(b"--" + boundary)
    if before or not parts or parts.pop() not in (b"--\r\n", b"--"):
        return None
    files = []
    for part in parts:
        head, blank, content = part[2:-2].partition(b"\r\n\r\n")
        match = _HEAD.fullmatch(head)
        if not (blank and match and part.startswith(b"\r\n") and part.endswith(b"\r\n")):
            return None
        if match[1] or content:
            files.append(content)
    return files


def _parse(body: bytes, boundary: str, max_parts: int | None) -> tuple[list[bytes], list[Value]]:
    files: list[bytes] = []
    fields: list[Value] = []
    for part, content in _parts(_events(body, boundary, max_parts)):
        if not _is_file(part):
            fields.append((part.name or "", content))
        elif content or not isinstance(part, File) or part.filename:
            files.append(content)
    return files, fields


def _parts(events: Iterator[Event]) -> Iterator[tuple[File | Field, bytes]]:
    chunks: list[bytes] = []
    for event in events:
        if isinstance(event, (File, Field)):
            part, chunks = event, []
        elif isinstance(event, Data):
            chunks.append(event.data.decode().encode("latin-1"))
            if not event.more_data:
                yield part, b"".join(chunks)


def _events(body: bytes, boundary: str, max_parts: int | None) -> Iterator[Event]:
    decoder = MultipartDecoder(boundary.encode(), MAX_HEAD_BYTES, max_parts=max_parts)
    starts = range(0, len(body), CHUNK_BYTES)
    chunks = (body[start : start + CHUNK_BYTES].decode("latin-1").encode() for start in starts)
    for chunk in chain(chunks, [None]):
        decoder.receive_data(chunk)
        while not isinstance(event := decoder.next_event(), (NeedData, Epilogue)):
            yield event


def _is_file(part: File | Field) -> bool:
    return isinstance(part, File) or bool(_FILE_NAME.search(part.headers["content-disposition"]))
