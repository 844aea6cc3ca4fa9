"""A listening socket at its end: connections that were made are not lost, and no more are."""

import ctypes
import os
import socket
import struct
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
    """Tell whether a process of the same user holds a listening socket open too."""
    name, folder = f"socket:[{os.fstat(listener.fileno()).st_ino}]", f"/proc/{process}/fd"
    try:
        return name in {os.readlink(os.path.join(folder, fd)) for fd in os.listdir(folder)}
    except OSError:
        return True


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
