"""Where answers go beside standard output: one file, or a folder of parts."""

import os
from collections.abc import Iterable
from typing import Protocol, cast, get_args

from service.batch import storage
from service.batch.encoding import FileFormat
from service.batch.engine import Engine
from service.batch.names import title
from service.batch.parts import PartFolder
from service.batch.progress import Report
from service.batch.references import Reference
from service.batch.row_file import ParquetFile, RowFile
from service.batch.rows import Answer
from service.batch.tasks import Task
from service.errors import UnwritableOutput


class Output(Protocol):
    """Where the answers of a task go."""

    def prepare(self, resume: bool) -> None:
        """Check that nothing is there already, or that a run can go on with it.

        Raises:
            UnwritableOutput: something is there, and `resume` is false.

        """
        ...

    def write(self, references: Iterable[Reference], engine: Engine, report: Report) -> None:
        """Write the answers that aren't there yet, in the order of the images.

        Raises:
            OutputMismatch: the output holds the answers of other images.
            ServiceError: the engine raises it.

        """
        ...


def find_output(address: str, file_format: FileFormat | None, task: Task[Answer]) -> Output:
    """Return the output at an address: a file if its suffix is that of a format, else a folder of parts.

    Raises:
        UnwritableOutput: the format is not that of the suffix, or one file is to be written to a store.

    """
    path = storage.local_path(address)
    suffix = cast(FileFormat, os.path.splitext(path)[1].lower().removeprefix("."))
    if suffix not in get_args(FileFormat) or os.path.isdir(path):
        return PartFolder(path, file_format or "csv", task)
    if file_format not in (None, suffix):
        raise UnwritableOutput(f"{title(address)} is not a name for the format {file_format}.")
    if storage.is_remote(path):
        raise UnwritableOutput(f"{title(address)} can't be written row by row in a store: name a folder there.")
    return ParquetFile(path, task) if suffix == "parquet" else RowFile(path, suffix, task)
