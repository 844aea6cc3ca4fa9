"""Rows of answers, one for each image: their columns, and their text in CSV and in JSON lines."""

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from service.batch.names import as_unicode
from service.errors import ServiceError
from service.inference.schemas import ErrorResponse, Prediction, Reading

Answer = TypeVar("Answer", bound=msgspec.Struct)
Cell = str | int | float | bool


@dataclass(frozen=True)
class Layout(Generic[Answer]):
    """The columns of one kind of answer, in a table and in files. JSON has all fields of an answer."""

    table_header: str
    table_text: Callable[[Answer], str]
    columns: dict[str, type[Cell]]
    cells: Callable[[Answer], list[Cell]]


def _prediction_table_text(prediction: Prediction) -> str:
    return f"{prediction.digit:5}  {prediction.confidence:10.2%}{_uncertain_mark(prediction.uncertain)}"


def _prediction_cells(prediction: Prediction) -> list[Cell]:
    return [prediction.digit, prediction.confidence, prediction.uncertain, *prediction.probabilities]


def _reading_table_text(reading: Reading) -> str:
    return reading.text.replace("\n", " ") + _uncertain_mark(_is_uncertain(reading))


def _reading_cells(reading: Reading) -> list[Cell]:
    confidence = min(digit.confidence for digit in reading.digits)
    return [reading.text, len(reading.digits), confidence, _is_uncertain(reading)]


def _is_uncertain(reading: Reading) -> bool:
    return any(digit.uncertain for digit in reading.digits)


def _uncertain_mark(uncertain: bool) -> str:
    return "  uncertain" if uncertain else ""


PREDICTIONS = Layout(
    "digit  confidence",
    _prediction_table_text,
    {"digit": int, "confidence": float, "uncertain": bool, **{f"p{digit}": float for digit in range(10)}},
    _prediction_cells,
)
READINGS = Layout(
    "text",
    _reading_table_text,
    {"text": str, "digits": int, "confidence": float, "uncertain": bool},
    _reading_cells,
)


def column_names(layout: Layout[Answer]) -> list[str]:
    """Return the names of the columns of a file."""
    return ["file", *layout.columns, "error", "code"]


def to_cells(layout: Layout[Answer], name: str, outcome: Answer | ServiceError) -> list[Cell | None]:
    """Return the cells of a row. Those of an error are None but for its name, its sentence and its code."""
    if isinstance(outcome, ServiceError):
        return [as_unicode(name), *[None] * len(layout.columns), str(outcome), outcome.code]
    return [as_unicode(name), *layout.cells(outcome), None, None]


def format_csv_header(layout: Layout[Answer]) -> str:
    """Return the first line of a CSV file."""
    return _format_csv_line(column_names(layout))


def format_csv_row(layout: Layout[Answer], name: str, outcome: Answer | ServiceError) -> str:
    """Return the line of an image in a CSV file. It is several lines where a cell has line breaks."""
    return _format_csv_line(map(_to_csv, to_cells(layout, name, outcome)))


def format_json_row(name: str, outcome: msgspec.Struct | ServiceError) -> str:
    """Return the line of an image in JSON lines."""
    struct = ErrorResponse.of(outcome) if isinstance(outcome, ServiceError) else outcome
    return msgspec.json.encode({"file": as_unicode(name)} | msgspec.structs.asdict(struct)).decode()


def _to_csv(cell: Cell | None) -> object:
    return str(cell).lower() if isinstance(cell, bool) else cell  # as in JSON; None is written as nothing


def _format_csv_line(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().removesuffix("\r\n")
