"""The worker, in real processes: slow clients, too many requests, and bytes that are no HTTP."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.images import png
from tests.support.paths import ROOT, SEVEN
from tests.support.server import Server, clean_environment, count_connections, serving, workers
from tests.support.wait import wait_until

DIGIT = SEVEN.read_bytes()
POST = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
WHOLE = POST + b"Content-Length: %d\r\n\r\n" % len(DIGIT) + DIGIT


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("--workers", "1", "--max-bytes", "100000") as server:
        yield server


@pytest.fixture(scope="module")
def hasty() -> Iterator[Server]:
    """A server with short deadlines."""
    with serving("--workers", "1", "--timeout", "1", "--keep-alive", "1") as server:
        yield server


@pytest.fixture(scope="module")
def photo() -> bytes:
    """An image that takes a while to read."""
    return png(np.random.default_rng(0).integers(100, 200, (340, 360), np.uint8).repeat(10, 0).repeat(10, 1))


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), 30)


def read_response(connection: socket.socket, method: str = "POST") -> tuple[int, dict[str, str], bytes]:
    """Read one response, and no more bytes."""
    head, body = b"", b""
    while not head.endswith(b"\r\n\r\n"):
        head += (byte := connection.recv(1))
        assert byte, head
    status, *lines = head.decode().splitlines()[:-1]
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    while method != "HEAD" and len(body) < int(headers["content-length"]):
        body += (data := connection.recv(int(headers["content-length"]) - len(body)))
        assert data, body
    return int(status.split()[1]), headers, body


def error_code(body: bytes) -> str:
    document = json.loads(body)
    assert document["error"].endswith(".")
    return str(document["code"])


def send_and_read_all(server: Server, *pieces: bytes) -> bytes:
    with connect(server) as connection:
        for piece in pieces:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").read()


def test_clients_of_a_byte_a_second_do_not_slow_down_others(server: Server) -> None:
    slow = [connect(server) for _ in range(200)]
    for position in range(2):
        for connection in slow:
            connection.sendall(WHOLE[position : position + 1])
        start = time.monotonic()
        assert [server.post(DIGIT)[0] for _ in range(20)] == [200] * 20
        assert time.monotonic() - start < 10
    for connection in slow:
        connection.sendall(WHOLE[2:])
    assert [read_response(connection)[0] for connection in slow] == [200] * 200
    for connection in slow:
        connection.close()


@pytest.mark.parametrize(
    "begun", [b"P", POST, POST + b"Content-Length: 9\r\n\r\na", POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na"]
)
def test_a_request_that_never_ends_is_cut_off(hasty: Server, begun: bytes) -> None:
    with connect(hasty) as connection:
        connection.sendall(begun)
        status, headers, body = read_response(connection)
        assert (status, error_code(body), headers["connection"]) == (408, "request_timeout", "close")
        assert connection.recv(1) == b""


def test_bytes_that_trickle_in_give_no_more_time(hasty: Server) -> None:
    start = time.monotonic()
    with connect(hasty) as connection, suppress(OSError):
        connection.sendall(b"GET /")
        while time.monotonic() - start < 20:
            connection.sendall(b"a")
            time.sleep(0.2)
    assert time.monotonic() - start < 15


@pytest.mark.parametrize("sent", [b"", b"\r\n", LIVEZ])
def test_an_idle_connection_is_closed_without_a_word(hasty: Server, sent: bytes) -> None:
    with connect(hasty) as connection:
        connection.sendall(sent)
        if sent == LIVEZ:
            assert read_response(connection)[0] == 200
        assert connection.recv(1) == b""


def test_a_client_that_does_not_receive_its_response_is_cut_off(hasty: Server) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(30)
        connection.connect(("127.0.0.1", hasty.port))
        connection.sendall(b"GET /report HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
        wait_until(lambda: count_connections(hasty) == 0)
        received = 0
        try:
            while data := connection.recv(2**16):
                received += len(data)
        except ConnectionResetError:
            pass
        assert received < 100 * 250_000


def test_a_client_that_pauses_receives_a_large_response_whole(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(b"GET /report HTTP/1.1\r\nHost: x\r\n\r\n" * 40 + LIVEZ)
        time.sleep(1)
        bodies = [read_response(connection)[2] for _ in range(41)]
    assert len(set(bodies[:40])) == 1
    assert bodies[40] == b'{"live":true}'


def test_requests_over_the_limit_are_rejected_and_those_in_the_queue_are_answered(photo: bytes) -> None:
    def post(_: int) -> tuple[int, dict[str, str], bytes, float]:
        with connect(busy) as connection:
            connection.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(photo) + photo)
            start = time.monotonic()
            response = read_response(connection)
            seconds = time.monotonic() - start
            connection.sendall(LIVEZ)  # in both cases the connection stays open, and the health check is answered
            assert read_response(connection)[0] == 200
            return *response, seconds

    options = ("--workers", "1", "--threads", "1", "--max-waiting", "1", "--max-bytes", "20000000")
    with serving(*options) as busy, ThreadPoolExecutor(12) as pool:
        posted = list(pool.map(post, range(24)))
        assert busy.post(DIGIT)[0] == 200
    rejected = [response for response in posted if response[0] == 503]
    accepted = [response for response in posted if response[0] != 503]
    assert rejected
    assert len(accepted) >= 2
    assert {response[0] for response in accepted} <= {200, 422}
    assert {(error_code(body), headers["retry-after"]) for _, headers, body, _ in rejected} == {("overloaded", "1")}
    assert min(seconds for *_, seconds in rejected) < 5


def test_health_checks_are_answered_before_requests_that_wait(photo: bytes) -> None:
    with serving("--workers", "1", "--threads", "1", "--max-bytes", "20000000") as busy:
        connections = [connect(busy) for _ in range(20)]
        for connection in connections:
            connection.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(photo) + photo)
        wait_until(lambda: count_connections(busy) >= 20)
        assert busy.ask("GET", "/livez")[0] == 200
        answered, _, _ = select.select(connections, [], [], 0)
        assert len(answered) < 20
        for connection in connections:
            assert read_response(connection)[0] in (200, 422)
            connection.close()


def test_over_the_limit_of_connections_the_slowest_is_closed_and_none_in_use() -> None:
    with serving("--workers", "1", "--threads", "1", "--max-connections", "8") as server:
        first, unfinished = connect(server), connect(server)
        unfinished.sendall(b"POST /")
        time.sleep(0.2)
        first.sendall(LIVEZ)
        assert read_response(first)[0] == 200  # so it is idle for a shorter time than the other is unfinished
        new = [connect(server) for _ in range(7)]
        assert unfinished.recv(1) == b""
        for connection in (first, *new):
            connection.sendall(LIVEZ)
            assert read_response(connection)[0] == 200
        for connection in (first, unfinished, *new):
            connection.close()


def test_over_the_limit_of_bytes_the_slowest_request_is_cut_off() -> None:
    with serving("--workers", "1", "--max-bytes", "200000", "--max-buffered", "1") as server:  # room for 331072
        connections = [connect(server) for _ in range(4)]
        for connection in connections:
            connection.sendall(POST + b"Content-Length: 100000\r\n\r\n" + bytes(99_999))
            time.sleep(0.2)
        status, headers, body = read_response(connections[0])
        assert (status, error_code(body), headers["connection"]) == (503, "overloaded", "close")
        for connection in connections[1:]:
            connection.sendall(b"\0")
            assert read_response(connection)[0] == 415
        with connect(server) as connection:
            connection.sendall(POST + b"Content-Length: 200000\r\n\r\n" + bytes(200_000))
            assert read_response(connection)[0] == 415
        for connection in connections:
            connection.close()


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    paths = [f"/nope/{number}" for number in range(300)]
    requests = b"".join(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode() for path in paths)
    responses = send_and_read_all(server, requests + WHOLE)
    assert re.findall(r"GET (\S+): not found", responses.decode()) == paths
    assert responses.count(b"HTTP/1.1 404 ") == 300
    assert b'"digit":7' in responses


def test_a_chunked_body_of_chunks_of_a_byte(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        for byte in DIGIT:
            connection.sendall(b"1\r\n%c\r\n" % byte)
        connection.sendall(b"0\r\n\r\n" + WHOLE)
        assert read_response(connection)[::2] == read_response(connection)[::2]


def test_a_client_that_awaits_100_continue(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(DIGIT))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(DIGIT)
        assert read_response(connection)[0] == 200
        connection.sendall(POST + b"Expect: 100-continue\r\nContent-Length: 100001\r\n\r\n")
        status, headers, body = read_response(connection)
        assert (status, error_code(body), headers["connection"]) == (413, "too_large", "close")


def test_head_has_the_headers_of_get(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(b"HEAD /livez HTTP/1.1\r\nHost: x\r\n\r\n" + LIVEZ)
        head, get = read_response(connection, "HEAD"), read_response(connection, "GET")
    assert (head[0], head[2]) == (200, b"")
    assert head[1] | {"x-request-id": ""} == get[1] | {"x-request-id": ""}


def test_an_old_client(server: Server) -> None:
    response = send_and_read_all(server, b"GET /livez HTTP/1.0\r\n\r\n")
    assert response.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Connection: close\r\n" in response
    with connect(server) as connection:
        connection.sendall(b"GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert read_response(connection)[1]["connection"] == "keep-alive"


def test_an_upgrade_is_answered_as_plain_http(server: Server) -> None:
    head = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    response = send_and_read_all(server, POST + head + b"Content-Length: %d\r\n\r\n" % len(DIGIT) + DIGIT)
    assert response.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'"digit":7' in response


@pytest.mark.parametrize(
    ("sent", "status", "expected"),
    [
        (POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + LIVEZ, 400, "malformed_request"),
        (b"GET /livez HTTP/1.1\r\n\r\n" + LIVEZ, 400, "malformed_request"),
        (POST + b"Content-Length: 9\r\n\r\ncut", 400, "malformed_request"),
        (POST + b"X: %b\r\n\r\n" % (b"a" * 70_000) + LIVEZ, 431, "headers_too_large"),
    ],
)
def test_errors_of_the_loop(server: Server, sent: bytes, status: int, expected: str) -> None:
    response = send_and_read_all(server, sent)
    head, _, body = response.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"Connection: close" in head
    assert error_code(body) == expected


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=60) | st.sampled_from([POST, LIVEZ, WHOLE, b"\r\n\r\n"]), max_size=5))
def test_any_bytes_are_the_clients_error(server: Server, pieces: list[bytes]) -> None:
    statuses = re.findall(rb"^HTTP/1.1 (\d)", send_and_read_all(server, *pieces), re.MULTILINE)
    assert set(statuses) <= {b"2", b"4"}
    assert server.ask("GET", "/livez")[0] == 200


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, len(WHOLE)), max_size=5))
def test_the_pieces_of_a_request_make_no_difference(server: Server, cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(WHOLE)]
    with connect(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start, end in pairwise(places):
            connection.sendall(WHOLE[start:end])
            time.sleep(0.001)
        status, _, body = read_response(connection)
    assert (status, json.loads(body)) == server.post(DIGIT)


def test_the_workers_end_with_a_main_process_that_was_killed() -> None:
    with serving("--workers", "2") as server:
        pids = workers(server)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))


def test_a_certificate_is_an_error() -> None:
    command = [
        "-m",
        "gunicorn",
        "-c",
        "python:service.server.gunicorn_conf",
        "--certfile",
        str(SEVEN),
        "service:create_app()",
    ]
    environment = clean_environment() | {"MNIST_PORT": "0"}
    result = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("This worker does not support TLS")
