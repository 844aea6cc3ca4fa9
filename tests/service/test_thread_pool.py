"""The threads that handle requests, and their queue."""

import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from service.server.connection import RECEIVE_BYTES, Connection
from service.server.http_parser import Request
from service.server.thread_pool import ThreadPool


@pytest.fixture
def connections() -> Iterator[list[Connection]]:
    with ExitStack() as stack:
        yield [Connection(stack.enter_context(socket.socket()), {}, 1000, 60) for _ in range(4)]


def request(name: str, size: int = 0) -> Request:
    return Request({"PATH_INFO": name}, io.BytesIO(), keep_alive=True, size=size)


class Handler:
    """Notes the paths of requests, and handles none before `opened` is set."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.started = threading.Event()
        self.paths: list[str] = []

    def __call__(self, _: Connection, request: Request) -> None:
        self.started.set()
        assert self.opened.wait(30)
        self.paths.append(request.environ["PATH_INFO"])


def test_requests_are_handled_in_order_and_the_first_before_those_that_wait(connections: list[Connection]) -> None:
    handler = Handler()
    pool = ThreadPool(1, 8, 10**6, handler)
    pool.submit(connections[0], request("/handled"))
    assert handler.started.wait(30)
    pool.submit(connections[1], request("/second"))
    pool.submit(connections[2], request("/third"))
    pool.submit(connections[3], request("/first"), first=True)
    assert list(pool.dispatched) == connections
    handler.opened.set()
    pool.stop(time.monotonic() + 30)
    assert handler.paths == ["/handled", "/first", "/second", "/third"]


def test_the_queue_is_bounded_by_requests(connections: list[Connection]) -> None:
    handler = Handler()
    pool = ThreadPool(1, 1, 10**6, handler)
    for connection in connections[:2]:
        assert pool.has_room(request("/"))
        pool.submit(connection, request("/"))
    assert not pool.has_room(request("/"))
    del pool.dispatched[connections[0]]
    assert pool.has_room(request("/"))
    handler.opened.set()
    pool.stop(time.monotonic() + 30)


def test_the_queue_is_bounded_by_the_bytes_of_large_requests(connections: list[Connection]) -> None:
    handler = Handler()
    pool = ThreadPool(1, 8, 10 * RECEIVE_BYTES, handler)
    pool.submit(connections[0], request("/", 6 * RECEIVE_BYTES))
    assert pool.has_room(request("/", 4 * RECEIVE_BYTES))
    assert not pool.has_room(request("/", 4 * RECEIVE_BYTES + 1))
    pool.submit(connections[1], request("/", 4 * RECEIVE_BYTES))
    assert pool.has_room(request("/", RECEIVE_BYTES))
    handler.opened.set()
    pool.stop(time.monotonic() + 30)


def test_all_threads_work_at_once(connections: list[Connection]) -> None:
    together = threading.Barrier(3, timeout=30)

    def wait(*_: object) -> None:
        together.wait()

    pool = ThreadPool(2, 8, 10**6, wait)
    for connection in connections[:2]:
        pool.submit(connection, request("/"))
    together.wait()
    pool.stop(time.monotonic() + 30)
