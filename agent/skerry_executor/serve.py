"""The socket: takes one request from each connection, and answers until it is done.

One convergence runs at a time. An order that is accepted while another is carried out cancels
it; whoever asks for the same one waits, and sees its progress meanwhile. A client that goes away
stops nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence

from skerry_executor import box, hardware, switches
from skerry_executor.admission import Admitted, admit, targets_of
from skerry_executor.cancel import Cancel, Cancelled
from skerry_executor.contents import Contents
from skerry_executor.converge import Convergence
from skerry_executor.instance_requests import InstanceRequests
from skerry_executor.journal import Journal
from skerry_executor.log import log
from skerry_executor.runtimes.base import Runtime
from skerry_executor.settings import Settings
from skerry_executor.talk import Talk
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

        `holder` is a pidfd of the process that keeps the socket; the run ends with it.
        """
        self._listener = listener
        self._settings = settings
        self._open_runtime = open_runtime
        self._holder = holder
        self._contents = Contents(settings.state)
        self._admission = threading.Lock()
        self._turn = threading.Lock()
        self._talks_lock = threading.Lock()
        self._talks: list[Talk] = []
        self._silent: set[socket.socket] = set()
        self._cancel = Cancel()
        self._newest = 0
        self._under_way: tuple[int, Convergence] | None = None
        self._ending = False
        self._journal = Journal(settings.state)
        self._requests = InstanceRequests(settings, open_runtime, self._turn)
        self._wake_in, self._wake_out = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def end(self, *_signal: object) -> None:
        """Take no more connections, and give up what takes long. Safe in a signal's handler."""
        self._ending = True
        with contextlib.suppress(OSError):
            os.write(self._wake_out, b"x")

    def run(self) -> None:
        """Serve until idle for `idle_s`, or told to end."""
        threads: list[threading.Thread] = []
        self._listener.setblocking(False)
        poll = select.poll()
        for fd in (self._wake_in, self._holder):
            if fd is not None:
                poll.register(fd, select.POLLIN)
        idle_since = time.monotonic()
        while not self._ending:
            threads = [thread for thread in threads if thread.is_alive()]
            if threads:
                idle_since = time.monotonic()
            left_s = idle_since + self._settings.idle_s - time.monotonic()
            if left_s <= 0:
                break
            if len(threads) >= MAX_CONNECTIONS:
                poll.poll(100)
                continue
            poll.register(self._listener, select.POLLIN)
            ready = [fd for fd, _ in poll.poll(min(left_s, 1.0 if threads else left_s) * 1000)]
            poll.unregister(self._listener)
            if self._holder in ready:
                log("warning", "the process that held the socket is gone")
                self._ending = True
            elif self._listener.fileno() in ready:
                threads += self._accept()
        self._finish(threads)
        os.close(self._wake_in)
        wake_out, self._wake_out = self._wake_out, -1
        os.close(wake_out)

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
        self._cancel.ask()
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
        with self._admission:
            admitted = talk.admitted = admit(request, self._settings, self._journal)
            if admitted.newer and admitted.accepted is not None:
                self._newest = admitted.accepted.generation
                self._cancel.ask()
            with self._talks_lock:
                self._talks.append(talk)
        try:
            if admitted.refusal is not None:
                talk.progress(_standing(admitted))
            else:
                self._catch_up(talk)
            with self._turn:
                talk.done(self._converged(admitted, talk))
        finally:
            with self._talks_lock:
                self._talks.remove(talk)

    def _catch_up(self, talk: Talk) -> None:
        """Tell a client that has to wait how far the run is, if it is towards the same order."""
        accepted, under_way = talk.admitted.accepted, self._under_way
        if under_way is not None and accepted is not None and under_way[0] == accepted.generation:
            talk.progress(dataclasses.replace(under_way[1].stands(), reached=False))

    def _converged(self, admitted: Admitted, talk: Talk) -> Outcome:
        """Carry out the accepted order, or only look at it where it is not to be done."""
        if admitted.order is None or admitted.accepted is None:
            return _standing(admitted)
        generation = admitted.accepted.generation
        if generation < self._newest:
            return _overtaken(admitted, self._newest)
        with self._admission:
            # Asked between admission and here, it would be forgotten: so look again.
            if generation < self._newest:
                return _overtaken(admitted, self._newest)
            cancel = self._cancel = Cancel()
            if self._ending:
                cancel.ask()
        runtime = self._open_runtime()
        tell = _Everyone(self._listening, talk, generation)
        work = Convergence(
            admitted.order,
            admitted.accepted.digest,
            runtime,
            cancel,
            tell,
            lambda container: box.objection(container, admitted.policy),
            lambda container: hardware.given(
                container.bus_devices, admitted.policy, self._settings.root
            ),
            contents=self._contents,
            switches=switches.on_box(
                generation, self._journal, self._settings, admitted.policy, runtime
            ),
        )
        if not admitted.allowed:
            return dataclasses.replace(work.survey(), reached=False)
        self._under_way = generation, work
        try:
            outcome = work.run()
        except Cancelled:
            return _overtaken(admitted, self._newest, work.stands())
        finally:
            self._under_way = None
        log("info", "done", generation=generation, reached=str(outcome.reached).lower())
        return outcome

    def _listening(self, generation: int) -> list[Talk]:
        """Return the clients to which the progress of a generation means something."""
        with self._talks_lock:
            return [
                talk
                for talk in self._talks
                if talk.admitted.accepted is not None
                and talk.admitted.accepted.generation == generation
            ]


@dataclasses.dataclass(frozen=True, slots=True)
class _Everyone:
    """Tells progress to all who wait for it; pidfds go to the one whose turn it is."""

    listening: Callable[[int], list[Talk]]
    talk: Talk
    generation: int

    def progress(self, outcome: Outcome) -> None:
        for talk in self.listening(self.generation):
            talk.progress(outcome)

    def watch(self, watched: Sequence[tuple[str, int]]) -> None:
        self.talk.watch(watched)


def _standing(admitted: Admitted) -> Outcome:
    if admitted.accepted is None:
        return Outcome()
    return Outcome(accepted=admitted.accepted.generation, digest=admitted.accepted.digest)


def _overtaken(admitted: Admitted, newest: int, stands: Outcome | None = None) -> Outcome:
    why = f"a newer order came, generation {newest}"
    accepted = admitted.accepted
    if accepted is None or newest <= accepted.generation:
        why = "the executor was told to end"
    stands = stands or _standing(admitted)
    problems = (f"superseded: {why}", *stands.problems)[:16]
    return dataclasses.replace(stands, reached=False, problems=problems)


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
