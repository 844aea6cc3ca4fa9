"""Listening sockets that are closed without a lost connection."""

import os
import socket
import subprocess
import sys

import pytest

from service.server.draining import block_new_connections, is_open_in

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Other systems have no such filter, and no /proc.")


@pytest.fixture
def listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def test_connections_that_were_made_are_kept_and_new_ones_are_blocked(listener: socket.socket) -> None:
    client = socket.create_connection(listener.getsockname(), 5)
    block_new_connections(listener)
    with pytest.raises(TimeoutError):
        socket.create_connection(listener.getsockname(), 0.3)
    client.sendall(b"sent afterwards")
    accepted, _ = listener.accept()
    assert accepted.recv(100) == b"sent afterwards"
    accepted.sendall(b"and answered")
    assert client.recv(100) == b"and answered"
    listener.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(client.getpeername(), 5)


def test_a_process_has_a_socket_open_or_not(listener: socket.socket) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        assert is_open_in(os.getpid(), listener)
        assert not is_open_in(process.pid, listener)
        process.kill()
    assert is_open_in(process.pid, listener)  # the process has ended: nothing is known of it
