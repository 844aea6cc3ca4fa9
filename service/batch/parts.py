"""Answers in a folder of parts: each is written whole or not at all, so that a run that was killed can go on."""

import re
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from typing import Generic, NamedTuple

from service.batch import encoding, processes, storage
from service.batch.encoding import FileFormat
from service.batch.names import as_unicode, title
from service.batch.references import Chunk, Reference
from service.batch.rows import Answer
from service.batch.tasks import Task
from service.errors import OutputMismatch, ServiceError, UnwritableOutput

# A multiple of all chunks, so that parts hold whole chunks. Its rows take some 3 MB as CSV, and seconds of a core.
PART_IMAGES = 10_240

PART_FILE = re.compile(r"part-(\d{6,})-[0-9a-f]{8}\.(?:csv|jsonl|parquet)")

Outcomes = Sequence[Answer | ServiceError]
AnswerChunks = Callable[[Task[Answer], Iterable[Chunk]], Generator[tuple[Reference, Answer | ServiceError], None, None]]


class Part(NamedTuple):
    """The images of one part, in their order."""

    number: int
    references: Sequence[Reference]


class Progress(NamedTuple):
    """How many images have been answered since the last report, how many of them by an error, and how many earlier."""

    images: int = 0
    errors: int = 0
    earlier: int = 0


Report = Callable[[Progress], None]


@dataclass(frozen=True)
class PartFolder(Generic[Answer]):
    """A folder, or the beginning of the keys in a bucket, with a file for each part. It can be pickled."""

    address: str
    file_format: FileFormat
    task: Task[Answer]

    def file_name(self, part: Part) -> str:
        """Return the name of a part's file, such as part-000003-5f2a9c1b.csv."""
        # The digest tells the part of other images, and of another task, apart without opening it.
        names = "\0".join([self.task.kind, *(as_unicode(reference.name) for reference in part.references)])
        digest = blake2b(names.encode(), digest_size=4).hexdigest()
        return f"part-{part.number:06}-{digest}.{self.file_format}"

    def write(self, part: Part, outcomes: Outcomes[Answer]) -> Progress:
        """Write the answers of a part, whole or not at all.

        Raises:
            UnwritableOutput: the file can't be written.

        """
        names = [reference.name for reference in part.references]
        data = encoding.encode(self.file_format, self.task.layout, names, outcomes)
        storage.write_whole(storage.join(self.address, self.file_name(part)), data)
        return Progress(len(outcomes), sum(isinstance(outcome, ServiceError) for outcome in outcomes))

    def list_missing(self, references: Iterable[Reference], report: Report) -> Iterator[Part]:
        """Yield the parts that have no file yet, and report the others.

        Raises:
            OutputMismatch: a part holds the answers of other images.

        """
        files = self._list_files()
        for part in split_parts(references):
            file = files.pop(part.number, None)
            if file is None:
                yield part
            elif file == self.file_name(part):
                report(Progress(earlier=len(part.references)))
            else:
                raise self._mismatch(file)
        for file in files.values():  # of parts beyond the last
            raise self._mismatch(file)

    def check_new(self) -> None:
        """Check that the folder has no parts.

        Raises:
            UnwritableOutput: it has one.

        """
        if self._list_files():
            raise UnwritableOutput(
                f"There are parts in {title(self.address)} already: name another output, or go on with --resume."
            )

    def _list_files(self) -> dict[int, str]:
        with storage.writing(self.address):
            names = storage.list_names(self.address)
        return {int(match[1]): name for name in names if (match := PART_FILE.fullmatch(name))}

    def _mismatch(self, file: str) -> OutputMismatch:
        return OutputMismatch(
            f"{title(storage.join(self.address, file))} holds other answers than this command would write: other "
            "images, or another form. Name another output."
        )


def split_parts(references: Iterable[Reference]) -> Iterator[Part]:
    """Yield references as parts."""
    for number, chunk in enumerate(processes.split(references, PART_IMAGES)):
        yield Part(number, chunk)


def write_parts(
    folder: PartFolder[Answer], parts: Iterable[Part], answer_chunks: AnswerChunks[Answer]
) -> Iterator[Progress]:
    """Write parts by an engine that answers chunks in their order, and yield how far it is."""
    begun: deque[Part] = deque()
    answers = answer_chunks(folder.task, _begin_chunks(folder.task, parts, begun))
    for first in answers:
        part = begun.popleft()
        rest = islice(answers, len(part.references) - 1)
        yield folder.write(part, [outcome for _, outcome in (first, *rest)])


def _begin_chunks(task: Task[Answer], parts: Iterable[Part], begun: deque[Part]) -> Iterator[Chunk]:
    for part in parts:
        begun.append(part)
        yield from processes.split(part.references, task.chunk_images)
