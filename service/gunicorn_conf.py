"""How gunicorn runs the service: `gunicorn -c python:service.gunicorn_conf 'service:create_app()'`."""

import atexit
import os
import select
import signal
from typing import Any

from service import logs, shared_counts
from service.settings import read_settings

_settings = read_settings(os.environ)

bind = f"{_settings.host}:{_settings.port}"
workers = _settings.workers
threads = _settings.threads
worker_class = "service.worker.Worker" if hasattr(select, "epoll") else "gthread"  # macOS has no epoll
graceful_timeout = _settings.grace
logconfig_dict = logs.configuration(_settings)

# The heartbeat file belongs in memory, and so the service runs on a read-only file system.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108
control_socket_disable = True

shared_counts.make(worker_tmp_dir)
atexit.register(shared_counts.remove)


def on_starting(server: Any) -> None:
    """Keep a SIGTERM for a worker process that can't take it yet: gunicorn would lose it, and wait for the worker."""
    if worker_class != "gthread":  # which would never unblock it
        mask, term = signal.pthread_sigmask, {signal.SIGTERM}
        os.register_at_fork(
            before=lambda: mask(signal.SIG_BLOCK, term), after_in_parent=lambda: mask(signal.SIG_UNBLOCK, term)
        )


def post_fork(server: Any, worker: Any) -> None:
    """Leave the folder to the master process."""
    atexit.unregister(shared_counts.remove)
    if _settings.log_format == "json":
        logs.follow_standard_error()


def child_exit(server: Any, worker: Any) -> None:
    """Keep what a worker process counted, once it is dead."""
    try:
        shared_counts.bury(worker.pid)
    except Exception:  # would end the master process, and all others with it
        server.log.exception("What process %s counted is lost.", worker.pid)
