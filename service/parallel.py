"""Processes that share out work, and end with the one that started them, however that ends."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

from service.errors import WorkerLost

Argument = TypeVar("Argument")
Result = TypeVar("Result")


@contextmanager
def pool(workers: int | None = None) -> Iterator[ProcessPoolExecutor]:
    """Give a pool of processes, one for each core if there is no number; an error ends them at once.

    Raises:
        WorkerLost: a process died.

    """
    # TensorFlow's threads don't survive a fork.
    processes = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_end_with_parent)
    try:
        yield processes
    except BrokenProcessPool as error:
        raise WorkerLost("A worker process died; there may be too little memory for so many workers.") from error
    except BaseException:
        for worker in multiprocessing.active_children():
            worker.terminate()
        raise
    finally:
        processes.shutdown(cancel_futures=True)


def submit(processes: ProcessPoolExecutor, task: Callable[[Argument], Result], argument: Argument) -> Future[Result]:
    """Hand a task to a pool."""
    # Processes that this starts inherit the mask: a Ctrl-C is for their parent alone, which ends them.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return processes.submit(task, argument)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _end_with_parent() -> None:
    """Let this process end when its parent does: it would wait for work forever."""
    threading.Thread(target=_await_parents_end, daemon=True).start()


def _await_parents_end() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)
