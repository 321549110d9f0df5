"""The hub's way to its broker beside messages: its lists and certificate, and the end of sessions.

What `joining` calls returns at once; a thread does the rest, as often as it takes.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
import threading
import time
from collections.abc import Callable, Sequence

import structlog

from skerry_hub import broker_access, ending_sessions, readers, takeover
from skerry_hub.broker_connection import Trust
from skerry_hub.broker_files import BrokerFiles, Contents
from skerry_hub.broker_url import BrokerUrl
from skerry_hub.ending_sessions import Marks
from skerry_hub.health_views import PartView
from skerry_hub.pki import crl, leaves, own_certificates
from skerry_hub.pki.authority import Authority
from skerry_hub.store_error import StoreError
from skerry_hub.takeover import TakeoverError
from skerry_hub.work import RefusedError
from skerry_hub.writer.calling import BusyError

log = structlog.get_logger("broker")

LOOK_S = 5.0
"""How often it looks for readers that were added or removed, by another process."""
SESSION_LIFE_S = 60.0
"""For how long a certificate in a box's name is valid, with which its session is ended."""
NOBODY_LIFE_S = 30 * 86_400.0

Serials = Sequence[tuple[int, float]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What the door reads and keeps. Each may raise StoreError."""

    serials: Callable[[], Serials]
    """The numbers of revoked certificates, and when each was."""
    revoked: Callable[[], Marks]
    """The boxes that are revoked, and when each was."""
    replaced: Callable[[], Marks]
    """Those that have another key since, and when the former one was revoked."""
    ended: Callable[[], Marks]
    keep_ended: Callable[[Marks], None]
    clear: Callable[[Sequence[str]], None]
    """Have the broker keep nothing on topics of the hub's: durable, whenever it is there."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """The files of a broker whose certificate and lists are the hub's affair."""

    data: pathlib.Path
    folder: pathlib.Path
    """Where they are written."""
    conf: str
    reload: Callable[[], None]
    """Have it read them again, where nobody else sees to that."""


class BrokerDoor:
    """`joining.broker_door` says when each is called."""

    def __init__(
        self,
        url: BrokerUrl,
        trust: Trust,
        authority: Authority | None,
        own: Own | None,
        books: Books,
    ) -> None:
        """`trust` has no certificate. `authority` is None where clients show none."""
        self._url = url
        self._trust = trust
        self._authority = authority
        self._own = own
        self._books = books
        self._files = None if own is None else BrokerFiles(own.folder)
        self._list_is_old = True
        self._listed: frozenset[int] = frozenset()
        self._crl = b""
        self._nobody = b""
        self._readers: tuple[Sequence[str], Sequence[str]] = (), ()
        self._told: dict[str, str] = {}
        self._since = time.time()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="broker-door", daemon=True)

    # --- from any thread ------------------------------------------------------------------

    def revoked(self, node: str) -> None:
        """End a node's session soon, and have nothing kept of it."""
        log.info("a session is to be ended", node=node)
        self.list_changed()

    def replaced(self, node: str) -> None:
        """End the session of a node's former key soon."""
        log.info("a session of a key that was replaced is to be ended", node=node)
        self.list_changed()

    def admitted(self, node: str) -> None:
        """Leave alone who joined again: he is revoked no more, so there is nothing to do."""

    def list_changed(self) -> None:
        """Have the broker read the list of revoked certificates anew."""
        self._list_is_old = True
        self._wake.set()

    def certificates_changed(self, files: Sequence[str]) -> None:
        """Have the broker show its new certificate. The hub's own are read at each connection."""
        if own_certificates.BROKER in files:
            self._wake.set()

    @property
    def part(self) -> PartView:
        """Say whether the broker has what keeps out who was shut out."""
        reason = "; ".join(f"{what}: {why}" for what, why in list(self._told.items()))
        return PartView(name="access", ok=not reason, since=self._since, reason=reason or None)

    # --- its life ---------------------------------------------------------------------------

    def prepare(self) -> None:
        """Write the files of a broker that is to be started. Raises OSError, StoreError."""
        self._write()

    def start(self) -> None:
        """Begin to look after the broker."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is not done is done at the next start."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(2 * takeover.TIMEOUT_S)

    def _run(self) -> None:
        failures, due = 0, 0.0
        while not self._stopping.is_set():
            self._guarded("the broker's files cannot be written", self._write_and_reload)
            if self._wake.is_set():
                self._wake.clear()
                failures, due = 0, 0.0
            if time.monotonic() >= due:
                done = self._guarded("a session cannot be ended yet", self._end_sessions)
                failures = 0 if done else failures + 1
                due = math.inf if done else time.monotonic() + ending_sessions.wait_s(failures)
            self._wake.wait(min(LOOK_S, max(0.0, due - time.monotonic())))

    def _guarded(self, what: str, step: Callable[[], None]) -> bool:
        """Go on whatever happens, and say each reason once."""
        try:
            step()
        except (BusyError, OSError, RefusedError, StoreError, TakeoverError, ValueError) as error:
            reason = str(error)
            if reason != self._told.get(what):
                log.warning(what, reason=reason)
                self._tell({**self._told, what: reason})
            return False
        except Exception as error:
            log.exception(what)
            self._tell({**self._told, what: type(error).__name__})
            return False
        self._tell({other: why for other, why in self._told.items() if other != what})
        return True

    def _tell(self, told: dict[str, str]) -> None:
        if bool(told) != bool(self._told):
            self._since = time.time()
        self._told = told

    # --- files ------------------------------------------------------------------------------

    def _write_and_reload(self) -> None:
        if self._own is not None and self._write():
            self._own.reload()

    def _write(self) -> frozenset[str]:
        own, authority, files = self._own, self._authority, self._files
        if own is None or authority is None or files is None:
            return frozenset()
        if self._list_is_old:
            self._list_is_old = False
            try:
                self._crl = self._list(authority)
            except BaseException:
                self._list_is_old = True
                raise
        # Whatever is with that list: who is revoked must go.
        self._guarded("the list of readers cannot be read", self._look_at_readers)
        tls = own.data / own_certificates.FOLDER
        written = files.write(
            Contents(
                conf=own.conf,
                acl=broker_access.mosquitto_acl(*self._readers),
                crl=self._crl,
                ca=authority.pem,
                certificate=(tls / own_certificates.BROKER).read_bytes(),
            )
        )
        if written:
            log.info("the broker's files are new", files=", ".join(sorted(written)))
        return written

    def _look_at_readers(self) -> None:
        if self._own is not None:
            self._readers = readers.names(self._own.data), readers.removed(self._own.data)

    def _list(self, authority: Authority) -> bytes:
        """Return the list, with one that only the hub has: it tells when this list holds."""
        serials = self._books.serials()
        nobody = takeover.made(lambda key, when: leaves.nobody(authority, key, when), NOBODY_LIFE_S)
        now = time.time()
        found = crl.make(authority, [*serials, (leaves.serial_of(nobody), now)], now)
        self._nobody = nobody
        self._listed = frozenset(serial for serial, _ in serials)
        return found

    # --- sessions ---------------------------------------------------------------------------

    def _end_sessions(self) -> None:
        revoked = self._books.revoked()
        shut_out = ending_sessions.shut_out(revoked, self._books.replaced())
        waiting = ending_sessions.pending(shut_out, self._books.ended())
        if waiting and self._own is not None:
            # Else the box would come again with the same certificate.
            self._until_list_holds()
        for node in waiting:
            if self._stopping.is_set():
                return
            self._end(node, shut_out[node], is_revoked=node in revoked)

    def _until_list_holds(self) -> None:
        if not {serial for serial, _ in self._books.serials()} <= self._listed:
            # Who waits may have been revoked since it was made.
            self._list_is_old = True
            self._write_and_reload()
        with takeover.file_with(self._nobody, self._folder()) as shown:
            trust = dataclasses.replace(self._trust, certificate=shown)
            if not takeover.refuses(self._url, trust):
                if self._own is not None:
                    self._own.reload()
                raise TakeoverError("the broker has not read the list of revoked ones yet")

    def _end(self, node: str, since: float, *, is_revoked: bool) -> None:
        authority, trust = self._authority, self._trust
        # Where it has another key now, what is kept there may be that one's already.
        cleared = ending_sessions.said_by(node) if is_revoked else []
        if authority is None:
            takeover.take_over(self._url, trust, node, cleared)
        else:
            made = takeover.made(
                lambda key, when: leaves.node(authority, node, key, when), SESSION_LIFE_S
            )
            with takeover.file_with(made, self._folder()) as shown:
                trust = dataclasses.replace(trust, certificate=shown)
                takeover.take_over(self._url, trust, node, cleared)
        if is_revoked:
            self._books.clear([*cleared, *ending_sessions.said_to(node)])
        now = ending_sessions.shut_out(self._books.revoked(), self._books.replaced())
        if now.get(node) == since:
            self._books.keep_ended(ending_sessions.marked(now, self._books.ended(), node))
        if is_revoked:
            log.info("the session of a revoked box is ended, and nothing kept of it", node=node)
        else:
            log.info("a session of a box whose key was replaced is ended", node=node)

    def _folder(self) -> pathlib.Path | None:
        """Return where a key is put for a moment."""
        return None if self._own is None else self._own.data / own_certificates.FOLDER
