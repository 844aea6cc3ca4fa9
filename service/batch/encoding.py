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
        file = io.BytesIO()
        import_pyarrow().parquet.write_table(make_table(layout, names, outcomes), file)
        return file.getvalue()
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


def make_table(layout: Layout[Answer], names: Sequence[str], outcomes: Sequence[Answer | ServiceError]) -> Any:
    """Return pyarrow's table with the columns of the CSV file."""
    cells = zip(*(rows.to_cells(layout, *row) for row in zip(names, outcomes, strict=True)), strict=True)
    schema = make_schema(layout)
    columns = [import_pyarrow().array(column, kind) for column, kind in zip(cells, schema.types, strict=True)]
    return import_pyarrow().table(columns, schema=schema)


def make_schema(layout: Layout[Answer]) -> Any:
    """Return pyarrow's schema of a Parquet file. Probabilities are those of the model, float32."""
    pyarrow = import_pyarrow()
    types = {str: pyarrow.string(), int: pyarrow.int32(), float: pyarrow.float32(), bool: pyarrow.bool_()}
    return pyarrow.schema([(name, types[layout.columns.get(name, str)]) for name in rows.column_names(layout)])


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
