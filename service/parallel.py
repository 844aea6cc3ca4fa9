"""Run tasks in worker processes, which end with their parent process, even if it is killed."""

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
    """Yield a pool of worker processes, by default one for each core. An error terminates them at once.

    Raises:
        WorkerLost: a worker process died.

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
    """Submit a task to a pool, and return its future."""
    # Workers started here inherit the mask: Ctrl-C reaches only their parent, which terminates them.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return processes.submit(task, argument)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _end_with_parent() -> None:
    """Start a thread that ends this process with its parent. Otherwise it would wait for work forever."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)
