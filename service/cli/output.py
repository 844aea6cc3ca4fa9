"""One row for each file, in a table for people, in CSV or in JSON lines; and errors as messages."""

import csv
import io
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import click
import msgspec

from service.errors import ServiceError
from service.inference.schemas import ErrorResponse, Prediction, Reading

Format = Literal["table", "csv", "jsonl"]
Answer = TypeVar("Answer", bound=msgspec.Struct)


@dataclass(frozen=True)
class Layout(Generic[Answer]):
    """The columns of one kind of answer, in a table and in CSV. JSON has all fields of an answer."""

    table_header: str
    table_text: Callable[[Answer], str]
    csv_header: Sequence[str]
    csv_cells: Callable[[Answer], list[object]]


def _prediction_table_text(prediction: Prediction) -> str:
    return f"{prediction.digit:5}  {prediction.confidence:10.2%}{_uncertain_mark(prediction.uncertain)}"


def _prediction_csv_cells(prediction: Prediction) -> list[object]:
    return [prediction.digit, prediction.confidence, _format_boolean(prediction.uncertain), *prediction.probabilities]


def _reading_table_text(reading: Reading) -> str:
    return reading.text.replace("\n", " ") + _uncertain_mark(_is_uncertain(reading))


def _reading_csv_cells(reading: Reading) -> list[object]:
    confidence = min(digit.confidence for digit in reading.digits)
    return [reading.text, len(reading.digits), confidence, _format_boolean(_is_uncertain(reading))]


def _is_uncertain(reading: Reading) -> bool:
    return any(digit.uncertain for digit in reading.digits)


def _uncertain_mark(uncertain: bool) -> str:
    return "  uncertain" if uncertain else ""


def _format_boolean(value: bool) -> str:
    return "true" if value else "false"  # as in JSON


PREDICTIONS = Layout(
    "digit  confidence",
    _prediction_table_text,
    ["digit", "confidence", "uncertain", *(f"p{digit}" for digit in range(10))],
    _prediction_csv_cells,
)
READINGS = Layout("text", _reading_table_text, ["text", "digits", "confidence", "uncertain"], _reading_csv_cells)


def write_rows(
    row_format: Format, layout: Layout[Answer], files: Sequence[str], outcomes: Iterable[Answer | ServiceError]
) -> bool:
    """Write a row for each file to standard output as soon as its outcome is there. Return whether none is an error."""
    all_answered, width = True, _column_width(files)
    for number, (file, outcome) in enumerate(zip(files, outcomes, strict=True)):
        if number == 0 and row_format != "jsonl":
            click.echo(_format_header(row_format, layout, width))
        click.echo(_format_row(row_format, layout, as_unicode(file), outcome, width).encode())
        all_answered &= not isinstance(outcome, ServiceError)
    return all_answered


def as_unicode(name: str) -> str:
    """Return a file's name in valid Unicode, for JSON and HTML. File names may hold any bytes."""
    return os.fsencode(name).decode(errors="replace")


def printable(name: str) -> str:
    """Return a file's name for a terminal, without control characters."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in name)


def title(path: str) -> str:
    """Return a file's path for a message."""
    return printable(as_unicode(path))


@contextmanager
def cli_errors() -> Iterator[None]:
    """Print an error of the service as one sentence, without a traceback, and exit with code 1."""
    try:
        yield
    except ServiceError as error:
        raise click.ClickException(str(error)) from error


def _column_width(files: Sequence[str]) -> int:
    space = shutil.get_terminal_size().columns - len("  digit  confidence  uncertain")
    return max(len("file"), min(space, max(map(len, files))))


def _format_header(row_format: Format, layout: Layout[Answer], width: int) -> str:
    if row_format == "table":
        return f"{'file':{width}}  {layout.table_header}"
    return _format_csv_line(["file", *layout.csv_header, "error", "code"])


def _format_row(
    row_format: Format, layout: Layout[Answer], name: str, outcome: Answer | ServiceError, width: int
) -> str:
    if row_format == "table":
        return f"{printable(name):{width}}  {_format_table_text(layout, outcome)}"
    if row_format == "csv":
        return _format_csv_line(_format_csv_cells(layout, name, outcome))
    return _format_json_line(name, outcome)


def _format_table_text(layout: Layout[Answer], outcome: Answer | ServiceError) -> str:
    if isinstance(outcome, ServiceError):
        return str(outcome)
    return layout.table_text(outcome)


def _format_csv_cells(layout: Layout[Answer], name: str, outcome: Answer | ServiceError) -> list[object]:
    if isinstance(outcome, ServiceError):
        return [name, *[""] * len(layout.csv_header), outcome, outcome.code]
    return [name, *layout.csv_cells(outcome), "", ""]


def _format_csv_line(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().removesuffix("\r\n")


def _format_json_line(name: str, outcome: msgspec.Struct | ServiceError) -> str:
    struct = ErrorResponse.of(outcome) if isinstance(outcome, ServiceError) else outcome
    return msgspec.json.encode({"file": name} | msgspec.structs.asdict(struct)).decode()
