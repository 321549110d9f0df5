"""The socket: takes one request from each connection, and answers until it is done.

A client that goes away stops nothing. A run ends when nobody asks any more, unless leases are held
or a job has a deadline, which it has to end by itself, or something rests between crashes, which it
has to start.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence

from skerry_executor import state
from skerry_executor.admission import targets_of
from skerry_executor.backoffs import BackOffs
from skerry_executor.grants import Grants
from skerry_executor.instance_requests import InstanceRequests
from skerry_executor.key_changing import KeyChanging
from skerry_executor.leasing import Leasing
from skerry_executor.lifecycle import Lifecycle
from skerry_executor.log import log
from skerry_executor.runtimes.base import Runtime
from skerry_executor.settings import Settings
from skerry_executor.talk import Nobody, Talk
from skerry_executor.visits import Visits
from skerry_wire import codec, local
from skerry_wire.errors import WireError
from skerry_wire.local import ExecutorRequest, Outcome

REQUEST_S = 10.0
"""How long a client may take to send its request."""
SEND_S = 10.0
"""How long a client may take to read a frame; a slower one is given up."""
DECLINE_S = 1.0
MAX_CONNECTIONS = 16
ENDING_S = 10.0
OWN_VISIT_S = 2.0
"""How long after an end, or a rest, a run visits its own order: an agent that is there was faster.
How often it starts what keeps ending, `backoff` decides."""
START_AGAIN_S = 10.0
"""How long after a visit an own one is, for what rests or has just been started."""
BUSY_LOOK_S = 1.0
"""How often it is looked whether a connection has ended, while there are any, ..."""
FULL_LOOK_S = 0.1
"""... and while no more are taken, or no run is to wait for long."""

_CREDENTIALS = struct.Struct("3i")


class RequestError(Exception):
    """A request that cannot be served; says why."""


def decline(listener: socket.socket, users: Sequence[int], reason: str) -> None:
    """Answer everybody who waits on the socket that nothing can be done, and why."""
    listener.setblocking(False)
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(DECLINE_S)
                with contextlib.suppress(RequestError):
                    _receive(connection, users, DECLINE_S)
                    Talk(connection).done(Outcome(problems=(reason[:1024],)))


class Server:
    """Serves one listening socket until nobody has asked for anything for a while."""

    def __init__(
        self,
        listener: socket.socket,
        settings: Settings,
        open_runtime: Callable[[], Runtime],
        holder: int | None = None,
    ) -> None:
        """`open_runtime` is called anew for each convergence: the runtime may come and go.

        `holder` is a pidfd of the process that keeps the socket; the run ends with it. Raises
        StateError where leases cannot be kept.
        """
        self._listener = listener
        self._settings = settings
        self._open_runtime = open_runtime
        self._holder = holder
        self._talks_lock = threading.Lock()
        self._silent: set[socket.socket] = set()
        self._ending = False
        self._leasing = Leasing(settings.run, open_runtime, settings.root)
        lifecycle = Lifecycle(settings.state, self._leasing, settings.root)
        self._backoffs = BackOffs(settings.run, settings.root)
        self._visits = Visits(settings, open_runtime, self._leasing, lifecycle, self._backoffs)
        self._grants = Grants(settings, self._leasing)
        self._keys = KeyChanging(settings)
        self._requests = InstanceRequests(
            settings,
            open_runtime,
            self._visits.turn,
            self._backoffs,
            lambda request: self._visits.visit(request, Nobody()),
            lifecycle.permit,
        )
        self._own_at_s: float | None = None
        self._start_from_s = 0.0
        self._wake_in, self._wake_out = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def end(self, *_signal: object) -> None:
        """Take no more connections, and give up what takes long. Safe in a signal's handler."""
        self._ending = True
        with contextlib.suppress(OSError):
            os.write(self._wake_out, b"x")

    def run(self) -> None:
        """Serve until idle for `idle_s` with no lease held, or told to end."""
        threads: list[threading.Thread] = []
        self._listener.setblocking(False)
        poll = select.poll()
        for fd in (self._wake_in, self._holder, self._leasing.fileno()):
            if fd is not None:
                poll.register(fd, select.POLLIN)
        idle_since = time.monotonic()
        # What ended, or was to end, while no run was up, comes before any request.
        self._attend()
        if (left := self._requests.end_left()) is not None:
            threads.append(left)
        while not self._ending:
            threads = [thread for thread in threads if thread.is_alive()]
            if threads:
                idle_since = time.monotonic()
            wait_s = self._patience_s(idle_since, len(threads))
            if len(threads) < MAX_CONNECTIONS:
                poll.register(self._listener, select.POLLIN)
            ready = [fd for fd, _ in poll.poll(None if wait_s is None else max(0, wait_s) * 1000)]
            if len(threads) < MAX_CONNECTIONS:
                poll.unregister(self._listener)
            if self._holder in ready:
                log("warning", "the process that held the socket is gone")
                self._ending = True
            if self._leasing.fileno() in ready:
                self._attend()
            accepted: list[threading.Thread] = []
            if self._listener.fileno() in ready and not self._ending:
                accepted = self._accept()
            if wait_s is not None and wait_s <= 0 and not accepted:
                break  # whoever came by then has been taken
            threads += [*accepted, *self._visit_when_due()]
        self._finish(threads)
        self._visits.hand_back()
        self._leasing.close()
        os.close(self._wake_in)
        wake_out, self._wake_out = self._wake_out, -1
        os.close(wake_out)

    def _patience_s(self, idle_since: float, connections: int) -> float | None:
        """Return how long to wait for something to happen; nothing left: the run is over."""
        now = time.monotonic()
        waits = [BUSY_LOOK_S if connections < MAX_CONNECTIONS else FULL_LOOK_S][:connections]
        start_at_s = self._start_at_s(now)
        if not self._leasing.are_held and start_at_s is None:
            idle_s = idle_since + self._settings.idle_s - now
            waits.append(max(FULL_LOOK_S, idle_s) if connections else idle_s)
        due = [one for one in (self._own_at_s, start_at_s) if one is not None]
        waits += [max(0.001, one - now) for one in due]
        return min(waits, default=None)

    def _start_at_s(self, now: float) -> float | None:
        """Return when to start what rests between crashes, should the agent not have asked."""
        rest_s = self._backoffs.next_s()
        return None if rest_s is None else max(now + rest_s + OWN_VISIT_S, self._start_from_s)

    def _attend(self) -> None:
        """End what is over; where something else ended, look after it unless the agent does."""
        if self._leasing.attend():
            self._own_at_s = time.monotonic() + OWN_VISIT_S

    def _visit_when_due(self) -> list[threading.Thread]:
        now = time.monotonic()
        start_at_s = self._start_at_s(now)
        starts = start_at_s is not None and start_at_s <= now
        if starts:
            self._start_from_s = now + START_AGAIN_S
        if not starts and (self._own_at_s is None or now < self._own_at_s):
            return []
        self._own_at_s = None
        thread = threading.Thread(target=self._visit_own, name="own-visit", daemon=True)
        thread.start()
        return [thread]

    def _visit_own(self) -> None:
        try:
            accepted = state.load(self._settings.state)
            if accepted is not None:
                log("info", "visiting although nobody asked: an instance ended, or has rested")
                own = ExecutorRequest(node=accepted.node, incarnation=accepted.incarnation)
                self._visits.visit(own, Nobody())
        except Exception as error:  # noqa: BLE001 - the leases are kept whatever comes of this
            log("error", "an own visit failed", reason=f"{type(error).__name__}: {error}")

    def _accept(self) -> list[threading.Thread]:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return []
        thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
        thread.start()
        return [thread]

    def _finish(self, threads: Sequence[threading.Thread]) -> None:
        if not threads:
            return
        self._visits.end()
        self._requests.end()
        with self._talks_lock:
            for connection in self._silent:
                # Whoever has not said what he wants is not waited for.
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)
        until = time.monotonic() + ENDING_S
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _serve(self, connection: socket.socket) -> None:
        talk = Talk(connection)
        with connection:
            try:
                request = self._request(connection)
                connection.settimeout(SEND_S)
                self._answer(request, talk)
            except RequestError as error:
                log("warning", "request not served", reason=str(error))
                with contextlib.suppress(OSError):
                    connection.settimeout(SEND_S)
                talk.done(Outcome(problems=(str(error)[:1024],)))
            except Exception as error:  # noqa: BLE001 - the last line: say it, serve the others
                log(
                    "error",
                    "failed in an unforeseen way",
                    reason=f"{type(error).__name__}: {error}",
                )
                talk.done(Outcome(problems=(f"executor: {type(error).__name__}: {error}"[:1024],)))

    def _request(self, connection: socket.socket) -> ExecutorRequest:
        with self._talks_lock:
            self._silent.add(connection)
        try:
            return _receive(connection, self._settings.users, REQUEST_S)
        finally:
            with self._talks_lock:
                self._silent.discard(connection)

    def _answer(self, request: ExecutorRequest, talk: Talk) -> None:
        if request.targets is not None:
            talk.judged(targets_of(request, request.targets, self._settings))
            return
        if request.challenge is not None:
            self._requests.challenge(request, talk)
            return
        if request.request is not None:
            self._requests.answer(request, talk)
            return
        if request.keys is not None:
            self._keys.answer(request, talk)
            return
        if request.grant is not None:
            self._grants.answer(request, talk)
            return
        self._own_at_s = None
        self._start_from_s = time.monotonic() + START_AGAIN_S
        self._visits.visit(request, talk)


def _check_peer(connection: socket.socket, users: Sequence[int]) -> None:
    """Raise RequestError when the process at the other end is not one that may ask."""
    size = _CREDENTIALS.size
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _, uid, _ = _CREDENTIALS.unpack(raw)
    if uid not in (0, os.getuid(), *users):
        raise RequestError(f"user {uid} may not ask; allow it with --allow-user")


def _receive(connection: socket.socket, users: Sequence[int], within_s: float) -> ExecutorRequest:
    """Return the request of a client that may ask. Raises RequestError."""
    until = time.monotonic() + within_s
    try:
        length = local.body_length(_exactly(connection, local.HEADER_BYTES, until))
        body = _exactly(connection, length, until)
        # Not before: who is refused while he still writes would never read why.
        _check_peer(connection, users)
        return codec.decode(ExecutorRequest, body, most=local.MAX_FRAME_BYTES)
    except WireError as error:
        raise RequestError(f"the request cannot be read: {error}") from None
    except TimeoutError:
        raise RequestError(f"the request did not come within {within_s:.0f} s") from None
    except OSError as error:
        raise RequestError(f"the request cannot be read: {error}") from None


def _exactly(connection: socket.socket, count: int, until: float) -> bytes:
    data = bytearray()
    while len(data) < count:
        left_s = until - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        connection.settimeout(left_s)
        part = connection.recv(count - len(data))
        if not part:
            raise RequestError("the client left before its request was whole")
        data += part
    return bytes(data)
