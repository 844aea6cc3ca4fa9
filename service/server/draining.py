"""A listening socket at its end: connections that were made are not lost, and no more are."""

import ctypes
import os
import socket
import struct
from pathlib import Path
from typing import Any

SO_ATTACH_FILTER = getattr(socket, "SO_ATTACH_FILTER", 26)  # Linux
HANDSHAKE_SECONDS = 0.05

# Classic BPF on a TCP header, which is where the filter of a listening socket begins: drop what has the flag SYN.
_LOAD_BYTE, _JUMP_IF_SET, _RETURN = 0x30, 0x45, 0x06
_FLAGS, _SYN = 13, 0x02
_PROGRAM = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in (
        (_LOAD_BYTE, 0, 0, _FLAGS),
        (_JUMP_IF_SET, 0, 1, _SYN),
        (_RETURN, 0, 0, 0),
        (_RETURN, 0, 0, 0xFFFFFFFF),
    )
)


def is_open_in(process: int, listener: Any) -> bool:
    """Tell whether a main process of gunicorn, or one that replaces it, holds a listening socket open too."""
    name = f"socket:[{os.fstat(listener.fileno()).st_ino}]"
    try:
        return any(name in _open_files(each) for each in (process, *_replacements(process)))
    except OSError:
        return True


def _open_files(process: int) -> set[str]:
    return {os.readlink(file) for file in Path(f"/proc/{process}/fd").iterdir()}


def _replacements(process: int) -> list[int]:
    """Find what gunicorn has started in place of a main process, on SIGUSR2: its environment says so."""
    mark = f"GUNICORN_PID={process}".encode()  # `reexec` of gunicorn 27.0.1 sets it
    children = map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split())
    return [child for child in children if mark in _environment(child)]


def _environment(process: int) -> list[bytes]:
    try:
        return Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    except OSError:  # it has ended
        return []


def refuse_new(listener: Any) -> None:
    """Let no new connection begin; those that have begun can be accepted, after `HANDSHAKE_SECONDS`.

    The kernel resets a connection that is made between the last accept and the close. It drops what begins one now, and
    a client that tries again is told so once the socket is closed. HAProxy's restarts do it in this way.

    Raises:
        OSError: the system can't.

    """
    program = ctypes.create_string_buffer(_PROGRAM)
    length = len(_PROGRAM) // struct.calcsize("HBBI")
    filter_ = struct.pack("HL", length, ctypes.addressof(program))
    listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, filter_)
