"""Runs the servers: installs their environments, starts and stops their processes, and measures their memory."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException

from tests.benchmarks.comparison.candidates import ROOT, Candidate
from tests.benchmarks.comparison.jobs import Job, check
from tests.benchmarks.memory import pss, tree
from tests.support.ports import free_port
from tests.support.server import clean_environment

START_SECONDS, STOP_SECONDS = 60.0, 10.0


class Unavailable(Exception):
    """A candidate can't be installed or started, or does not answer; the text says why in a line."""


def install(candidate: Candidate) -> None:
    """Install a candidate's environment, unless it exists with the same requirements.

    Raises:
        Unavailable: pip fails.

    """
    marker, requirements = candidate.folder / "installed.txt", "\n".join(candidate.requirements)
    if not requirements or (marker.exists() and marker.read_text() == requirements):
        return
    commands = [
        ["-m", "venv", "--clear", str(candidate.folder)],
        ["-m", "pip", "install", "--quiet", *candidate.requirements],
    ]
    for interpreter, command in zip((sys.executable, candidate.python), commands, strict=True):
        run = subprocess.run([interpreter, *command], capture_output=True, text=True)
        if run.returncode:
            raise Unavailable(f"can't be installed: {(run.stderr.strip().splitlines() or [''])[-1]}")
    marker.write_text(requirements)


class Running:
    """A candidate's processes."""

    def __init__(self, candidate: Candidate) -> None:
        ports = {name: free_port() for name in ("port", "grpc", "metrics")}
        self.port, self._grpc_port = ports["port"], ports["grpc"]
        environment = {name: value.format(**ports) for name, value in candidate.environment.items()}
        command = [candidate.python, *(word.format(**ports) for word in candidate.command)]
        self.log = ROOT / "build" / "bench" / f"{candidate.name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._start = time.perf_counter()
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=clean_environment() | environment, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip

    def find_port(self, job: Job) -> int:
        """Return the port to which a job's requests go."""
        return self._grpc_port if job.is_grpc else self.port

    def wait(self, job: Job, path: str) -> float:
        """Wait for the first answer, and return the seconds since the start.

        Raises:
            Unavailable: there is no answer.

        """
        while (seconds := time.perf_counter() - self._start) < START_SECONDS and self._process.poll() is None:
            try:
                check(job, self.find_port(job), path)
                return time.perf_counter() - self._start
            except (OSError, HTTPException, ValueError) as error:
                reason = str(error)
            time.sleep(0.005)
        last = (self.log.read_text(errors="replace").strip().splitlines() or [reason])[-1]
        raise Unavailable(f"no answer after {seconds:.0f} s: {last}")

    def memory(self) -> float:
        """Return the proportional set size of all its processes in MiB."""
        return pss(self._process.pid) / 2**20

    def stop(self) -> None:
        """Terminate the server, and kill the processes that are left: some servers leave some behind."""
        processes = [*tree(self._process.pid)]
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@contextmanager
def running(candidate: Candidate) -> Iterator[Running]:
    server = Running(candidate)
    try:
        yield server
    finally:
        server.stop()
