"""The processes: stopping, draining and replacing workers."""

import io
import os
import re
import signal
import socket
import threading
import tomllib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from PIL import Image

from tests.support.paths import ROOT, SEVEN
from tests.support.server import Server, count_connections, serving, workers
from tests.support.wait import wait_until

DIGIT = SEVEN.read_bytes()
HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n" % len(DIGIT)


def logged(server: Server, text: str) -> list[str]:
    return [line for line in server.log if text in line]


def test_requests_in_flight_are_finished_when_told_to_stop() -> None:
    with serving("--workers", "2", "--threads", "4") as server:
        connections = [socket.create_connection(("127.0.0.1", server.port), 30) for _ in range(8)]
        for connection in connections:
            connection.sendall(HEAD + DIGIT[:10])
        wait_until(lambda: count_connections(server) == 8)
        server.process.terminate()
        wait_until(lambda: logged(server, "Handling signal: term"))
        for connection in connections:
            connection.sendall(DIGIT[10:])
        assert [connection.recv(15) for connection in connections] == [b"HTTP/1.1 200 OK"] * 8
        for connection in connections:
            connection.close()
        assert server.process.wait(30) == 0


def post_until_refused(port: int) -> set[bytes]:
    status_lines: set[bytes] = set()
    while True:
        try:
            connection = socket.create_connection(("127.0.0.1", port), 30)
        except ConnectionRefusedError:
            return status_lines
        with connection:
            connection.sendall(HEAD.replace(b"Host: x", b"Host: x\r\nConnection: close") + DIGIT)
            status_lines.add(connection.makefile("rb").read()[:15])


def test_under_load_no_connection_that_was_made_is_dropped_at_the_stop() -> None:
    with serving("--workers", "2") as server, ThreadPoolExecutor(12) as pool:
        clients = [pool.submit(post_until_refused, server.port) for _ in range(12)]
        wait_until(lambda: len(logged(server, "route=/predict ")) > 100)
        assert server.stop() == 0
        assert [client.result(60) for client in clients] == [{b"HTTP/1.1 200 OK"}] * 12


def get_readyz(connection: HTTPConnection) -> tuple[int, bytes]:
    connection.request("GET", "/readyz")
    response = connection.getresponse()
    return response.status, response.read()[:9]


def test_readyz_says_no_while_draining() -> None:
    with serving("--workers", "1") as server:
        asking, idle = server.connect(), server.connect()
        assert get_readyz(asking) == get_readyz(idle) == (200, b'{"ready":')
        server.process.terminate()
        # Of a request that is in flight at the signal, 200 may be the last response of its connection.
        with suppress(ConnectionRefusedError):
            wait_until(lambda: get_readyz(asking)[0] == 503)
        assert get_readyz(idle) == (503, b'{"error":')


def test_a_killed_worker_is_replaced() -> None:
    with serving("--workers", "2") as server:
        wait_until(lambda: len(workers(server)) == 2)
        before = workers(server)
        os.kill(before[0], 9)
        wait_until(lambda: len(set(workers(server)) - {before[0]}) == 2)
        assert server.post(DIGIT)[0] == 200


def post_until(stop: threading.Event, server: Server) -> set[int]:
    statuses = set()
    while not stop.is_set():
        statuses.add(server.post(DIGIT)[0])
    return statuses


def test_sigusr2_replaces_the_main_process_and_no_request_is_lost() -> None:
    stop = threading.Event()
    with serving("--workers", "2") as server, ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(post_until, stop, server) for _ in range(4)]
        os.kill(server.process.pid, signal.SIGUSR2)
        wait_until(lambda: len(logged(server, "Booting worker")) == 4)
        replacement = int(re.findall(r"\d+", logged(server, "Listening at")[1])[-1])
        assert server.stop() == 0
        try:
            assert server.post(DIGIT)[0] == 200
            stop.set()
            assert [client.result(60) for client in clients] == [{200}] * 4
        finally:
            os.kill(replacement, signal.SIGTERM)


def test_sighup_replaces_the_workers() -> None:
    with serving("--workers", "2") as server:
        wait_until(lambda: len(workers(server)) == 2)
        before = workers(server)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(after := workers(server)) == 2 and set(after).isdisjoint(before))
        assert server.post(DIGIT)[0] == 200


def test_workers_share_imports_without_tensorflow_and_opencv() -> None:
    with serving("--workers", "1") as server:
        assert server.post(DIGIT)[0] == 200
        maps = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert all(library in maps for library in ("_imaging", "_pywrap_litert"))
    assert not any(library in maps.replace("ai_edge_litert", "") for library in ("cv2", "tensorflow"))


def test_a_worker_imports_the_decoder_of_heic_for_the_first_heic_image() -> None:
    with serving("--workers", "1") as server, Image.open(SEVEN) as seven:
        (worker,) = workers(server)
        for kind in ("PNG", "AVIF", "HEIF", "HEIF"):
            file = io.BytesIO()
            seven.resize((280, 280)).save(file, kind)
            assert server.post(file.getvalue())[1]["digit"] == 7
            assert ("_pillow_heif" in Path(f"/proc/{worker}/maps").read_text()) == (kind == "HEIF")


def test_the_serving_environment_has_no_opencv() -> None:
    lock = (ROOT / "deploy" / "requirements-serving.txt").read_text()
    assert "numpy==" in lock
    assert "opencv" not in lock
    sources = {path: path.read_text() for path in (ROOT / "service").rglob("*.py")}
    assert not [path for path, source in sources.items() if re.search(r"\bcv2\b", source)]
    paths = [ROOT / "Dockerfile", *(ROOT / "deploy").rglob("*"), *sources]
    assert not [path for path in paths if path.is_file() and "leave_out" in path.read_text()]


def test_private_parts_of_packages_are_of_the_versions_that_were_read() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = {requirement.name: requirement.specifier for requirement in map(Requirement, project["dependencies"])}
    text = "\n".join(path.read_text() for path in (ROOT / "service").rglob("*.py"))
    read = set(re.findall(r"\b(gunicorn|prometheus-client|httptools) (\d+\.\d+\.\d+)", text))
    assert {name for name, _ in read} == {"gunicorn", "prometheus-client", "httptools"}
    for name, version_read in read:
        assert version_read in required[name]
        assert version(name) in required[name]
        assert any(bound.operator == "<" for bound in required[name])
        major, minor, _ = map(int, version_read.split("."))
        following = f"{major + 1}.0.0" if major else f"0.{minor + 1}.0"
        assert following not in required[name], f"{name} {following} is allowed, and only {version_read} was read"


def test_the_installed_command_serves() -> None:
    with serving(command=("-c", "from service.__main__ import main; main()", "--port", "0")) as server:
        assert server.post(DIGIT)[0] == 200


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_it_listens_on_ipv6_and_ipv4() -> None:
    with serving("--host", "::", "--workers", "1") as server:
        assert server.post(DIGIT)[0] == 200  # at 127.0.0.1
        connection = HTTPConnection("::1", server.port, timeout=60)
        connection.request("POST", "/predict", DIGIT, {"Content-Type": "image/png"})
        assert connection.getresponse().read().startswith(b'{"digit":7')


def test_a_stop_while_workers_start_leaves_no_traceback() -> None:
    with serving("--workers", "8") as server:  # ready as soon as the first of them is
        assert server.stop() == 0
    assert not any("Traceback" in line for line in server.log)
