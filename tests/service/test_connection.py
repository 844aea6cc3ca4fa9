"""A connection, over a pair of sockets."""

import socket
from collections.abc import Iterator

import pytest

from service.server.connection import RECEIVE_BYTES, Connection, connection_environ

REQUEST = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"

Pair = tuple[Connection, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    server, client = socket.socketpair()
    client.settimeout(10)
    with server, client:
        yield Connection(server, {}, max_bytes=1000, seconds=60), client


def receive(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += client.recv(count - len(data))
    return data


def test_without_bytes_nothing_is_received(pair: Pair) -> None:
    connection, _ = pair
    connection.readable = True
    assert connection.receive() is None
    assert not connection.readable
    assert connection.is_idle


def test_the_connection_stays_readable_while_bytes_are_left(pair: Pair) -> None:
    connection, client = pair
    client.sendall(bytes(RECEIVE_BYTES + 1))
    assert connection.receive() == bytes(RECEIVE_BYTES)
    assert connection.readable
    assert connection.receive() == b"\0"
    assert not connection.readable


def test_after_the_last_bytes_the_end_of_the_stream_is_received(pair: Pair) -> None:
    connection, client = pair
    client.sendall(b"last")
    client.shutdown(socket.SHUT_WR)
    connection.peer_closed = True
    assert connection.receive() == b"last"
    assert connection.readable
    assert connection.receive() == b""


def test_a_request_ends_the_idle_state_until_it_is_taken(pair: Pair) -> None:
    connection, _ = pair
    connection.parser.feed(REQUEST[:1])
    assert not connection.is_idle
    connection.parser.feed(REQUEST[1:])
    assert not connection.is_idle
    connection.parser.requests.popleft()
    assert connection.is_idle


def test_bytes_that_the_client_does_not_receive_stay_unsent_in_their_order(pair: Pair) -> None:
    connection, client = pair
    large = bytes(range(256)) * 2**14
    assert not connection.send(large)
    assert not connection.send(b"end")
    assert not connection.is_idle
    received = b""
    while not connection.send():
        received += client.recv(RECEIVE_BYTES)
    received += receive(client, len(large) + 3 - len(received))
    assert received == large + b"end"
    assert connection.is_idle


def test_a_lingering_connection_sends_its_end_and_still_receives(pair: Pair) -> None:
    connection, client = pair
    connection.parser.feed(REQUEST)
    connection.linger(1)
    assert client.recv(1) == b""
    assert not connection.parser.requests
    assert not connection.is_idle
    client.sendall(b"late")
    assert connection.receive() == b"late"


def test_a_broken_connection_is_an_error(pair: Pair) -> None:
    connection, client = pair
    client.close()
    with pytest.raises(BrokenPipeError):
        connection.send(b"response")


def test_a_closed_connection(pair: Pair) -> None:
    connection, _ = pair
    assert not connection.is_closed
    connection.socket.close()
    assert connection.is_closed


def test_deadlines_follow_each_other(pair: Pair) -> None:
    connection, _ = pair
    began = connection.active_since
    assert connection.deadline == began + 60
    connection.set_deadline(5)
    assert connection.deadline == connection.active_since + 5
    assert connection.active_since >= began


@pytest.mark.parametrize(
    ("server", "client", "addresses"),
    [
        (("10.0.0.1", 80), ("10.0.0.2", 1234), ("10.0.0.1", "80", "10.0.0.2", "1234")),
        (("::1", 80, 0, 0), ("::1", 1234, 0, 0), ("::1", "80", "::1", "1234")),
        ("/run/mnist.sock", "", ("/run/mnist.sock", "", "", "")),
    ],
)
def test_the_environ_has_both_addresses(server: object, client: object, addresses: tuple[str, ...]) -> None:
    environ = connection_environ(server, client)
    names = ("SERVER_NAME", "SERVER_PORT", "REMOTE_ADDR", "REMOTE_PORT")
    assert tuple(environ[name] for name in names) == addresses
