"""Predictions and readings of many image files, by several processes, in the order of the files."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from itertools import chain, islice, repeat
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from service import parallel
from service.cli import drawings
from service.cli.image_files import STANDARD_INPUT, load_file
from service.errors import ServiceError
from service.inference.predictor import Predictor, Preparation
from service.inference.schemas import Prediction, Reading
from service.models import loading
from service.preparation import finder
from service.settings import Settings

STANDARD_ERROR = 2

# Files in a chunk. A chunk of predictions is one call of the model. A reading is one call of the model, and several of
# the finder, for each file.
PREDICT_CHUNK_FILES = 32
READ_CHUNK_FILES = 4

# More chunks than this go to several processes: each takes half a second to start.
SERIAL_CHUNKS = 2

# Chunks that wait for each process, besides the one that it works on. They bound the memory.
PREFETCH_CHUNKS = 4

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
Task = Callable[[Sequence[Item]], list[Outcome]]
PredictionOutcome = Prediction | ServiceError
ReadingOutcome = Reading | ServiceError


def predict_files(
    paths: Sequence[str], settings: Settings, preparation: Preparation = "auto"
) -> Generator[PredictionOutcome, None, None]:
    """Yield the prediction or the error of each image file, in the order of the files.

    More than `SERIAL_CHUNKS` chunks are shared by `settings.workers` processes. Close the generator to end them early.

    Raises:
        ModelError: no version of the model can be loaded, or the finder can't.
        WorkerLost: a process died.

    """
    task = partial(_predict_chunk, settings=settings, preparation=preparation)
    return _map_chunks(task, paths, PREDICT_CHUNK_FILES, _count_workers(paths, settings))


def read_files(
    paths: Sequence[str], settings: Settings, targets: Sequence[str] | None = None
) -> Generator[ReadingOutcome, None, None]:
    """Yield the reading or the error of each image file, as `predict_files` does, and draw readings to `targets`.

    Raises:
        ModelError: no version of the model can be loaded, or the finder can't.
        UnwritableDrawing: a target can't be written.
        WorkerLost: a process died.

    """
    task = partial(_read_chunk, settings=settings)
    items = list(zip(paths, targets or repeat(None, len(paths)), strict=True))
    return _map_chunks(task, items, READ_CHUNK_FILES, _count_workers(paths, settings))


def _count_workers(paths: Sequence[str], settings: Settings) -> int:
    # Only this process can read standard input.
    return 1 if STANDARD_INPUT in paths else settings.workers


def _map_chunks(
    task: Task[Item, Outcome], items: Sequence[Item], size: int, workers: int
) -> Generator[Outcome, None, None]:
    """Yield the outcomes of a task for chunks of `size` items, which several processes share if there are many."""
    chunks = (items[start : start + size] for start in range(0, len(items), size))
    if workers == 1 or len(items) <= SERIAL_CHUNKS * size:
        yield from chain.from_iterable(map(task, chunks))
        return
    with parallel.pool(workers) as pool:
        pending = deque(parallel.submit(pool, task, chunk) for chunk in islice(chunks, PREFETCH_CHUNKS * workers))
        while pending:
            yield from pending.popleft().result()
            pending.extend(parallel.submit(pool, task, chunk) for chunk in islice(chunks, 1))


@cache
def load_predictor(settings: Settings) -> Predictor:
    """Load the model and the finder, once in each process.

    Raises:
        ModelError: no version of the model can be loaded, or the finder can't.

    """
    with without_standard_error():
        return Predictor(loading.load_default(settings), finder.load(settings.models), settings)


@contextmanager
def without_standard_error() -> Iterator[None]:
    """Drop what TensorFlow and LiteRT print while they start, which would break a progress bar. Errors still raise."""
    original, null = os.dup(STANDARD_ERROR), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, STANDARD_ERROR)
    try:
        yield
    finally:
        os.dup2(original, STANDARD_ERROR)
        os.close(original)
        os.close(null)


def _predict_chunk(paths: Sequence[str], settings: Settings, preparation: Preparation) -> list[PredictionOutcome]:
    predictor = load_predictor(settings)
    vectors = [_prepare(path, predictor, preparation) for path in paths]
    predictions = iter(predictor.predict([vector for vector in vectors if not isinstance(vector, ServiceError)]))
    return [vector if isinstance(vector, ServiceError) else next(predictions) for vector in vectors]


def _prepare(path: str, predictor: Predictor, preparation: Preparation) -> NDArray[np.float32] | ServiceError:
    try:
        return predictor.prepare(load_file(path, predictor.settings.max_bytes), preparation)
    except ServiceError as error:
        return error


def _read_chunk(items: Sequence[tuple[str, str | None]], settings: Settings) -> list[ReadingOutcome]:
    predictor = load_predictor(settings)
    return [_read_file(path, target, predictor) for path, target in items]


def _read_file(path: str, target: str | None, predictor: Predictor) -> ReadingOutcome:
    try:
        data = load_file(path, predictor.settings.max_bytes)
        reading = predictor.read(data)
    except ServiceError as error:
        return error
    if target is not None:
        drawings.write(target, data, reading, predictor.settings)
    return reading
