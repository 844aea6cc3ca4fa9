"""How gunicorn runs the service: `gunicorn -c python:service.server.gunicorn_conf 'service:create_app()'`."""

import atexit
import gc
import os
import select
import signal
import sys
from importlib import import_module
from typing import Any

from PIL import Image

from service.observability import log_format, multiprocess_metrics
from service.server import malloc
from service.settings import bind_address, read_settings

_settings = read_settings(os.environ)

bind = bind_address(_settings)
workers = _settings.workers
threads = _settings.threads
worker_class = "service.server.worker.Worker" if hasattr(select, "epoll") else "gthread"  # macOS has no epoll
graceful_timeout = _settings.grace
logconfig_dict = log_format.configuration(_settings)

# The heartbeat files belong in memory, and so the service runs on a read-only file system.
worker_tmp_dir = multiprocess_metrics.folder_with(space=1)
if not worker_tmp_dir:
    sys.exit("Error: there is no folder for temporary files: let /dev/shm or /tmp be written.")
control_socket_disable = True

_counts_folder = multiprocess_metrics.make(workers)
atexit.register(multiprocess_metrics.remove)


def on_starting(server: Any) -> None:
    """See to all that worker processes take over when they are forked."""
    _say_where_counts_are(server.log)
    malloc.configure()
    _keep_sigterm()
    _import_all()


def _say_where_counts_are(log: Any) -> None:
    if not _counts_folder:
        log.warning("No folder has space for metrics: each worker counts by itself, and /metrics shows one of them.")
    elif _counts_folder != multiprocess_metrics.MEMORY and os.path.isdir(multiprocess_metrics.MEMORY):
        log.warning(
            "%s is read-only or too small for metrics: they are in %s.", multiprocess_metrics.MEMORY, _counts_folder
        )


def _keep_sigterm() -> None:
    """Keep a SIGTERM for a worker process that can't take it yet: gunicorn would lose it, and wait for the worker."""
    # Read in gunicorn 27.0.1, whose `spawn_worker` forks before it sets the worker's signals.
    if worker_class != "gthread":  # which would never unblock it
        mask, term = signal.pthread_sigmask, {signal.SIGTERM}
        os.register_at_fork(
            before=lambda: mask(signal.SIG_BLOCK, term), after_in_parent=lambda: mask(signal.SIG_UNBLOCK, term)
        )


def _import_all() -> None:
    """Import what worker processes need, so that they share it; but not TensorFlow, which must not be forked."""
    import_module("service.app")
    import_module("numpy.ma")  # as np.median does when it is first called
    Image.init()  # as Image.open does for what is no picture
    if _settings.runtime != "tensorflow":
        import_module("ai_edge_litert.interpreter")
    multiprocess_metrics.bury(os.getpid())  # this process counts nothing, and each scrape would read its files
    gc.freeze()  # what the collector never looks at stays shared


def pre_exec(server: Any) -> None:
    """Let what replaces this process on SIGUSR2 start as it did; gunicorn would give its own options, as a script."""
    # `reexec` of gunicorn 27.0.1 runs what stands there.
    server.START_CTX["args"] = [sys.executable, *sys.orig_argv[1:]]


def post_fork(server: Any, worker: Any) -> None:
    """Leave the folder to the master process, and begin what each worker does by itself."""
    atexit.unregister(multiprocess_metrics.remove)
    malloc.start_trimming()
    if _settings.log_format == "json":
        log_format.follow_standard_error()


def child_exit(server: Any, worker: Any) -> None:
    """Keep what a worker process counted, once it is dead."""
    try:
        multiprocess_metrics.bury(worker.pid)
    except Exception:  # would end the master process, and all others with it
        server.log.exception("What process %s counted is lost.", worker.pid)
