"""The executor's end of a conversation: frames to one client, who may be gone at any time."""

from __future__ import annotations

import dataclasses
import socket
import threading
from collections.abc import Sequence

from skerry_executor.admission import Admitted
from skerry_executor.log import log
from skerry_executor.order import NOT_KEPT
from skerry_executor.outcome import OWN_RETRY_S
from skerry_wire import local
from skerry_wire.errors import WireError
from skerry_wire.local import ExecutorReply, Outcome, Restarted
from skerry_wire.messages import Targets
from skerry_wire.order_keys import KeyStanding
from skerry_wire.runtime_limits import RuntimeInUse

MAX_ERROR = 1024


class Talk:
    """One client. Sends frames; once it is gone, does nothing more, and never raises."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._lock = threading.Lock()
        self._gone = False
        self.admitted = Admitted()

    @property
    def is_gone(self) -> bool:
        """Say whether a frame could not be sent."""
        return self._gone

    def progress(self, outcome: Outcome) -> None:
        """Say how far the accepted order is, beside what this client's own request met."""
        self._send(ExecutorReply(kind="progress", outcome=self._marked(outcome)))

    def watch(self, watched: Sequence[tuple[str, int]]) -> None:
        """Hand over pidfds."""
        if not watched:
            return
        reply = ExecutorReply(kind="watch", watched=tuple(instance for instance, _ in watched))
        self._send(reply, [fd for _, fd in watched])

    def done(self, outcome: Outcome, runtime: RuntimeInUse | None = None) -> None:
        """End the conversation, and say by which policy it went, and in which runtime."""
        self._send(
            ExecutorReply(
                kind="done",
                outcome=self._marked(outcome),
                policy=self.admitted.told,
                runtime=runtime,
                sealing_key=self.admitted.sealing_key,
                keys=self.admitted.keys,
            )
        )

    def judged(self, found: Targets | str) -> None:
        """End the conversation about targets of round-trip times."""
        if isinstance(found, Targets):
            self._send(ExecutorReply(kind="done", targets=found))
            return
        log("warning", "targets refused", reason=found)
        self._send(ExecutorReply(kind="done", targets_refused=found[:1024]))

    def challenged(self, challenge: bytes) -> None:
        """End the conversation with a challenge."""
        self._send(ExecutorReply(kind="done", challenge=challenge))

    def renewed(self, *, visit: bool) -> None:
        """End the conversation about a grant that was taken."""
        self._send(ExecutorReply(kind="done", visit=visit))

    def keys(self, standing: KeyStanding | None, error: str | None) -> None:
        """End the conversation about changes of keys with which are trusted now."""
        said = None if error is None else error[:MAX_ERROR]
        self._send(ExecutorReply(kind="done", keys=standing, error=said))

    def part(self, body: bytes) -> None:
        """Send a part of the answer to a request about an instance."""
        self._send(ExecutorReply(kind="part", body=body))

    def ended(self, body: bytes, *, visit: bool, restarted: Restarted | None = None) -> None:
        """End the conversation about a request with how it ended, and what of it is no secret."""
        self._send(ExecutorReply(kind="done", body=body, visit=visit, restarted=restarted))

    def refused(self, reason: str) -> None:
        """End the conversation about what is not carried out."""
        self._send(ExecutorReply(kind="done", error=reason[:MAX_ERROR]))

    def _marked(self, outcome: Outcome) -> Outcome:
        refusal = self.admitted.refusal
        problems = (*self.admitted.problems, *outcome.problems)[:16]
        most_s = outcome.retry_most_s
        if refusal is not None:
            # Nothing is wrong with an order that there was no room to keep.
            most_s = OWN_RETRY_S if refusal.code == NOT_KEPT else None
        return dataclasses.replace(outcome, refusal=refusal, problems=problems, retry_most_s=most_s)

    def _send(self, reply: ExecutorReply, fds: Sequence[int] = ()) -> None:
        with self._lock:
            if self._gone:
                return
            try:
                data = _frame(reply)
                if fds:
                    sent = socket.send_fds(self.connection, [data], list(fds))
                    data = data[sent:]
                self.connection.sendall(data)
            except (OSError, WireError) as error:
                self._gone = True
                log("warning", "the client is gone", reason=str(error))


class Nobody(Talk):
    """Takes the place of a client where the executor itself wants a visit."""

    def __init__(self) -> None:
        self.admitted = Admitted()

    @property
    def is_gone(self) -> bool:
        """Say that nobody listens."""
        return True

    def _send(self, reply: ExecutorReply, fds: Sequence[int] = ()) -> None:
        del reply, fds


def _frame(reply: ExecutorReply) -> bytes:
    try:
        return local.frame(reply)
    except WireError:
        if reply.outcome is None:
            raise
        # Hundreds of instances with long reasons: what stands in the way comes before why.
        short = tuple(
            dataclasses.replace(
                one,
                reason=one.reason[:80] if one.reason else None,
                update=one.update
                and dataclasses.replace(one.update, reason=one.update.reason[:80]),
            )
            for one in reply.outcome.instances
        )
        outcome = dataclasses.replace(reply.outcome, instances=short)
        return local.frame(dataclasses.replace(reply, outcome=outcome))
