"""The processes: stopping, draining and replacing workers."""

import os
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from tests.conftest import SEVEN, Server, serving

DIGIT = SEVEN.read_bytes()
HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n" % len(DIGIT)


def workers(server: Server) -> list[int]:
    children = subprocess.run(["pgrep", "-P", str(server.process.pid)], capture_output=True, text=True, check=False)
    return [int(pid) for pid in children.stdout.split()]


def test_requests_in_flight_are_finished_when_told_to_stop() -> None:
    with serving("--workers", "2", "--threads", "4") as server:
        connections = [socket.create_connection(("127.0.0.1", server.port), 30) for _ in range(8)]
        for connection in connections:
            connection.sendall(HEAD + DIGIT[:10])
        time.sleep(0.5)
        server.process.terminate()
        time.sleep(0.5)
        for connection in connections:
            connection.sendall(DIGIT[10:])
        assert [connection.recv(15) for connection in connections] == [b"HTTP/1.1 200 OK"] * 8
        for connection in connections:
            connection.close()
        assert server.process.wait(30) == 0


def post_until_refused(port: int) -> set[bytes]:
    answers: set[bytes] = set()
    while True:
        try:
            connection = socket.create_connection(("127.0.0.1", port), 30)
        except ConnectionRefusedError:
            return answers
        with connection:
            connection.sendall(HEAD.replace(b"Host: x", b"Host: x\r\nConnection: close") + DIGIT)
            answers.add(connection.makefile("rb").read()[:15])


def test_under_load_no_connection_that_was_made_is_dropped_at_the_stop() -> None:
    with serving("--workers", "2") as server, ThreadPoolExecutor(12) as pool:
        clients = [pool.submit(post_until_refused, server.port) for _ in range(12)]
        time.sleep(1)
        assert server.stop() == 0
        assert [client.result(60) for client in clients] == [{b"HTTP/1.1 200 OK"}] * 12


def test_readyz_says_no_while_draining() -> None:
    with serving("--workers", "1") as server:
        connection = server.connect()
        connection.request("GET", "/readyz")
        assert connection.getresponse().read() == b'{"ready":true}'
        server.process.terminate()
        time.sleep(0.5)
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        assert (response.status, response.read()[:9]) == (503, b'{"error":')


def test_a_killed_worker_is_replaced() -> None:
    with serving("--workers", "2") as server:
        before = workers(server)
        assert len(before) == 2
        os.kill(before[0], 9)
        deadline = time.monotonic() + 30
        while len(set(workers(server)) - {before[0]}) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(set(workers(server)) - {before[0]}) == 2
        assert server.post(DIGIT)[0] == 200


def test_the_installed_command_serves() -> None:
    with serving(command=("-c", "from service.__main__ import main; main()", "--port", "0")) as server:
        assert server.post(DIGIT)[0] == 200


def test_a_stop_while_workers_still_start_is_in_good_order() -> None:
    with serving("--workers", "8") as server:  # ready as soon as the first of them is
        assert server.stop() == 0
    assert not any("Traceback" in line for line in server.log)
