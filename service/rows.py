"""What was seen in each file, as one line of text: of a table for people, of CSV or of JSON."""

import csv
import io
import os
import shutil
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import click
import msgspec

from service.errors import ServiceError

if TYPE_CHECKING:
    from service.files import Outcome

Form = Literal["table", "csv", "jsonl"]

COLUMNS = ["file", "digit", "confidence", "uncertain", *(f"p{digit}" for digit in range(10)), "error", "code"]


def write(form: Form, files: Sequence[str], outcomes: Iterable["Outcome"]) -> bool:
    """Write a line for each file to standard output, as its outcome comes, and tell whether all are predictions."""
    all_predicted, width = True, _column_width(files)
    for number, (file, outcome) in enumerate(zip(files, outcomes, strict=True)):
        if number == 0 and form != "jsonl":
            click.echo(_header(form, width))
        click.echo(_row(form, file, outcome, width).encode())
        all_predicted &= not isinstance(outcome, ServiceError)
    return all_predicted


def as_unicode(name: str) -> str:
    """Return a file's name for JSON and HTML, which are Unicode; names are any bytes."""
    return os.fsencode(name).decode(errors="replace")


def printable(name: str) -> str:
    """Return a file's name for a terminal, without what would move or color its text."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in name)


def title(path: str) -> str:
    """Return a file's path for a sentence."""
    return printable(as_unicode(path))


def _column_width(files: Sequence[str]) -> int:
    room = shutil.get_terminal_size().columns - len("  digit  confidence  uncertain")
    return max(len("file"), min(room, max(map(len, files))))


def _header(form: Form, width: int) -> str:
    return f"{'file':{width}}  digit  confidence" if form == "table" else _csv_line(COLUMNS)


def _row(form: Form, file: str, outcome: "Outcome", width: int) -> str:
    name = as_unicode(file)
    if form == "table":
        return _table_line(name, outcome, width)
    return _csv_line(_cells(name, outcome)) if form == "csv" else _json_line(name, outcome)


def _table_line(name: str, outcome: "Outcome", width: int) -> str:
    name = printable(name)
    if isinstance(outcome, ServiceError):
        return f"{name:{width}}  {outcome}"
    mark = "  uncertain" if outcome.uncertain else ""
    return f"{name:{width}}  {outcome.digit:5}  {outcome.confidence:10.2%}{mark}"


def _cells(name: str, outcome: "Outcome") -> list[object]:
    if isinstance(outcome, ServiceError):
        return [name, *[""] * 13, outcome, outcome.code]
    uncertain = "true" if outcome.uncertain else "false"  # as in JSON, where Python has a capital
    return [name, outcome.digit, outcome.confidence, uncertain, *outcome.probabilities, "", ""]


def _csv_line(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().removesuffix("\r\n")


def _json_line(name: str, outcome: "Outcome") -> str:
    if isinstance(outcome, ServiceError):
        fields = {"error": str(outcome), "code": outcome.code}
    else:
        fields = msgspec.structs.asdict(outcome)
    return msgspec.json.encode({"file": name} | fields).decode()
