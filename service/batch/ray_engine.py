"""The engine of a cluster: Ray Data lists the parts on it, and an actor for each core answers and writes them."""

import logging
import os
import pickle
import secrets
import socket
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import ray

from service.batch.names import title
from service.batch.parts import Part, PartFolder, PartList
from service.batch.progress import Progress
from service.batch.references import Chunk, Reference, split
from service.batch.rows import Answer
from service.batch.tasks import Answers, Task, without_standard_error
from service.errors import EngineError, ServiceError, WorkerLost

# Ray does a part again without end if its worker is lost, so that an image that kills its worker would kill one after
# the other. Its own bound, max_task_retries, counts each call of a machine that is lost: four within two seconds.
MAX_ATTEMPTS = 4

# Ray's core would write to standard error that actors may not restart, and tell Ray's makers of each start.
VARIABLES = {"RAY_BACKEND_LOG_LEVEL": "fatal", "RAY_USAGE_STATS_ENABLED": "0"}

QUIET: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
CONNECT_SECONDS = 5

# A batch of Ray Data, which moves columns of numbers and bytes: the column `item` holds pickled objects.
Batch = dict[str, Any]


@dataclass(frozen=True)
class RayEngine:
    """Ray Data, on the cluster at an address, or where that is empty on one of this machine, started for the run."""

    address: str
    workers: int  # of this machine

    def answer_chunks(self, task: Task[Answer], chunks: Iterable[Chunk]) -> Answers[Answer]:
        """Raise an error: workers write parts themselves, so that no process has to take all answers.

        Raises:
            EngineError: always.

        """
        raise EngineError("Ray writes a file for each 1,024 images: name a folder with --output.")

    def write_parts(self, parts: PartList[Answer]) -> Iterator[Progress]:
        """Write the parts that have no file, in any order, and yield how many images have been answered since.

        Raises:
            EngineError: no cluster can be reached or started.
            WorkerLost: a part lost several workers.
            ServiceError: what listing, answering and writing raise.

        """
        with _connected(self.address, self.workers):
            for batch in _pipeline(parts).iter_batches(batch_size=None):
                for outcome in _load(batch):
                    if isinstance(outcome, ServiceError):
                        raise outcome
                    yield outcome


class Attempts:
    """An actor: it counts how often each part was begun that is not written yet."""

    def __init__(self) -> None:
        """Begin with none."""
        self._counts: Counter[int] = Counter()

    def begin(self, number: int) -> int:
        """Return how often a part has been begun, with this time."""
        self._counts[number] += 1
        return self._counts[number]

    def end(self, number: int) -> None:
        """Forget a part that is written."""
        del self._counts[number]


class PartWriter:
    """An actor: it answers the images of a part, and writes them. The model is loaded with its first part."""

    def __init__(self, folder: PartFolder[Answer], attempts: Any, current_folder: str) -> None:
        """Set the folder of the parts, the actor that counts attempts, and the current folder."""
        self._folder: PartFolder[Any] = folder
        self._attempts = attempts
        _change_folder(current_folder)

    def __call__(self, batch: Batch) -> Batch:
        """Return the progress of each part, or the error that ends the run."""
        return _dump([self._write(item) if isinstance(item, Part) else item for item in _load(batch)])

    def _write(self, part: Part) -> Progress | ServiceError:
        if ray.get(self._attempts.begin.remote(part.number)) > MAX_ATTEMPTS:
            return _lost(part)
        try:
            progress = self._folder.write_part(part, self._answer(part.references))
        except ServiceError as error:
            return error
        self._attempts.end.remote(part.number)
        return progress

    def _answer(self, references: Sequence[Reference]) -> list[Any]:
        # In chunks, as other engines do: another chunk may give other last bits.
        task = self._folder.task
        return [outcome for chunk in split(references, task.chunk_images) for outcome in task.answer(chunk)]


def _lost(part: Part) -> WorkerLost:
    first, last = title(part.references[0].name), title(part.references[-1].name)
    return WorkerLost(
        f"The images from {first} to {last} lost {MAX_ATTEMPTS} workers: these may have too little memory, or one of "
        "the images kills them. What is written stays: go on with --resume."
    )


def _pipeline(parts: PartList[Answer]) -> "ray.data.Dataset":
    from ray.data import ActorPoolStrategy, DataContext, from_items

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.target_max_block_size = 1  # byte: each row is a block, which is passed on at once
    listed = from_items([0]).map_batches(partial(_list_parts, parts, os.getcwd()), batch_size=None, num_cpus=0)
    attempts = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Attempts).remote()
    return listed.map_batches(
        PartWriter,
        fn_constructor_args=[parts.folder, attempts, os.getcwd()],
        batch_size=None,
        compute=ActorPoolStrategy(min_size=_count_cores()),  # and more, where machines join
        num_cpus=1,
    )


def _count_cores() -> int:
    return max(1, int(ray.cluster_resources().get("CPU", 0)))


def _list_parts(parts: PartList[Answer], current_folder: str, _: Batch) -> Iterator[Batch]:
    """Yield each part, the progress of those that have a file, and the error that ends the list."""
    _change_folder(current_folder)
    try:
        for item in parts:
            yield _dump([item])
    except ServiceError as error:
        yield _dump([error])


def _change_folder(folder: str) -> None:
    with suppress(OSError):  # a machine that lacks it can't have the files either
        os.chdir(folder)


def _dump(items: Sequence[object]) -> Batch:
    return {"item": [pickle.dumps(item) for item in items]}


def _load(batch: Batch) -> Iterator[Any]:
    return map(pickle.loads, batch["item"])


@contextmanager
def _connected(address: str, workers: int) -> Iterator[None]:
    """Connect to the cluster at an address, or to one that is started on this machine and ends with the run.

    Raises:
        EngineError: no cluster can be reached or started.

    """
    os.environ |= VARIABLES | os.environ
    # Ray prints pages to standard output for each worker that is lost, and warns where there are more cores than parts.
    with open(os.devnull, "w") as null, redirect_stdout(null), warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="ray")
        try:
            _connect(address) if address else _start(workers)
            yield
        finally:
            with _ending_children():
                ray.shutdown()


@contextmanager
def _ending_children() -> Iterator[None]:
    """End the processes of a cluster that was started here. Ray leaves some, for a minute, if its start is ended."""
    import psutil  # of Ray's package, which puts it on the path

    children = psutil.Process().children(recursive=True)
    try:
        yield
    finally:
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()


def _connect(address: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        if host:
            socket.create_connection((host, int(port)), CONNECT_SECONDS).close()  # Ray would try for minutes
        with without_standard_error():
            ray.init(address, **QUIET)
    except (OSError, RuntimeError, ValueError) as error:
        raise EngineError(f"There is no Ray cluster at {address}: {_first_line(error)}") from error


def _start(workers: int) -> None:
    # With a token of this run no other user of the machine can use its cluster, and no file has to hold one.
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        with without_standard_error():
            ray.init("local", num_cpus=workers, include_dashboard=False, **QUIET)
    except (OSError, RuntimeError, ValueError) as error:
        raise EngineError(f"Ray can't start here: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
