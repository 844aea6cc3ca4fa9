"""The service's commands, run to their end in processes of their own."""

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from typing import Any

from tests.support.paths import ROOT
from tests.support.server import clean_environment


def run_module(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=clean_environment() | environment,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "service", *map(str, arguments)]


def run(*arguments: object, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command(*arguments), cwd=ROOT, env=clean_environment() | environment, input=stdin, capture_output=True,
        timeout=60,
    )  # fmt: skip


def read_jsonl(result: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def run_on_terminal(stream: int, *arguments: object) -> tuple[str, bytes]:
    """Run with standard output (1) or standard error (2) on a terminal. Return its text, and the bytes of the other."""
    terminal, child_end = pty.openpty()
    streams = [child_end if stream == number else subprocess.PIPE for number in (1, 2)]
    with subprocess.Popen(
        command(*arguments), cwd=ROOT, env=clean_environment(), stdout=streams[0], stderr=streams[1],
    ) as process:  # fmt: skip
        os.close(child_end)
        pipe = process.stderr if stream == 1 else process.stdout
        assert pipe
        shown, rest = b"", b""
        with suppress(OSError):  # EIO: the last process closed the terminal
            if stream == 2:
                rest = pipe.read()
            while part := os.read(terminal, 2**16):
                shown += part
        rest += pipe.read()
    os.close(terminal)
    return shown.decode(), rest
