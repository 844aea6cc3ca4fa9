"""Clients with kept connections, and the outcome of their requests."""

import socket
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from tests.benchmarks.fuzz.requests import Request, Requests

TIMEOUT_SECONDS = 60.0
LOST = 0  # in place of a status


class Address(NamedTuple):
    """The address of a server."""

    host: str
    port: int


class Failure(NamedTuple):
    """A request whose response was 500 or above, or missing."""

    number: int
    request: Request
    status: int
    answer: str


@dataclass
class Outcome:
    """The outcome of requests."""

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    slowest: tuple[float, int] = (0.0, 0)  # seconds, and the request's number

    def add(self, other: Self) -> None:
        """Add the outcome of other requests."""
        self.statuses += other.statuses
        self.failures += other.failures
        self.slowest = max(self.slowest, other.slowest)


def send_all(address: Address, requests: Requests, numbers: Iterable[int], connections: int) -> Outcome:
    """Send the requests with these numbers over several connections at once."""
    outcome = Outcome()
    queue = iter([*numbers])  # taking the next one from a list is one step for all threads
    requests.make(0)  # makes the files, once
    with ThreadPoolExecutor(connections) as pool:
        for part in pool.map(lambda _: _send(address, requests, queue), range(connections)):
            outcome.add(part)
    return outcome


def _send(address: Address, requests: Requests, numbers: Iterable[int]) -> Outcome:
    """Send requests one after another over one connection."""
    outcome, client = Outcome(), Client(address)
    for number in numbers:
        request, start = requests.make(number), time.monotonic()
        status, answer = client.send(request.data)
        outcome.slowest = max(outcome.slowest, (time.monotonic() - start, number))
        outcome.statuses[request.path, status] += 1
        if status == LOST or status >= 500:
            outcome.failures.append(Failure(number, request, status, answer))
    client.close()
    return outcome


class Client:
    """A connection, which is made again whenever the server has closed it."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._socket: socket.socket | None = None

    def send(self, request: bytes) -> tuple[int, str]:
        """Return the status and the text of a response; `LOST` and the reason if there is none."""
        try:
            if self._socket is None:
                self._socket = socket.create_connection(self._address, TIMEOUT_SECONDS)
                self._answers = self._socket.makefile("rb")
            return self._exchange(self._socket, request)
        except (OSError, ValueError) as error:
            self.close()
            return LOST, repr(error)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._socket:
            self._answers.close()
            self._socket.close()
            self._socket = None

    def _exchange(self, connection: socket.socket, request: bytes) -> tuple[int, str]:
        connection.sendall(request)
        status = int(self._line().split(b" ", 2)[1])
        headers = dict[bytes, bytes]()
        while line := self._line().rstrip():
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip().lower()
        size = int(headers[b"content-length"]) if b"content-length" in headers else -1
        answer = self._answers.read(size)
        if len(answer) < size:
            raise ConnectionError("The response was cut short.")
        if headers.get(b"connection") == b"close":
            self.close()
        return status, answer.decode("utf-8", "replace")

    def _line(self) -> bytes:
        line = self._answers.readline()
        if not line:
            raise ConnectionError("The connection was closed.")
        return line
