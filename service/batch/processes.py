"""The plain engine: the chunks of a task are shared out over processes of this machine."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future
from itertools import chain, islice

from service import parallel
from service.batch.references import Chunk, Reference
from service.batch.rows import Answer
from service.batch.tasks import Task
from service.errors import ServiceError

# More chunks than this go to several processes: each takes half a second to start.
SERIAL_CHUNKS = 2

# Chunks that wait for each process, besides the one that it works on. They bound the memory.
PREFETCH_CHUNKS = 4


def split(references: Iterable[Reference], size: int) -> Iterator[Chunk]:
    """Yield references in chunks of `size`; the last may have fewer."""
    rest = iter(references)
    while chunk := list(islice(rest, size)):
        yield chunk


def answer_chunks(
    task: Task[Answer], chunks: Iterable[Chunk], workers: int
) -> Generator[tuple[Reference, Answer | ServiceError], None, None]:
    """Yield each image with its answer or its error, in their order. Close the generator to end the processes early.

    Raises:
        ModelError: no version of the model can be loaded, or the finder can't.
        UnwritableDrawing: a drawing can't be written.
        WorkerLost: a process died.

    """
    rest = iter(chunks)
    first = list(islice(rest, SERIAL_CHUNKS + 1))
    if workers == 1 or len(first) <= SERIAL_CHUNKS:
        for chunk in chain(first, rest):
            yield from zip(chunk, task.answer(chunk), strict=True)
    else:
        yield from _share_out(task, chain(first, rest), workers)


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
