"""Configures gunicorn: `gunicorn -c python:service.server.gunicorn_conf 'service:create_app()'`."""

import atexit
import gc
import os
import select
import signal
import sys
from importlib import import_module
from typing import Any

from PIL import Image

from service.errors import SettingsError
from service.observability import log_format, multiprocess_metrics
from service.observability.multiprocess_metrics import MEMORY_FOLDER
from service.server import grpc, malloc
from service.settings import bind_address, read_settings

_settings = read_settings(os.environ)

bind = bind_address(_settings.host, _settings.port)
workers = _settings.workers
threads = _settings.threads
worker_class = "service.server.worker.Worker" if hasattr(select, "epoll") else "gthread"  # macOS has no epoll
graceful_timeout = _settings.grace
logconfig_dict = log_format.configuration(_settings)

# Heartbeat files in memory let the service run on a read-only file system.
worker_tmp_dir = multiprocess_metrics.find_folder(size=1)
if not worker_tmp_dir:
    sys.exit("Error: there is no folder for temporary files: make /dev/shm or /tmp writable.")
control_socket_disable = True

_metrics_folder = multiprocess_metrics.create_folder(workers)
atexit.register(multiprocess_metrics.remove_folder)


def on_starting(server: Any) -> None:
    """Prepare the main process for the forks: workers inherit its imports and its allocator."""
    _warn_of_metrics_folder(server.log)
    if _settings.grpc_port and not server.master_pid:  # a replacement (SIGUSR2) shares the port with what it replaces
        _check_grpc_port()
    malloc.configure()
    _block_sigterm_at_forks()
    _import_shared_modules()


def _warn_of_metrics_folder(log: Any) -> None:
    if not _metrics_folder:
        log.warning(
            "No folder has space for metrics: each worker counts alone, and /metrics shows the counts of one worker."
        )
    elif _metrics_folder != MEMORY_FOLDER and os.path.isdir(MEMORY_FOLDER):
        log.warning("%s is read-only or too small for metrics: they are in %s.", MEMORY_FOLDER, _metrics_folder)


def _check_grpc_port() -> None:
    try:
        grpc.check_port(_settings)
    except SettingsError as error:
        sys.exit(f"Error: {error}")


def _block_sigterm_at_forks() -> None:
    """Block SIGTERM in a worker until its signals are set: gunicorn would lose the signal, and wait for the worker."""
    # Read in gunicorn 27.0.1, whose `spawn_worker` forks before it sets the worker's signals.
    if worker_class != "gthread":  # gthread would never unblock SIGTERM
        mask, term = signal.pthread_sigmask, {signal.SIGTERM}
        os.register_at_fork(
            before=lambda: mask(signal.SIG_BLOCK, term), after_in_parent=lambda: mask(signal.SIG_UNBLOCK, term)
        )


def _import_shared_modules() -> None:
    """Import the modules that workers share in memory; but not TensorFlow, which must not be forked."""
    import_module("service.app")
    Image.preinit()  # Image.open does this for the first file
    if _settings.runtime != "tensorflow":
        import_module("ai_edge_litert.interpreter")
    if _settings.grpc_port:
        import_module("service.server.grpc.server")
    multiprocess_metrics.merge_dead_process(os.getpid())  # it counts nothing, but each scrape would read its files
    gc.freeze()  # what the collector never looks at stays shared


def pre_exec(server: Any) -> None:
    """Start the replacement of this process (SIGUSR2) by the same command; gunicorn would run its own script."""
    # `reexec` of gunicorn 27.0.1 runs these arguments.
    server.START_CTX["args"] = [sys.executable, *sys.orig_argv[1:]]


def post_fork(server: Any, worker: Any) -> None:
    """Leave the metrics folder to the main process, and start the threads that each worker has."""
    atexit.unregister(multiprocess_metrics.remove_folder)
    malloc.start_trimming()
    if _settings.log_format == "json":
        log_format.follow_standard_error()


def child_exit(server: Any, worker: Any) -> None:
    """Merge the counts of a worker process that has ended."""
    try:
        multiprocess_metrics.merge_dead_process(worker.pid)
    except Exception:  # an exception would end the main process, and all workers with it
        server.log.exception("The counts of process %s are lost.", worker.pid)
