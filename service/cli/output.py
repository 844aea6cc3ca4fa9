"""Rows on standard output: a table for people, CSV or JSON lines; and errors as messages."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import click

from service.batch import rows
from service.batch.names import as_unicode, printable
from service.batch.references import Reference
from service.batch.rows import Answer, Layout
from service.errors import ServiceError

Format = Literal["table", "csv", "jsonl"]


def write_rows(
    row_format: Format, layout: Layout[Answer], answers: Iterable[tuple[Reference, Answer | ServiceError]], width: int
) -> bool:
    """Write a row for each image to standard output as soon as it is there. Return whether none is an error.

    Args:
        row_format: the form of the rows.
        layout: the columns of the rows.
        answers: each image with its outcome.
        width: the width of the column of names in a table.

    """
    all_answered = True
    for number, (reference, outcome) in enumerate(answers):
        if number == 0 and row_format != "jsonl":
            click.echo(_format_header(row_format, layout, width))
        click.echo(_format_row(row_format, layout, reference.name, outcome, width).encode())
        all_answered &= not isinstance(outcome, ServiceError)
    return all_answered


@contextmanager
def cli_errors() -> Iterator[None]:
    """Print an error of the service as one sentence, without a traceback, and exit with code 1."""
    try:
        yield
    except ServiceError as error:
        raise click.ClickException(str(error)) from error


def column_width(names: Sequence[str]) -> int:
    """Return the width of the column of names in a table."""
    space = shutil.get_terminal_size().columns - len("  digit  confidence  uncertain")
    return max(len("file"), min(space, max(map(len, names))))


def _format_header(row_format: Format, layout: Layout[Answer], width: int) -> str:
    return f"{'file':{width}}  {layout.table_header}" if row_format == "table" else rows.format_csv_header(layout)


def _format_row(
    row_format: Format, layout: Layout[Answer], name: str, outcome: Answer | ServiceError, width: int
) -> str:
    if row_format == "table":
        return f"{printable(as_unicode(name)):{width}}  {_format_table_text(layout, outcome)}"
    return rows.format_csv_row(layout, name, outcome) if row_format == "csv" else rows.format_json_row(name, outcome)


def _format_table_text(layout: Layout[Answer], outcome: Answer | ServiceError) -> str:
    return str(outcome) if isinstance(outcome, ServiceError) else layout.table_text(outcome)
