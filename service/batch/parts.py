"""Answers in a folder of parts: each is written whole or not at all, so that a run that was killed can go on."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Generic, NamedTuple

from service.batch import encoding, storage
from service.batch.encoding import FileFormat
from service.batch.names import as_unicode, title
from service.batch.progress import Progress, Report
from service.batch.references import Reference, split
from service.batch.rows import Answer
from service.batch.tasks import Task
from service.errors import OutputMismatch, ServiceError, UnwritableOutput

if TYPE_CHECKING:
    from service.batch.engine import Engine

# A multiple of all chunks, so that parts hold whole chunks. Photos of 12 megapixels take 37 s of a core.
PART_IMAGES = 1024

PART_FILE = re.compile(r"part-(\d{6,})-[0-9a-f]{8}\.(?:csv|jsonl|parquet)")

Outcomes = Sequence[Answer | ServiceError]


class Part(NamedTuple):
    """The images of one part, in their order."""

    number: int
    references: Sequence[Reference]


@dataclass(frozen=True)
class PartFolder(Generic[Answer]):
    """A folder, or the beginning of the keys in a bucket, with a file for each part. It can be pickled."""

    address: str
    file_format: FileFormat
    task: Task[Answer]

    def prepare(self, resume: bool) -> None:
        """Check that the folder has no parts, unless a run goes on with them.

        Raises:
            UnwritableOutput: it has one.

        """
        if not resume and self.list_files():
            raise UnwritableOutput(
                f"There are parts in {title(self.address)} already: name another output, or go on with --resume."
            )

    def write(self, references: Iterable[Reference], engine: "Engine", report: Report) -> None:
        """Write the parts that are missing.

        Raises:
            OutputMismatch: a part holds the answers of other images.
            ServiceError: what the engine raises.

        """
        for progress in engine.write_parts(PartList(self, references)):
            report(progress)

    def file_name(self, part: Part) -> str:
        """Return the name of a part's file, such as part-000003-5f2a9c1b.csv."""
        # The digest tells the part of other images, and of another task, apart without opening it.
        names = "\0".join([self.task.kind, *(as_unicode(reference.name) for reference in part.references)])
        digest = blake2b(names.encode(), digest_size=4).hexdigest()
        return f"part-{part.number:06}-{digest}.{self.file_format}"

    def write_part(self, part: Part, outcomes: Outcomes[Answer]) -> Progress:
        """Write the answers of a part, whole or not at all.

        Raises:
            UnwritableOutput: the file can't be written.

        """
        names = [reference.name for reference in part.references]
        data = encoding.encode(self.file_format, self.task.layout, names, outcomes)
        storage.write_whole(storage.join(self.address, self.file_name(part)), data)
        return Progress.of(outcomes)

    def list_files(self) -> dict[int, str]:
        """Return the names of the files that are there, by the number of their part.

        Raises:
            UnwritableOutput: the folder can't be listed.

        """
        with storage.writing(self.address):
            names = storage.list_names(self.address)
        return {int(match[1]): name for name in names if (match := PART_FILE.fullmatch(name))}


@dataclass(frozen=True)
class PartList(Generic[Answer]):
    """The parts of all images, listed while they are worked on, here or on another machine: it can be pickled."""

    folder: PartFolder[Answer]
    references: Iterable[Reference]

    def __iter__(self) -> Iterator[Part | Progress]:
        """Yield the parts that have no file yet, and the progress of those that have one.

        Raises:
            OutputMismatch: a part holds the answers of other images.

        """
        files = self.folder.list_files()
        for part in split_parts(self.references):
            file = files.pop(part.number, None)
            if file is None:
                yield part
            elif file == self.folder.file_name(part):
                yield Progress(earlier=len(part.references))
            else:
                raise self._mismatch(file)
        for file in files.values():  # of parts beyond the last
            raise self._mismatch(file)

    def _mismatch(self, file: str) -> OutputMismatch:
        return OutputMismatch(
            f"{title(storage.join(self.folder.address, file))} holds other answers than this command would write: "
            "other images, or another form. Name another output."
        )


def split_parts(references: Iterable[Reference]) -> Iterator[Part]:
    """Yield references as parts."""
    for number, chunk in enumerate(split(references, PART_IMAGES)):
        yield Part(number, chunk)
