"""How gunicorn runs the service: `gunicorn -c python:service.gunicorn_conf 'service:create_app()'`."""

import os
import select

from service.settings import read_settings

_settings = read_settings(os.environ)

bind = f"{_settings.host}:{_settings.port}"
workers = _settings.workers
threads = _settings.threads
worker_class = "service.worker.Worker" if hasattr(select, "epoll") else "gthread"  # macOS has no epoll
graceful_timeout = _settings.grace
loglevel = _settings.log_level

# The heartbeat file belongs in memory, and so the service runs on a read-only file system.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108
control_socket_disable = True
