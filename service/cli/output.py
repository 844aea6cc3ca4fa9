"""What was seen or read in each file, as one row: of a table for people, of CSV or of JSON."""

import csv
import io
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import click
import msgspec

from service.errors import ServiceError
from service.inference.schemas import Prediction, Reading

Form = Literal["table", "csv", "jsonl"]
Answer = TypeVar("Answer", bound=msgspec.Struct)


@dataclass(frozen=True)
class Layout(Generic[Answer]):
    """How answers of one kind are shown between a file and its error; JSON has them as they are."""

    header: str  # of the table
    line: Callable[[Answer], str]
    columns: Sequence[str]  # of CSV
    cells: Callable[[Answer], list[object]]


def _prediction_line(prediction: Prediction) -> str:
    return f"{prediction.digit:5}  {prediction.confidence:10.2%}{_mark(prediction.uncertain)}"


def _prediction_cells(prediction: Prediction) -> list[object]:
    return [prediction.digit, prediction.confidence, _boolean(prediction.uncertain), *prediction.probabilities]


def _reading_line(reading: Reading) -> str:
    return reading.text.replace("\n", " ") + _mark(_is_uncertain(reading))


def _reading_cells(reading: Reading) -> list[object]:
    confidence = min(digit.confidence for digit in reading.digits)
    return [reading.text, len(reading.digits), confidence, _boolean(_is_uncertain(reading))]


def _is_uncertain(reading: Reading) -> bool:
    return any(digit.uncertain for digit in reading.digits)


def _mark(uncertain: bool) -> str:
    return "  uncertain" if uncertain else ""


def _boolean(value: bool) -> str:
    return "true" if value else "false"  # as in JSON, where Python has a capital


PREDICTIONS = Layout(
    "digit  confidence",
    _prediction_line,
    ["digit", "confidence", "uncertain", *(f"p{digit}" for digit in range(10))],
    _prediction_cells,
)
READINGS = Layout("text", _reading_line, ["text", "digits", "confidence", "uncertain"], _reading_cells)


def write(form: Form, layout: Layout[Answer], files: Sequence[str], outcomes: Iterable[Answer | ServiceError]) -> bool:
    """Write a row for each file to standard output, as its outcome comes, and tell whether all are answers."""
    all_answered, width = True, _column_width(files)
    for number, (file, outcome) in enumerate(zip(files, outcomes, strict=True)):
        if number == 0 and form != "jsonl":
            click.echo(_header(form, layout, width))
        click.echo(_row(form, layout, as_unicode(file), outcome, width).encode())
        all_answered &= not isinstance(outcome, ServiceError)
    return all_answered


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


def _header(form: Form, layout: Layout[Answer], width: int) -> str:
    if form == "table":
        return f"{'file':{width}}  {layout.header}"
    return _csv_line(["file", *layout.columns, "error", "code"])


def _row(form: Form, layout: Layout[Answer], name: str, outcome: Answer | ServiceError, width: int) -> str:
    if form == "table":
        return f"{printable(name):{width}}  {_line(layout, outcome)}"
    return _csv_line(_cells(layout, name, outcome)) if form == "csv" else _json_line(name, outcome)


def _line(layout: Layout[Answer], outcome: Answer | ServiceError) -> str:
    if isinstance(outcome, ServiceError):
        return str(outcome)
    return layout.line(outcome)


def _cells(layout: Layout[Answer], name: str, outcome: Answer | ServiceError) -> list[object]:
    if isinstance(outcome, ServiceError):
        return [name, *[""] * len(layout.columns), outcome, outcome.code]
    return [name, *layout.cells(outcome), "", ""]


def _csv_line(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().removesuffix("\r\n")


def _json_line(name: str, outcome: msgspec.Struct | ServiceError) -> str:
    if isinstance(outcome, ServiceError):
        fields = {"error": str(outcome), "code": outcome.code}
    else:
        fields = msgspec.structs.asdict(outcome)
    return msgspec.json.encode({"file": name} | fields).decode()
