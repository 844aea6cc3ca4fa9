"""Blocks new connections to a listening socket before it is closed, so that no connection is lost."""

import ctypes
import os
import socket
import struct
from pathlib import Path
from typing import Any

SO_ATTACH_FILTER = getattr(socket, "SO_ATTACH_FILTER", 26)  # Linux
HANDSHAKE_SECONDS = 0.05

# Classic BPF that drops packets with the flag SYN. A listening socket's filter sees packets from their TCP header on.
_LOAD_BYTE, _JUMP_IF_SET, _RETURN = 0x30, 0x45, 0x06
_FLAGS_OFFSET, _SYN = 13, 0x02
_PROGRAM = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in (
        (_LOAD_BYTE, 0, 0, _FLAGS_OFFSET),
        (_JUMP_IF_SET, 0, 1, _SYN),
        (_RETURN, 0, 0, 0),
        (_RETURN, 0, 0, 0xFFFFFFFF),
    )
)


def is_open_in(process: int, listener: Any) -> bool:
    """Return whether a main process of gunicorn, or its replacement, has a listening socket open; True if unknown."""
    name = f"socket:[{os.fstat(listener.fileno()).st_ino}]"
    try:
        return any(name in _list_open_files(pid) for pid in (process, *_find_replacements(process)))
    except OSError:
        return True


def _list_open_files(process: int) -> set[str]:
    return {os.readlink(file) for file in Path(f"/proc/{process}/fd").iterdir()}


def _find_replacements(process: int) -> list[int]:
    """Return the processes that gunicorn has started to replace a main process (SIGUSR2), by their environment."""
    variable = f"GUNICORN_PID={process}".encode()  # `reexec` of gunicorn 27.0.1 sets it
    children = map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split())
    return [child for child in children if variable in _read_environment(child)]


def _read_environment(process: int) -> list[bytes]:
    try:
        return Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    except OSError:  # the process has ended
        return []


def block_new_connections(listener: Any) -> None:
    """Drop packets that begin a connection. After `HANDSHAKE_SECONDS` all connections made before can be accepted.

    Without this the kernel resets a connection that is made between the last accept and the close. A client whose
    packet is dropped tries again, and is refused once the socket is closed. HAProxy's restarts do the same.

    Raises:
        OSError: the system has no such filter.

    """
    program = ctypes.create_string_buffer(_PROGRAM)
    length = len(_PROGRAM) // struct.calcsize("HBBI")
    filter_ = struct.pack("HL", length, ctypes.addressof(program))
    listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, filter_)
