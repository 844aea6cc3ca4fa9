"""gunicorn's worker for this service: a loop reads every connection, and threads answer whole requests."""

import errno
import os
import select
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from operator import attrgetter
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from gunicorn.workers.base import Worker as BaseWorker

from service.errors import Overloaded, RequestTimeout, ServiceError
from service.observability.request_log import ARRIVED
from service.server import responses
from service.server.connection import RECEIVE, Connection
from service.server.draining import HANDSHAKE_SECONDS, is_open_in, refuse_new
from service.server.http_parser import MAX_HEAD, Request
from service.settings import Settings

if TYPE_CHECKING:
    from service.server.fast_path import FastPath

ENDING = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
EVENTS = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
LINGER_SECONDS = 2.0  # for a client to take the last answer; for idle ones to send what was on its way at the stop
YIELD_SECONDS = 0.0001  # of 16 connections made at once, each of two workers took 4 to 12; without this, up to all
ACCEPT_EVERY = 4  # ready connections, which are all answered before the listener is looked at again
MAX_BATCH = 64  # small requests answered together
SWEEP_SECONDS = 1.0


# What it uses of the base (alive, cfg, init_signals, notify, PIPE, ppid, sockets, wsgi) was read in gunicorn 27.0.1.
class Worker(BaseWorker):  # type: ignore[misc]
    """Answers at once what is whole, refuses what is too much, and leaves no accepted connection without an answer.

    Its loop alone accepts, reads and closes. A connection is handed to a thread with a whole request, and comes back
    by leaving `in_hand`; or by way of `returned`, where something is left for the loop to do.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.connections: dict[int, Connection] = {}
        self.in_hand: dict[Connection, Request] = {}
        self.small: dict[Connection, Request] = {}  # whole, to be answered in this turn
        self.waiting: deque[tuple[Connection, Request] | None] = deque()
        self.tokens: SimpleQueue[None] = SimpleQueue()  # one for each that waits: a deque can't be waited for
        self.returned: deque[Connection] = deque()
        self.buffered = 0  # bytes of unfinished requests
        self.next_sweep = 0.0
        self.idle_until = float("inf")

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Refuse certificates, which would go unused, and their keys' owner would not notice.

        Raises:
            SystemExit: there are some.

        """
        if cfg.is_ssl:
            sys.exit("This worker speaks no TLS: let a proxy in front of it do that.")

    def init_signals(self) -> None:
        """Take signals from now on, those that came since the fork too; gunicorn_conf.py had them kept."""
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def run(self) -> None:
        """Serve until told to stop, or until gunicorn's main process is gone; then finish what has begun."""
        self._open()
        while self.alive:
            self._turn()
        self._stop_accepting()
        end = time.monotonic() + self.cfg.graceful_timeout
        while self.connections and time.monotonic() < end:
            self._turn()
        self._end_threads(end)
        self.wsgi.extensions["repository"].close()

    def _open(self) -> None:
        self.settings: Settings = self.wsgi.extensions["settings"]
        self.fast_path: FastPath | None = self.wsgi.extensions["fast_path"]
        self.health: set[str] = self.wsgi.extensions["health"]
        self.buffer_limit: int = max(self.settings.max_buffered, self.settings.max_bytes + 2 * MAX_HEAD)
        self.poller = select.epoll()
        self.poller.register(self.PIPE[0], select.EPOLLIN)  # signals write to it, too
        self.listeners = {listener.fileno(): listener for listener in self.sockets}
        for fd, listener in self.listeners.items():
            listener.setblocking(False)
            self._listen(fd)
        self.threads = [threading.Thread(target=self._answer_all, daemon=True) for _ in range(self.settings.threads)]
        for thread in self.threads:
            thread.start()

    def _listen(self, fd: int) -> None:
        self.poller.register(fd, select.EPOLLIN | select.EPOLLEXCLUSIVE)

    def _turn(self) -> None:
        """Wait for something to happen, and see to it."""
        wait = max(0.0, self.next_sweep - time.monotonic())
        events = self.poller.poll(0 if self.returned else wait)
        for fd, event in events:
            if connection := self.connections.get(fd):
                connection.ending |= bool(event & ENDING)
                self._stir(connection)
            elif fd in self.listeners:
                self._accept_some(self.listeners[fd], len(events))
                self._let_others_accept(fd)
            elif fd == self.PIPE[0]:
                os.read(fd, RECEIVE)
        for _ in range(len(self.returned)):
            self._stir(self.returned.popleft())
        self._answer_small()
        # Last, so that what came in while this process had to wait for the machine is in time.
        if time.monotonic() >= self.next_sweep:
            self._sweep()

    def _let_others_accept(self, fd: int) -> None:
        """Go behind the other workers, as nginx does: the kernel wakes the one that registered first."""
        self.poller.unregister(fd)
        time.sleep(YIELD_SECONDS)
        self._listen(fd)

    def _accept_some(self, listener: Any, ready: int) -> None:
        """Accept one connection for each few that are ready: each worker gets its share, and soon enough."""
        for _ in range(1 + ready // ACCEPT_EVERY):
            if not self._accept(listener):
                break

    def _accept(self, listener: Any) -> bool:
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._close_slowest()
            return False
        environ = _connection_environ(listener.getsockname(), address)
        connection = Connection(client, environ, self.settings.max_bytes, self.settings.timeout)
        self.connections[client.fileno()] = connection
        self.poller.register(client.fileno(), EVENTS)
        if len(self.connections) > self.settings.max_connections:
            self._close_slowest()
        return True

    def _stir(self, connection: Connection) -> None:
        """Go on with a connection, or let the thread that has it in hand return it."""
        connection.stirred = True  # before the look at who has it: the thread does both the other way round
        if connection in self.in_hand or connection in self.small or connection.is_closed:
            return
        try:
            if not connection.unsent:
                self._go_on(connection)
            elif connection.send():
                self._allow_rest(connection)
                self._go_on(connection)
        except OSError:
            self._close(connection)

    def _go_on(self, connection: Connection) -> None:
        """Receive, as long as there is no whole request; then see to what there is."""
        parser, was_unfinished = connection.parser, connection.parser.unfinished
        if connection.last_answer and not connection.lingering:
            connection.linger(LINGER_SECONDS)
        parser.feed(b"")
        if not (parser.requests or parser.error):
            self._receive(connection)
        self._count(connection)
        if parser.requests:
            self._hand_over(connection)
        elif parser.error:
            self._refuse(connection, parser.error)
        elif parser.unfinished:
            self._await(connection, was_unfinished)
        if connection.stirred and connection not in self.in_hand and connection not in self.small:
            self.returned.append(connection)

    def _await(self, connection: Connection, was_unfinished: bool) -> None:
        """Give a request the time to become whole, from its first byte on."""
        if not was_unfinished:
            connection.allow(self.settings.timeout)
        if connection.parser.awaits_continue:
            connection.parser.awaits_continue = False
            connection.send(responses.CONTINUE)

    def _receive(self, connection: Connection) -> None:
        data = connection.receive()
        if data and not connection.lingering:
            connection.parser.feed(data)
        elif data == b"":
            connection.parser.end()
            if not connection.parser.error:
                self._close(connection)

    def _count(self, connection: Connection) -> None:
        """Count the bytes of an unfinished request; beyond the limit, cut off the one that began first."""
        self.buffered += connection.parser.size - connection.counted
        connection.counted = connection.parser.size
        while self.buffered > self.buffer_limit and (slowest := self._slowest(lambda other: other.counted > 0)):
            self._refuse(slowest, Overloaded("Too much is being sent at once: this was the slowest. Try again."))

    def _hand_over(self, connection: Connection) -> None:
        """Have a whole request answered: here with others of this turn, or by a thread."""
        request = connection.parser.requests.popleft()
        request.environ[ARRIVED] = time.perf_counter()
        request.keep_alive &= self.alive
        if self.fast_path and self.fast_path.takes(request):
            self.small[connection] = request
            if len(self.small) >= MAX_BATCH:
                self._answer_small()
        else:
            self._enqueue(connection, request)

    def _answer_small(self) -> None:
        """Answer all small requests that are whole, together."""
        asked, self.small = self.small, {}
        given = self.fast_path.answer([*asked.values()]) if self.fast_path and asked else []
        for (connection, request), answer in zip(asked.items(), given, strict=True):
            if answer:
                self._deliver(connection, responses.success(*answer, request), not request.keep_alive)
            else:
                self._enqueue(connection, request)

    def _enqueue(self, connection: Connection, request: Request) -> None:
        """Let a thread answer a request, if not too many wait; health is asked before all others."""
        if request.environ["PATH_INFO"] in self.health and request.environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            wait = self.waiting.appendleft
        elif self._has_room(request):
            wait = self.waiting.append
        else:
            self._refuse(connection, Overloaded("Too many requests wait already: try again in a moment."), request)
            return
        self.in_hand[connection] = request
        wait((connection, request))
        self.tokens.put(None)

    def _has_room(self, request: Request) -> bool:
        if len(self.in_hand) >= self.settings.threads + self.settings.max_waiting:
            return False
        if request.size <= RECEIVE:
            return True
        held = sum(other.size for other in tuple(self.in_hand.values()))
        return held + request.size <= self.buffer_limit

    def _refuse(self, connection: Connection, error: ServiceError, request: Request | None = None) -> None:
        """Answer in place of a thread: every such answer is made here, and is the last if no request was whole."""
        keep_alive = bool(request and request.keep_alive)
        if not keep_alive:
            connection.parser.discard()
            self._count(connection)
        id_ = self.wsgi.extensions["refuse"](error, request.environ if request else {})
        self._deliver(connection, responses.failure(error, request, keep_alive, id_), not keep_alive)

    def _deliver(self, connection: Connection, answer: bytes, is_last: bool) -> None:
        """Send an answer that the loop has itself."""
        connection.last_answer = is_last
        try:
            connection.send(answer)
        except OSError:
            self._close(connection)
        self._allow_rest(connection)
        if is_last or connection.stirred or not connection.is_idle:
            self.returned.append(connection)

    def _allow_rest(self, connection: Connection) -> None:
        """Set the time for what comes after an answer: to take it, to finish a request, or to begin one."""
        connection.allow(self.settings.keep_alive if connection.is_idle else self.settings.timeout)

    def _sweep(self) -> None:
        """Tell gunicorn that this lives, and end what has had its time."""
        now = time.monotonic()
        self.next_sweep = now + SWEEP_SECONDS
        self.notify()
        if self.ppid != os.getppid():
            self.alive = False
        for connection in tuple(self.connections.values()):
            until = min(connection.deadline, self.idle_until) if connection.is_idle else connection.deadline
            if now >= until and connection not in self.in_hand:
                self._time_out(connection)

    def _time_out(self, connection: Connection) -> None:
        if connection.parser.unfinished and not connection.unsent:
            sentence = f"The request took over {self.settings.timeout} seconds to arrive."
            self._refuse(connection, RequestTimeout(sentence))
        else:
            self._close(connection)

    def _slowest(self, among: Callable[[Connection], bool] = lambda _: True) -> Connection | None:
        """Find what has been idle or unfinished the longest."""
        held = self.in_hand.keys() | self.small.keys()
        others = (connection for connection in self.connections.values() if connection not in held)
        return min(filter(among, others), key=attrgetter("since"), default=None)

    def _close_slowest(self) -> None:
        if connection := self._slowest():
            self._close(connection)

    def _close(self, connection: Connection) -> None:
        connection.parser.discard()
        self._count(connection)
        self.connections.pop(connection.socket.fileno(), None)
        connection.socket.close()

    def _stop_accepting(self) -> None:
        """Take the connections that the kernel has accepted for us already, and no more."""
        self.wsgi.extensions["draining"].set()
        self.idle_until = time.monotonic() + LINGER_SECONDS
        for request in tuple(self.in_hand.values()):
            request.keep_alive = False
        self._refuse_new()
        for fd, listener in self.listeners.items():
            while self._accept(listener):
                pass
            self.poller.unregister(fd)
            listener.close()
        self.listeners.clear()

    def _refuse_new(self) -> None:
        """Let no connection begin, where all processes stop; else another goes on to accept those that do."""
        ending = [listener for listener in self.listeners.values() if not is_open_in(self.ppid, listener)]
        for listener in ending:
            with suppress(OSError):
                refuse_new(listener)
        if ending:
            time.sleep(HANDSHAKE_SECONDS)

    def _end_threads(self, end: float) -> None:
        for _ in self.threads:
            self.waiting.append(None)
            self.tokens.put(None)
        for thread in self.threads:
            thread.join(max(0, end - time.monotonic()))

    # What the threads run.

    def _answer_all(self) -> None:
        while True:
            self.tokens.get()
            if not (taken := self.waiting.popleft()):
                return
            self._answer(*taken)

    def _answer(self, connection: Connection, request: Request) -> None:
        answer = responses.answer(self.wsgi, request)
        connection.last_answer = not request.keep_alive
        try:
            connection.send(answer)
        except OSError:
            connection.last_answer = True
        self._allow_rest(connection)
        settled = connection.is_idle and not connection.last_answer
        del self.in_hand[connection]
        if connection.stirred or not settled:
            self.returned.append(connection)
            with suppress(BlockingIOError):
                os.write(self.PIPE[1], b".")


def _connection_environ(server: Any, client: Any) -> dict[str, Any]:
    """Give the part of a WSGI environ that a connection's requests share; Unix sockets have no addresses."""
    host, port = server[:2] if isinstance(server, tuple) else (server, "")
    remote_host, remote_port = client[:2] if isinstance(client, tuple) else ("", "")
    return {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "SCRIPT_NAME": "",
        "SERVER_NAME": str(host),
        "SERVER_PORT": str(port),
        "REMOTE_ADDR": remote_host,
        "REMOTE_PORT": str(remote_port),
    }
