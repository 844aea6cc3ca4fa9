"""Picture files on disk: found in folders, and predicted or read by several processes in the order of the files."""

import os
import re
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from itertools import chain, islice, repeat
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service import parallel
from service.cli import drawings
from service.errors import ServiceError, TooLarge, UnreadableFile, os_reason
from service.inference.predictor import Predictor, Preparation
from service.inference.schemas import Prediction, Reading
from service.models import loading
from service.preparation import decode, finder
from service.settings import Settings

STANDARD_INPUT = "-"
STANDARD_ERROR = 2

# Files that a process takes at once. To predict them, it calls the model once for all. To read them, it calls it once
# for each, and the finder more often.
CHUNK = 32
READ_CHUNK = 4

# Up to so many chunks one process is the fastest: the others take half a second to start.
FEW_CHUNKS = 2
FEW = FEW_CHUNKS * CHUNK

# Chunks handed out for each process beyond the one whose turn it is: what bounds the memory.
AHEAD = 4

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Task = Callable[[Sequence[Item]], list[Answer]]
Outcome = Prediction | ServiceError
ReadOutcome = Reading | ServiceError


def find(paths: Iterable[str]) -> list[str]:
    """Replace each folder by the picture files in it and below, 2.png before 10.png; other paths stay as they are.

    Pictures are told by their suffix here. Hidden files are left out, and linked folders not entered. A folder without
    any picture, or that can't be opened, stays: `load` says what is wrong with it.
    """
    return [file for path in paths for file in (_pictures(path) or [path] if os.path.isdir(path) else [path])]


def find_others(paths: Iterable[str]) -> list[str]:
    """Return the files in folders and below them that `find` leaves out, hidden ones apart."""
    return [file for path in paths if os.path.isdir(path) for file, is_picture in _walk(path) if not is_picture]


def _pictures(folder: str) -> list[str]:
    return [file for file, is_picture in _walk(folder) if is_picture]


def _walk(folder: str) -> Iterator[tuple[str, bool]]:
    """Yield the files in a folder and below it, and whether each is a picture."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=_natural_order)
    except OSError:
        yield folder, True  # `load` says why it can't be opened
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path)
        else:
            yield entry.path, _is_picture(entry)


def _is_picture(entry: os.DirEntry[str]) -> bool:
    # A link that leads nowhere is worth an error; a named pipe would be waited for without end.
    return entry.name.lower().endswith(_suffixes()) and (entry.is_file() or entry.is_symlink())


def _natural_order(entry: os.DirEntry[str]) -> tuple[list[int | str], str]:
    parts = re.split(r"(\d+)", entry.name)
    return [int(part) if part.isdecimal() else part for part in parts], entry.name


@cache
def _suffixes() -> tuple[str, ...]:
    return tuple(suffix for suffix, kind in Image.registered_extensions().items() if kind in decode.FORMATS)


def load(path: str, max_bytes: int) -> bytes:
    """Load a picture file, or standard input where the path is `-`.

    Raises:
        UnreadableFile: there is no such file, or it can't be read, or is a folder.
        TooLarge: it has more bytes than allowed; no more of them are read.

    """
    try:
        if os.path.isdir(path):
            os.scandir(path).close()  # one that can't be opened says so
            raise UnreadableFile("There is no picture in this folder.")
        with open(0 if path == STANDARD_INPUT else path, "rb", closefd=path != STANDARD_INPUT) as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise UnreadableFile(f"This can't be read: {os_reason(error)}.") from error
    if len(data) > max_bytes:
        raise TooLarge(f"The file is too large: at most {max_bytes} bytes are read.")
    return data


def predict(
    paths: Sequence[str], settings: Settings, preparation: Preparation = "auto"
) -> Generator[Outcome, None, None]:
    """Predict picture files, in their order, each as soon as it and all before it are done.

    More than a `FEW` are shared out among `settings.workers` processes. Close the generator to end them early.

    Raises:
        ModelError: no version of the model can be loaded, or the finder can't.
        WorkerLost: a process died.

    """
    task = partial(_predict_chunk, settings=settings, preparation=preparation)
    return _share_out(task, paths, CHUNK, _workers(paths, settings))


def read(
    paths: Sequence[str], settings: Settings, targets: Sequence[str] | None = None
) -> Generator[ReadOutcome, None, None]:
    """Read all digits in picture files, as `predict` does one, and draw those that were read to the target of each.

    Raises:
        ModelError: no version of the model can be loaded, or the finder can't.
        UnwritableDrawing: a target can't be written.
        WorkerLost: a process died.

    """
    task = partial(_read_chunk, settings=settings)
    items = list(zip(paths, targets or repeat(None, len(paths)), strict=True))
    return _share_out(task, items, READ_CHUNK, _workers(paths, settings))


def _workers(paths: Sequence[str], settings: Settings) -> int:
    # Standard input can be read in this process only.
    return 1 if STANDARD_INPUT in paths else settings.workers


def _share_out(
    task: Task[Item, Answer], items: Sequence[Item], size: int, workers: int
) -> Generator[Answer, None, None]:
    """Give chunks of `size` items to a task, in several processes where there are more than a few."""
    chunks = (items[start : start + size] for start in range(0, len(items), size))
    if workers == 1 or len(items) <= FEW_CHUNKS * size:
        yield from chain.from_iterable(map(task, chunks))
        return
    with parallel.pool(workers) as pool:
        pending = deque(parallel.submit(pool, task, chunk) for chunk in islice(chunks, AHEAD * workers))
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
    """Drop what TensorFlow and LiteRT write of their start, between the lines of a progress bar; errors are raised."""
    kept, nowhere = os.dup(STANDARD_ERROR), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, STANDARD_ERROR)
    try:
        yield
    finally:
        os.dup2(kept, STANDARD_ERROR)
        os.close(kept)
        os.close(nowhere)


def _predict_chunk(paths: Sequence[str], settings: Settings, preparation: Preparation) -> list[Outcome]:
    predictor = load_predictor(settings)
    prepared = [_prepare(path, predictor, preparation) for path in paths]
    predictions = iter(predictor.predict([item for item in prepared if not isinstance(item, ServiceError)]))
    return [item if isinstance(item, ServiceError) else next(predictions) for item in prepared]


def _prepare(path: str, predictor: Predictor, preparation: Preparation) -> NDArray[np.float32] | ServiceError:
    try:
        return predictor.prepare(load(path, predictor.settings.max_bytes), preparation)
    except ServiceError as error:
        return error


def _read_chunk(items: Sequence[tuple[str, str | None]], settings: Settings) -> list[ReadOutcome]:
    predictor = load_predictor(settings)
    return [_read_one(path, target, predictor) for path, target in items]


def _read_one(path: str, target: str | None, predictor: Predictor) -> ReadOutcome:
    try:
        data = load(path, predictor.settings.max_bytes)
        reading = predictor.read(data)
    except ServiceError as error:
        return error
    if target is not None:
        drawings.write(target, data, reading, predictor.settings)
    return reading
