"""Answers in one file: CSV and JSON lines, to which rows are appended, and Parquet, which is written whole."""

import csv
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO, Generic, Literal, NamedTuple

import msgspec

from service.batch import encoding, storage
from service.batch.engine import Engine
from service.batch.names import as_unicode, printable, title
from service.batch.progress import Progress, Report
from service.batch.references import Chunk, Reference, split
from service.batch.rows import Answer
from service.batch.tasks import Task
from service.errors import OutputMismatch, ServiceError, UnwritableOutput

GROUP_ROWS = 10_240  # in a row group of a Parquet file


class _Row(msgspec.Struct):
    """What is read of a row that is there already."""

    file: str


class _Rest(NamedTuple):
    """What is to be answered: chunks, the rows that are there of the first of them, and where the next row belongs."""

    chunks: Iterator[Chunk]
    rows: list[bytes]
    end: int


@dataclass(frozen=True)
class RowFile(Generic[Answer]):
    """A CSV file or JSON lines. Each row is written at once, and a run that was killed can go on."""

    path: str
    file_format: Literal["csv", "jsonl"]
    task: Task[Answer]

    def prepare(self, resume: bool) -> None:
        """Check that the file does not exist, unless a run goes on with it.

        Raises:
            UnwritableOutput: it exists.

        """
        if not resume and os.path.lexists(self.path):
            raise UnwritableOutput(f"{title(self.path)} exists already: name another output, or go on with --resume.")

    def write(self, references: Iterable[Reference], engine: Engine, report: Report) -> None:
        """Append the rows that are missing.

        Raises:
            OutputMismatch: the file has rows of other images, or other answers than this command gives.
            UnwritableOutput: the file can't be written.
            ServiceError: what the engine raises.

        """
        with storage.open_to_append(self.path) as file:
            rest = self._skip_rows(file, split(references, self.task.chunk_images), report)
            with closing(engine.answer_chunks(self.task, rest.chunks)) as answers:
                for row, answer in zip(rest.rows, answers, strict=False):
                    self._check_answer(row, *answer)
                with storage.writing(self.path):
                    file.truncate(rest.end)
                    file.write(b"" if rest.end else self._header)
                for chunk in split(answers, self.task.chunk_images):
                    self._append(file, chunk)
                    report(Progress.of([outcome for _, outcome in chunk]))

    @property
    def _header(self) -> bytes:
        return encoding.format_header(self.file_format, self.task.layout).encode()

    def _append(self, file: BinaryIO, answers: Iterable[tuple[Reference, Answer | ServiceError]]) -> None:
        rows = [self._format_row(*answer) for answer in answers]
        with storage.writing(self.path):
            file.write(b"".join(rows))
            file.flush()

    def _format_row(self, reference: Reference, outcome: Answer | ServiceError) -> bytes:
        return encoding.format_row(self.file_format, self.task.layout, reference.name, outcome).encode()

    def _skip_rows(self, file: BinaryIO, chunks: Iterator[Chunk], report: Report) -> _Rest:
        """Return the chunks to answer: those that the file lacks, after its last ones, whose answers are compared.

        Check the name in each whole row of the file against its image.
        """
        end = self._read_header(file)
        rows = self._read_rows(file)
        last: list[Chunk] = []
        last_rows: list[bytes] = []
        for chunk in chunks:
            there = [self._check_name(reference, row) for reference, row in zip(chunk, rows, strict=False)]
            report(Progress(earlier=len(there)))
            end += sum(map(len, there))
            if len(there) < len(chunk):
                return _Rest(chain(last, [chunk], chunks), last_rows + there, end)
            last, last_rows = [chunk], there
        for row in rows:
            name = printable(self._read_name(row))
            raise OutputMismatch(f"{title(self.path)} has a row of {name}, which is no image of these.")
        return _Rest(iter(()), [], end)

    def _read_header(self, file: BinaryIO) -> int:
        """Return where the rows begin: 0 if the file is empty, or ends in its header."""
        file.seek(0)
        head = file.read(len(self._header))
        if not self._header.startswith(head):
            raise OutputMismatch(f"{title(self.path)} has other columns than this command writes.")
        return len(head) if head == self._header else 0

    def _read_rows(self, file: BinaryIO) -> Iterator[bytes]:
        """Yield each whole row. The last row may be half written."""
        row = b""
        for line in file:
            row += line
            if not line.endswith(b"\n"):
                return
            if self.file_format == "csv" and row.count(b'"') % 2:  # the line break is in a cell
                continue
            yield row
            row = b""

    def _read_name(self, row: bytes) -> str:
        try:
            if self.file_format == "jsonl":
                return msgspec.json.decode(row, type=_Row).file
            return next(csv.reader(io.StringIO(row.decode(), newline="")))[0]
        except (ValueError, IndexError, csv.Error, msgspec.MsgspecError) as error:
            raise OutputMismatch(f"{title(self.path)} has a row that this command can't have written.") from error

    def _check_name(self, reference: Reference, row: bytes) -> bytes:
        if (name := self._read_name(row)) != as_unicode(reference.name):
            raise OutputMismatch(
                f"{title(self.path)} has a row of {printable(name)} where {title(reference.name)} is next: the images "
                "are others than before. Name another output."
            )
        return row

    def _check_answer(self, row: bytes, reference: Reference, outcome: Answer | ServiceError) -> None:
        if row != self._format_row(reference, outcome):
            raise OutputMismatch(
                f"{title(self.path)} has another answer for {title(reference.name)} than this command gives now: the "
                "version, the settings or the image are others than before. Name another output."
            )


@dataclass(frozen=True)
class ParquetFile(Generic[Answer]):
    """A Parquet file, written whole or not at all."""

    path: str
    task: Task[Answer]

    def prepare(self, resume: bool) -> None:
        """Check that the file does not exist, and that no run is to go on with it.

        Raises:
            UnwritableOutput: it exists, or `resume`.
            MissingPackage: pyarrow isn't installed.

        """
        encoding.import_pyarrow()
        if resume:
            raise UnwritableOutput("Nothing can be added to a Parquet file: for --resume, name a folder.")
        if os.path.lexists(self.path):
            raise UnwritableOutput(f"{title(self.path)} exists already: name another output.")

    def write(self, references: Iterable[Reference], engine: Engine, report: Report) -> None:
        """Write the file.

        Raises:
            UnwritableOutput: the file can't be written.
            ServiceError: what the engine raises.

        """
        chunks = split(references, self.task.chunk_images)
        with (
            storage.replacing(self.path) as file,
            encoding.import_pyarrow().parquet.ParquetWriter(file, encoding.make_schema(self.task.layout)) as writer,
            closing(engine.answer_chunks(self.task, chunks)) as answers,
        ):
            for group in split(answers, GROUP_ROWS):
                names, outcomes = [reference.name for reference, _ in group], [outcome for _, outcome in group]
                writer.write_table(encoding.make_table(self.task.layout, names, outcomes))
                report(Progress.of(outcomes))
