"""What an engine does: it answers chunks in their order, and writes parts."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from service.batch.parts import PartList
from service.batch.progress import Progress
from service.batch.references import Chunk
from service.batch.rows import Answer
from service.batch.tasks import Answers, Task


class Engine(Protocol):
    """Does tasks on this machine or on others."""

    def answer_chunks(self, task: Task[Answer], chunks: Iterable[Chunk]) -> Answers[Answer]:
        """Yield each image with its answer or its error, in their order. Close the generator to end the work early.

        Raises:
            ModelError: no version of the model can be loaded, or the finder can't.
            StoreUnavailable: a store with images does not answer.
            UnwritableDrawing: a drawing can't be written.
            WorkerLost: a process died, and its work can't be done again.

        """
        ...

    def write_parts(self, parts: PartList[Answer]) -> Iterator[Progress]:
        """Write the parts that have no file, and yield how many images have been answered since.

        Raises:
            OutputMismatch: a part holds the answers of other images.
            UnwritableOutput: a part can't be written.
            ServiceError: what `answer_chunks` raises.

        """
        ...
