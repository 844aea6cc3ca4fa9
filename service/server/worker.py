"""gunicorn's worker for this service: a loop reads all connections, and threads handle whole requests."""

import errno
import os
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from operator import attrgetter
from typing import Any

from gunicorn.workers.base import Worker as BaseWorker

from service.api.auth import HEALTH_PATHS
from service.api.components import components
from service.errors import Overloaded, RequestTimeout, ServiceError
from service.observability.request_log import ARRIVAL_KEY, log_rejection
from service.server import responses
from service.server.connection import RECEIVE_BYTES, Connection, connection_environ
from service.server.draining import HANDSHAKE_SECONDS, block_new_connections, is_open_in
from service.server.fast_path import MAX_BATCH_REQUESTS, create_fast_path
from service.server.grpc import start_grpc_server
from service.server.http_parser import MAX_HEAD_BYTES, Request
from service.server.thread_pool import ThreadPool

CLOSE_EVENTS = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
CONNECTION_EVENTS = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
LINGER_SECONDS = 2.0  # for clients to receive the last response; at the shutdown, for idle clients' last requests
YIELD_SECONDS = 0.0001  # of 16 connections made at once, each of two workers accepts 4 to 12; without this, up to all
EVENTS_PER_ACCEPT = 4  # events that are handled before one more connection is accepted
SWEEP_SECONDS = 1.0


# What it uses of the base (alive, cfg, init_signals, notify, PIPE, ppid, sockets, wsgi) was read in gunicorn 27.0.1.
class Worker(BaseWorker):  # type: ignore[misc]
    """A loop that accepts, reads and closes all connections, and answers small requests in batches.

    Threads handle all other requests. The loop leaves a connection alone while it is in `dispatched`. Afterwards the
    loop processes it at its next event, or without an event if the thread has appended it to `ready`.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.connections: dict[int, Connection] = {}  # by file descriptor
        self.batch: dict[Connection, Request] = {}  # whole requests, which the fast path answers in this turn
        self.ready: deque[Connection] = deque()  # to be processed in the next turn, without an event
        self.buffered_bytes = 0  # of all unfinished requests
        self.next_sweep = 0.0
        self.idle_deadline = float("inf")  # of all idle connections, at the shutdown

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Check that no certificate is configured: the worker would ignore it and serve without TLS.

        Raises:
            SystemExit: a certificate is configured.

        """
        if cfg.is_ssl:
            sys.exit("This worker does not support TLS: use a proxy in front of it.")

    def init_signals(self) -> None:
        """Handle signals, and unblock SIGTERM, which gunicorn_conf.py blocks before the fork."""
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def run(self) -> None:
        """Serve until gunicorn stops this worker or its main process has ended; then finish requests in flight."""
        self._start()
        while self.alive:
            self._run_once()
        self._stop_accepting()
        if self.grpc_server:
            self.grpc_server.stop(self.cfg.graceful_timeout)
        end = time.monotonic() + self.cfg.graceful_timeout
        while self.connections and time.monotonic() < end:
            self._run_once()
        self.thread_pool.stop(end)
        if self.grpc_server:
            self.grpc_server.join(end)
        self.components.repository.close()

    def _start(self) -> None:
        self.components = components(self.wsgi)
        self.settings = self.components.settings
        self.fast_path = create_fast_path(self.wsgi)
        self.grpc_server = start_grpc_server(self.wsgi)
        self.max_bytes = max(self.settings.max_buffered, self.settings.max_bytes + 2 * MAX_HEAD_BYTES)
        self.poller = select.epoll()
        self.poller.register(self.PIPE[0], select.EPOLLIN)  # signals and threads write to the pipe
        self.listeners = {listener.fileno(): listener for listener in self.sockets}
        for fd, listener in self.listeners.items():
            listener.setblocking(False)
            self._listen(fd)
        self.thread_pool = ThreadPool(self.settings.threads, self.settings.max_waiting, self.max_bytes, self._handle)
        self.dispatched = self.thread_pool.dispatched

    def _listen(self, fd: int) -> None:
        self.poller.register(fd, select.EPOLLIN | select.EPOLLEXCLUSIVE)

    def _run_once(self) -> None:
        """Wait for events, process the connections that are ready, and answer the batch."""
        wait = max(0.0, self.next_sweep - time.monotonic())
        events = self.poller.poll(0 if self.ready else wait)
        for fd, event in events:
            if connection := self.connections.get(fd):
                connection.peer_closed |= bool(event & CLOSE_EVENTS)
                self._process(connection)
            elif fd in self.listeners:
                self._accept_some(self.listeners[fd], len(events))
                self._yield_listener(fd)
            elif fd == self.PIPE[0]:
                os.read(fd, RECEIVE_BYTES)
        for _ in range(len(self.ready)):
            self._process(self.ready.popleft())
        self._answer_batch()
        # Last, so that bytes that arrived while this process waited for a core are in time.
        if time.monotonic() >= self.next_sweep:
            self._sweep()

    def _yield_listener(self, fd: int) -> None:
        """Register the listener again, as nginx does: the kernel first wakes the worker that registered first."""
        self.poller.unregister(fd)
        time.sleep(YIELD_SECONDS)
        self._listen(fd)

    def _accept_some(self, listener: Any, event_count: int) -> None:
        """Accept few connections if few events are there: each worker gets its share, without delay under load."""
        for _ in range(1 + event_count // EVENTS_PER_ACCEPT):
            if not self._accept(listener):
                break

    def _accept(self, listener: Any) -> bool:
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._close_slowest()
            return False
        environ = connection_environ(listener.getsockname(), address)
        connection = Connection(client, environ, self.settings.max_bytes, self.settings.timeout)
        self.connections[client.fileno()] = connection
        self.poller.register(client.fileno(), CONNECTION_EVENTS)
        if len(self.connections) > self.settings.max_connections:
            self._close_slowest()
        return True

    def _process(self, connection: Connection) -> None:
        """Send, receive and parse, unless a thread or the batch has the connection."""
        # Set before `dispatched` is checked: the thread removes the connection first, and checks `readable` then.
        connection.readable = True
        if connection in self.dispatched or connection in self.batch or connection.is_closed:
            return
        try:
            if not connection.unsent:
                self._advance(connection)
            elif connection.send():
                self._set_next_deadline(connection)
                self._advance(connection)
        except OSError:
            self._close(connection)

    def _advance(self, connection: Connection) -> None:
        """Receive if there is no whole request, and handle the request, the error or the end of the stream."""
        parser, was_unfinished = connection.parser, connection.parser.unfinished
        if connection.is_last_response and not connection.lingering:
            connection.linger(LINGER_SECONDS)
        parser.feed(b"")
        if not (parser.requests or parser.error):
            self._receive(connection)
        self._count_bytes(connection)
        if parser.requests:
            self._dispatch(connection)
        elif parser.error:
            self._reject(connection, parser.error)
        elif parser.unfinished:
            self._await_rest(connection, was_unfinished)
        if connection.readable and connection not in self.dispatched and connection not in self.batch:
            self.ready.append(connection)

    def _await_rest(self, connection: Connection, was_unfinished: bool) -> None:
        """Set the deadline of a request at its first byte, and send "100 Continue" if the client awaits it."""
        if not was_unfinished:
            connection.set_deadline(self.settings.timeout)
        if connection.parser.awaits_continue:
            connection.parser.awaits_continue = False
            connection.send(responses.CONTINUE)

    def _receive(self, connection: Connection) -> None:
        data = connection.receive()
        if data and not connection.lingering:
            connection.parser.feed(data)
        elif data == b"":
            connection.parser.feed_eof()
            if not connection.parser.error:
                self._close(connection)

    def _count_bytes(self, connection: Connection) -> None:
        """Count the bytes of an unfinished request. Over `max_bytes` reject the request that began first."""
        self.buffered_bytes += connection.parser.buffered_bytes - connection.buffered_bytes
        connection.buffered_bytes = connection.parser.buffered_bytes
        while self.buffered_bytes > self.max_bytes and (slowest := self._find_slowest(attrgetter("buffered_bytes"))):
            self._reject(slowest, Overloaded("Too much is sent at once: this request was the slowest. Try again."))

    def _dispatch(self, connection: Connection) -> None:
        """Put a whole request into the batch if the fast path accepts it, or else into the queue."""
        request = connection.parser.requests.popleft()
        request.environ[ARRIVAL_KEY] = time.perf_counter()
        request.keep_alive &= not self.components.draining.is_set()
        if self.fast_path and self.fast_path.accepts(request):
            self.batch[connection] = request
            if len(self.batch) >= MAX_BATCH_REQUESTS:
                self._answer_batch()
        else:
            self._enqueue(connection, request)

    def _answer_batch(self) -> None:
        """Send the fast path's responses to the batch, and queue the requests that it declines."""
        batch, self.batch = self.batch, {}
        results = self.fast_path.handle([*batch.values()]) if self.fast_path and batch else []
        for (connection, request), result in zip(batch.items(), results, strict=True):
            if result:
                self._respond(connection, responses.ok(*result, request), not request.keep_alive)
            else:
                self._enqueue(connection, request)

    def _enqueue(self, connection: Connection, request: Request) -> None:
        """Queue a request for the threads, or reject it if the queue is full. Health checks go to the front."""
        path, method = request.environ["PATH_INFO"], request.environ["REQUEST_METHOD"]
        is_health_check = path in HEALTH_PATHS and method in ("GET", "HEAD")
        if is_health_check or self.thread_pool.has_room(request):
            self.thread_pool.submit(connection, request, first=is_health_check)
        else:
            self._reject(connection, Overloaded("Too many requests wait already: try again in a moment."), request)

    def _reject(self, connection: Connection, error: ServiceError, request: Request | None = None) -> None:
        """Respond with an error. Without a whole request it is the last response."""
        keep_alive = bool(request and request.keep_alive)
        if not keep_alive:
            connection.parser.discard()
            self._count_bytes(connection)
        id_ = log_rejection(error, request.environ if request else {})
        self._respond(connection, responses.from_error(error, request, id_), not keep_alive)

    def _respond(self, connection: Connection, response: bytes, is_last: bool) -> None:
        connection.is_last_response = is_last
        try:
            connection.send(response)
        except OSError:
            self._close(connection)
        self._set_next_deadline(connection)
        if is_last or connection.readable or not connection.is_idle:
            self.ready.append(connection)

    def _set_next_deadline(self, connection: Connection) -> None:
        """Set the deadline after a response: for the rest of it, for an unfinished request, or for the next one."""
        connection.set_deadline(self.settings.keep_alive if connection.is_idle else self.settings.timeout)

    def _sweep(self) -> None:
        """Notify gunicorn that this worker is alive, and end the connections whose deadline has passed."""
        now = time.monotonic()
        self.next_sweep = now + SWEEP_SECONDS
        self.notify()
        if self.ppid != os.getppid():
            self.alive = False
        for connection in tuple(self.connections.values()):
            idle_deadline = self.idle_deadline if connection.is_idle else float("inf")
            if now >= min(connection.deadline, idle_deadline) and connection not in self.dispatched:
                self._time_out(connection)

    def _time_out(self, connection: Connection) -> None:
        if connection.parser.unfinished and not connection.unsent:
            message = f"The request took over {self.settings.timeout} seconds to arrive."
            self._reject(connection, RequestTimeout(message))
        else:
            self._close(connection)

    def _find_slowest(self, condition: Callable[[Connection], object] = lambda _: True) -> Connection | None:
        """Return the connection that has been idle or unfinished the longest, of those that fulfil a condition."""
        busy = self.dispatched.keys() | self.batch.keys()
        candidates = (connection for connection in self.connections.values() if connection not in busy)
        return min(filter(condition, candidates), key=attrgetter("active_since"), default=None)

    def _close_slowest(self) -> None:
        if connection := self._find_slowest():
            self._close(connection)

    def _close(self, connection: Connection) -> None:
        connection.parser.discard()
        self._count_bytes(connection)
        self.connections.pop(connection.socket.fileno(), None)
        connection.socket.close()

    def _stop_accepting(self) -> None:
        """Accept the connections that the kernel has made for this worker, and close the listening sockets."""
        self.components.draining.set()
        self.idle_deadline = time.monotonic() + LINGER_SECONDS
        for request in tuple(self.dispatched.values()):
            request.keep_alive = False
        self._block_new_connections()
        for fd, listener in self.listeners.items():
            while self._accept(listener):
                pass
            self.poller.unregister(fd)
            listener.close()
        self.listeners.clear()

    def _block_new_connections(self) -> None:
        """Block new connections to the listening sockets, except where another main process accepts them."""
        listeners = [listener for listener in self.listeners.values() if not is_open_in(self.ppid, listener)]
        for listener in listeners:
            with suppress(OSError):
                block_new_connections(listener)
        if listeners:
            time.sleep(HANDSHAKE_SECONDS)

    def _handle(self, connection: Connection, request: Request) -> None:
        """Run the application and send its response, in a thread. Then the loop may use the connection again."""
        response = responses.from_application(self.wsgi, request)
        connection.is_last_response = not request.keep_alive
        try:
            connection.send(response)
        except OSError:
            connection.is_last_response = True
        self._set_next_deadline(connection)
        is_finished = connection.is_idle and not connection.is_last_response
        del self.dispatched[connection]
        if connection.readable or not is_finished:
            self.ready.append(connection)
            with suppress(BlockingIOError):
                os.write(self.PIPE[1], b".")
