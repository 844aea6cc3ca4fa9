"""Images in a column of a Parquet file: bytes, or structs of bytes and path, as Hugging Face's datasets have them."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

from service.batch import storage
from service.batch.encoding import import_pyarrow
from service.batch.names import title
from service.errors import UnreadableFile, WrongColumn

DAMAGED = "This is not a Parquet file, or it is damaged."
BATCH_ROWS = 32  # read at a time
BYTES_FIELD = "bytes"  # of Hugging Face's structs


class ParquetRow(NamedTuple):
    """An image in a Parquet file: its row, counted from the first of its row group, and of the file."""

    file: str
    column: str
    group: int
    row: int
    number: int

    @property
    def name(self) -> str:
        """The address of the file, and the number of the row, counted from 0."""
        return f"{self.file}#{self.number}"

    def load(self, max_bytes: int) -> bytes:
        """Load the image.

        Raises:
            UnreadableFile: the file can't be read, is damaged, or has no bytes in this row.
            TooLarge: the image has more than `max_bytes` bytes.

        """
        with _reading(self.file):
            data = _open_column(self.file, self.column, self.group).read(self.row)
        if data is None:
            raise UnreadableFile("This row has no bytes.")
        if len(data) > max_bytes:
            raise storage.too_large(max_bytes)
        return data


def list_rows(file: str, column: str | None) -> Iterator[ParquetRow]:
    """Yield the rows of a Parquet file, in their order.

    Args:
        file: the path or address of the file.
        column: the column of the images; None where it is the only one of bytes.

    Raises:
        UnreadableFile: the file can't be read, or is damaged.
        WrongColumn: the file has no such column.

    """
    with _reading(file):
        table = _open(file)
        name, number = _choose_column(table.schema_arrow, file, column), 0
        for group in range(table.num_row_groups):
            for row in range(table.metadata.row_group(group).num_rows):
                yield ParquetRow(file, name, group, row, number)
                number += 1


def count_rows(file: str) -> int:
    """Return the number of rows of a Parquet file.

    Raises:
        UnreadableFile: the file can't be read, or is damaged.

    """
    with _reading(file):
        return int(_open(file).metadata.num_rows)


def _choose_column(schema: Any, file: str, column: str | None) -> str:
    named = [field for field in schema if schema.names.count(field.name) == 1]  # others can't be told apart
    names = [field.name for field in named if _is_bytes(field.type) or _bytes_field(field.type) is not None]
    if column in names:
        return str(column)
    if column is None and len(names) == 1:
        return str(names[0])
    columns = f"has several columns of bytes ({', '.join(names)})" if names else "has no column of bytes"
    problem = columns if column is None else f"has no column {column!r} of bytes"
    raise WrongColumn(f"{title(file)} {problem}: name that of the images with --column.")


class _Column:
    """The images in a column of a row group, read from its beginning on, a few at a time.

    A row group may have all images of a file, as pyarrow writes up to a million rows in one. Chunks come in their
    order, so that a process seldom has to go back.
    """

    def __init__(self, file: str, column: str, group: int) -> None:
        self._table = _open(file)
        self._column = column
        self._path = column + (f".{BYTES_FIELD}" if _bytes_field(self._table.schema_arrow.field(column).type) else "")
        self._group = group
        self._restart()

    def _restart(self) -> None:
        self._batches = self._table.iter_batches(BATCH_ROWS, [self._group], [self._path], use_threads=False)
        self._batch: Any = ()
        self._first = 0

    def read(self, row: int) -> bytes | None:
        """Return the image in a row, or None if there is none."""
        if row < self._first:
            self._restart()
        while row >= self._first + len(self._batch):
            self._first += len(self._batch)
            self._batch = next(self._batches, ())
            if not len(self._batch):
                raise UnreadableFile(DAMAGED)
        cell = self._batch.column(self._column)[row - self._first].as_py()
        return cell.get(BYTES_FIELD) if isinstance(cell, dict) else cell


@lru_cache(maxsize=1)
def _open_column(file: str, column: str, group: int) -> _Column:
    return _Column(file, column, group)


def _open(file: str) -> Any:
    # With a buffer the memory does not grow with the row group: 116 MB for one of 200,000 images, without it 158 MB.
    return import_pyarrow().parquet.ParquetFile(
        storage.open_file(file), pre_buffer=False, buffer_size=storage.BLOCK_BYTES
    )


@contextmanager
def _reading(file: str) -> Iterator[None]:
    """Turn what pyarrow raises into a sentence.

    Raises:
        UnreadableFile: the file can't be read, or is damaged.

    """
    errors = import_pyarrow().ArrowException
    with storage.reading(file):
        try:
            yield
        except errors as error:
            raise UnreadableFile(DAMAGED) from error


def _is_bytes(kind: Any) -> bool:
    types = import_pyarrow().types
    if types.is_dictionary(kind):
        return _is_bytes(kind.value_type)
    checks = (types.is_binary, types.is_large_binary, types.is_binary_view, types.is_fixed_size_binary)
    return any(check(kind) for check in checks)


def _bytes_field(kind: Any) -> Any:
    """Return the field of bytes in a struct, or None."""
    if not import_pyarrow().types.is_struct(kind):
        return None
    return next((field for field in kind if field.name == BYTES_FIELD and _is_bytes(field.type)), None)
