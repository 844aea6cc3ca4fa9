"""The configuration of gunicorn, in processes of its own: it makes a folder when it is imported."""

import subprocess
import sys

import pytest

from tests.support.paths import ROOT
from tests.support.server import clean_environment


def run(program: str, *options: str, **environment: str) -> str:
    result = subprocess.run(
        [sys.executable, *options, "-c", f"from service.server import gunicorn_conf\n{program}"],
        cwd=ROOT, env=clean_environment() | environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_settings_become_options_of_gunicorn() -> None:
    program = "c = gunicorn_conf; print(c.bind, c.workers, c.threads, c.graceful_timeout)"
    settings = {"MNIST_HOST": "127.0.0.1", "MNIST_PORT": "8001", "MNIST_WORKERS": "3", "MNIST_THREADS": "5"}
    assert run(program, MNIST_GRACE="7", **settings) == "127.0.0.1:8001 3 5 7"


def test_modules_are_imported_before_the_fork_and_not_those_that_must_not_be_forked() -> None:
    program = """
import logging, sys
gunicorn_conf.on_starting(type("Server", (), {"log": logging.getLogger()}))
print(*(name in sys.modules for name in ("service.app", "ai_edge_litert.interpreter", "tensorflow", "cv2")))
"""
    assert run(program) == "True True False False"


@pytest.mark.skipif(sys.platform != "linux", reason="gthread, which serves elsewhere, would never unblock SIGTERM.")
def test_sigterm_is_blocked_in_a_new_process_and_not_in_the_main_process() -> None:
    program = """
import os, signal
gunicorn_conf._block_sigterm_at_forks()
is_child = os.fork() == 0
blocked = signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, [])
if is_child:
    os._exit(blocked)
print(os.waitstatus_to_exitcode(os.wait()[1]), int(blocked))
"""
    assert run(program) == "1 0"


def test_a_replacement_is_started_by_the_same_command() -> None:
    program = """
import sys
server = type("Server", (), {"START_CTX": {}})
gunicorn_conf.pre_exec(server)
print(server.START_CTX["args"] == [sys.executable, *sys.orig_argv[1:]], server.START_CTX["args"][1])
"""
    assert run(program, "-B") == "True -B"
