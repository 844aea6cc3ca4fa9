"""Parses multipart forms (RFC 7578). A form of plain files is split in a twentieth of the time that werkzeug takes.

Names in a form may have any encoding, and are not used. werkzeug gets the form as Latin-1, where every byte is a
character.
"""

import re
from collections.abc import Iterator
from itertools import chain

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from service.errors import NoImage, TooLarge

MAX_HEAD_BYTES = 2**16  # of the headers of a part
CHUNK_BYTES = 2**14  # that werkzeug parses at a time

# The headers that curl, browsers, requests and httpx write, unless the file name has a quote or non-ASCII characters.
_HEAD = re.compile(
    rb'Content-Disposition: form-data; name="[ !#-\[\]-~]*"; filename="([ !#-\[\]-~]*)"'
    rb"(?:\r\nContent-Type: [\w./+-]+)?"
)
_BOUNDARY = re.compile(r';\s*boundary=(?:"(?P<quoted>[^"]*)"|(?P<token>[^\s;"]*))', re.IGNORECASE)
# werkzeug takes a file for a field if it can't parse the name, such as one in Shift JIS that ends in a backslash.
_FILE_NAME = re.compile(r";\s*filename\*?[\d*]*=", re.IGNORECASE)

NO_BOUNDARY = "The Content-Type is multipart/form-data without a boundary: let the HTTP library write this header."
WRONG_BOUNDARY = "The boundary in the Content-Type is nowhere in the form: let the HTTP library write this header."
CUT_SHORT = "The form is cut short: the boundary at its end is missing. Send it again, whole."
BROKEN = "The form is broken: each part must have a boundary before it and a Content-Disposition."

FormField = tuple[str, bytes]  # name and content


def parse_boundary(content_type: str) -> str:
    """Return the boundary that a Content-Type names, its bytes as Latin-1, or "" if it names none."""
    match = _BOUNDARY.search(content_type)
    return (match["quoted"] or match["token"] or "") if match else ""


def parse_form(body: bytes, boundary: str, max_parts: int | None) -> tuple[list[bytes], list[FormField]]:
    """Return the files of a form and its other fields, both in the order sent. Empty file fields are left out.

    Args:
        body: the whole form.
        boundary: the text between its parts.
        max_parts: the number of parts that the form may have, or None for any number.

    Raises:
        NoImage: the form is broken or cut short, or does not contain the boundary.
        TooLarge: the form has more parts, or a part with more than `MAX_HEAD_BYTES` of headers.

    """
    delimiter = b"--" + boundary.encode("latin-1", "replace")
    if not boundary or delimiter not in body:
        raise NoImage(WRONG_BOUNDARY if boundary else NO_BOUNDARY)
    files = split_plain_form(body, delimiter[2:])
    if files is not None and (max_parts is None or len(files) <= max_parts):
        return files, []
    try:
        return _parse_with_werkzeug(body, boundary, max_parts)
    except RequestEntityTooLarge as error:
        raise TooLarge(
            f"The form is too large: at most {max_parts} parts are read, each with a head of {MAX_HEAD_BYTES} bytes."
        ) from error
    except ValueError as error:
        raise NoImage(BROKEN if delimiter + b"--" in body else CUT_SHORT) from error


def split_plain_form(body: bytes, boundary: bytes) -> list[bytes] | None:
    """Return the files of a form that consists of plain files, or None if the form is of another kind."""
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


def _parse_with_werkzeug(body: bytes, boundary: str, max_parts: int | None) -> tuple[list[bytes], list[FormField]]:
    files: list[bytes] = []
    fields: list[FormField] = []
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
