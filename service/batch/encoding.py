"""Rows of answers as the bytes of a file: CSV, JSON lines or Parquet."""

import io
from collections.abc import Sequence
from typing import Any, Literal

from service.batch import rows
from service.batch.rows import Answer, Layout
from service.errors import MissingPackage, ServiceError

FileFormat = Literal["csv", "jsonl", "parquet"]


def encode(
    file_format: FileFormat, layout: Layout[Answer], names: Sequence[str], outcomes: Sequence[Answer | ServiceError]
) -> bytes:
    """Return the file with a row for each image."""
    if file_format == "parquet":
        return encode_parquet(layout, names, outcomes)
    head = [header] if (header := format_header(file_format, layout)) else []
    return "".join(
        [*head, *(format_row(file_format, layout, *row) for row in zip(names, outcomes, strict=True))]
    ).encode()


def format_header(file_format: FileFormat, layout: Layout[Answer]) -> str:
    """Return the first line of a CSV file with its line break; nothing for JSON lines."""
    return rows.format_csv_header(layout) + "\n" if file_format == "csv" else ""


def format_row(file_format: FileFormat, layout: Layout[Answer], name: str, outcome: Answer | ServiceError) -> str:
    """Return the row of an image in CSV or JSON lines, with its line break."""
    if file_format == "csv":
        return rows.format_csv_row(layout, name, outcome) + "\n"
    return rows.format_json_row(name, outcome) + "\n"


def encode_parquet(layout: Layout[Answer], names: Sequence[str], outcomes: Sequence[Answer | ServiceError]) -> bytes:
    """Return a Parquet file with the columns of the CSV file."""
    pyarrow = import_pyarrow()
    from pyarrow import parquet

    table = [rows.to_cells(layout, *row) for row in zip(names, outcomes, strict=True)]
    schema = _schema(layout)
    columns = [
        pyarrow.array(column, field.type) for column, field in zip(zip(*table, strict=True), schema, strict=True)
    ]
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(columns, schema=schema), file)
    return file.getvalue()


def _schema(layout: Layout[Answer]) -> Any:
    import pyarrow

    types = {str: pyarrow.string(), int: pyarrow.int32(), float: pyarrow.float32(), bool: pyarrow.bool_()}
    text = [(name, pyarrow.string()) for name in ("file", "error", "code")]
    return pyarrow.schema([text[0], *((name, types[kind]) for name, kind in layout.columns.items()), *text[1:]])


def import_pyarrow() -> Any:
    """Return pyarrow.

    Raises:
        MissingPackage: it isn't installed.

    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingPackage.of("Parquet", "pyarrow", "batch") from None
    return pyarrow
