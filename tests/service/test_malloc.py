"""The allocator, in a process of its own: what it sets holds for a whole process."""

import subprocess
import sys

import pytest

from tests.support.paths import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Other systems have no mallopt and no /proc.")

# glibc raises its threshold for mmap to 16 MiB once a block of that size is freed, and so allocates 8 MiB in the heap.
# After `configure` the threshold stays at 1 MiB.
PROGRAM = """
import ctypes, pathlib, re
from service.server import malloc
{call}
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
libc.free(libc.malloc(16 * 2**20))
block = libc.malloc(8 * 2**20)
ctypes.memset(ctypes.c_void_p(block), 1, 8 * 2**20)
heap = re.search(r"(?m)^(\\w+)-(\\w+) .*\\[heap\\]", pathlib.Path("/proc/self/maps").read_text())
print(int(heap[1], 16) <= block < int(heap[2], 16))
"""


def is_in_heap(call: str) -> str:
    program = PROGRAM.format(call=call)
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_large_blocks_are_outside_of_the_heap_and_so_are_returned_when_they_are_freed() -> None:
    assert is_in_heap("") == "True"
    assert is_in_heap("malloc.configure()") == "False"


def test_free_pages_inside_the_heap_are_returned() -> None:
    program = """
import ctypes, pathlib, re, time
from service.server import malloc
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])
blocks = [libc.malloc(60_000) for _ in range(1000)]
for block in blocks:
    ctypes.memset(ctypes.c_void_p(block), 1, 60_000)
for block in blocks[:-1]:  # the last one keeps the pages below it from being returned at once
    libc.free(block)
before = resident()
malloc.TRIM_SECONDS = 0.05
malloc.start_trimming()
deadline = time.monotonic() + 30
while resident() > before - 40_000 and time.monotonic() < deadline:
    time.sleep(0.05)
print(resident() <= before - 40_000)
"""
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "True\n"
