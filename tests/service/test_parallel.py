"""Worker processes do tasks, and end with their parent."""

import os
import signal
import subprocess
import sys

import pytest

from service import parallel
from service.errors import WorkerLost
from tests.support.wait import wait_until


def double(number: int) -> int:
    return 2 * number


def die(status: int) -> None:
    os._exit(status)


def test_tasks_are_done_in_other_processes() -> None:
    with parallel.pool(2) as pool:
        futures = [parallel.submit(pool, double, number) for number in range(5)]
        assert [future.result() for future in futures] == [0, 2, 4, 6, 8]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, set())


def test_a_worker_that_dies_is_an_error() -> None:
    with pytest.raises(WorkerLost, match="A worker process died"), parallel.pool(1) as pool:
        parallel.submit(pool, die, 1).result()


CODE = """
import os, time
from service import parallel
if __name__ == "__main__":
    with parallel.pool(1) as pool:
        print(parallel.submit(pool, os.getpgid, 0).result(), flush=True)
        print(*[process.pid for process in pool._processes.values()], flush=True)
        time.sleep(600)
"""


def is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def test_workers_end_with_a_parent_that_is_killed(tmp_path_factory: pytest.TempPathFactory) -> None:
    script = tmp_path_factory.mktemp("parallel") / "parent.py"
    script.write_text(CODE)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        parent.stdout.readline()
        (worker,) = map(int, parent.stdout.readline().split())
        assert is_running(worker)
        parent.kill()
        wait_until(lambda: not is_running(worker))
