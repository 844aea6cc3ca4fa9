"""The plain engine: processes of this machine."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING

from service import parallel
from service.batch.progress import Progress
from service.batch.references import Chunk, Reference, split
from service.batch.rows import Answer
from service.batch.tasks import Answers, Task
from service.errors import ServiceError

if TYPE_CHECKING:
    from service.batch.parts import Part, PartList

# More chunks than this go to several processes: each takes half a second to start.
SERIAL_CHUNKS = 2

# Chunks that wait for each process, besides the one that it works on. They bound the memory.
PREFETCH_CHUNKS = 4


@dataclass(frozen=True)
class Processes:
    """The plain engine: chunks are shared out over processes of this machine."""

    workers: int

    def answer_chunks(self, task: Task[Answer], chunks: Iterable[Chunk]) -> Answers[Answer]:
        """Yield each image with its answer or its error, in their order. Close it to end the processes early.

        Raises:
            ModelError: no version of the model can be loaded, or the finder can't.
            StoreUnavailable: a store with images does not answer.
            UnwritableDrawing: a drawing can't be written.
            WorkerLost: a process died.

        """
        rest = iter(chunks)
        first = list(islice(rest, SERIAL_CHUNKS + 1))
        if self.workers == 1 or len(first) <= SERIAL_CHUNKS:
            for chunk in chain(first, rest):
                yield from zip(chunk, task.answer(chunk), strict=True)
        else:
            yield from _share_out(task, chain(first, rest), self.workers)

    def write_parts(self, parts: "PartList[Answer]") -> Iterator[Progress]:
        """Write the parts that have no file, in their order, and yield how many images have been answered since.

        Raises:
            OutputMismatch: a part holds the answers of other images.
            UnwritableOutput: a part can't be written.
            ServiceError: what `answer_chunks` raises.

        """
        begun: deque[Part | Progress] = deque()
        with closing(self.answer_chunks(parts.folder.task, _begin_parts(parts, begun))) as answers:
            for first in answers:
                while isinstance(part := begun.popleft(), Progress):
                    yield part
                rest = islice(answers, len(part.references) - 1)
                yield parts.folder.write_part(part, [outcome for _, outcome in chain([first], rest)])
            yield from (item for item in begun if isinstance(item, Progress))  # behind the last part to write


def _begin_parts(parts: "PartList[Answer]", begun: "deque[Part | Progress]") -> Iterator[Chunk]:
    for part in parts:
        begun.append(part)
        if not isinstance(part, Progress):
            yield from split(part.references, parts.folder.task.chunk_images)


def _share_out(
    task: Task[Answer], chunks: Iterator[Chunk], workers: int
) -> Iterator[tuple[Reference, Answer | ServiceError]]:
    pending: deque[tuple[Chunk, Future[list[Answer | ServiceError]]]] = deque()
    with parallel.pool(workers) as pool:
        for chunk in islice(chunks, PREFETCH_CHUNKS * workers):
            pending.append((chunk, parallel.submit(pool, task.answer, chunk)))
        while pending:
            chunk, future = pending.popleft()
            yield from zip(chunk, future.result(), strict=True)
            pending.extend((chunk, parallel.submit(pool, task.answer, chunk)) for chunk in islice(chunks, 1))
