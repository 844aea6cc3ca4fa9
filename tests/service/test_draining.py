"""A listening socket at its end."""

import os
import socket
import subprocess
import sys

import pytest

from service.server.draining import is_open_in, refuse_new

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Other systems have no such filter, and no /proc.")


@pytest.fixture
def listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def test_a_connection_that_was_made_is_kept_and_none_is_made_any_more(listener: socket.socket) -> None:
    before = socket.create_connection(listener.getsockname(), 5)
    refuse_new(listener)
    with pytest.raises(TimeoutError):
        socket.create_connection(listener.getsockname(), 0.3)
    before.sendall(b"sent afterwards")
    accepted, _ = listener.accept()
    assert accepted.recv(100) == b"sent afterwards"
    accepted.sendall(b"and answered")
    assert before.recv(100) == b"and answered"
    listener.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(before.getpeername(), 5)


def test_a_process_has_a_socket_open_or_not(listener: socket.socket) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        assert is_open_in(os.getpid(), listener)
        assert not is_open_in(other.pid, listener)
        other.kill()
    assert is_open_in(other.pid, listener)  # nothing is known of it any more
