"""Who is lost, second by second: judged, told, and what they had placed elsewhere.

Part of the writer's thread. What is decided is decided by `skerry_hub.loss` and `replacing`; this
carries it into the store, one transaction for all that was lost at once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from skerry_hub import metrics, replacing
from skerry_hub.fleet.apply import Note
from skerry_hub.fleet.listening import Listening
from skerry_hub.loss import Held, Losses
from skerry_hub.model import Liveness
from skerry_hub.patience import Patience
from skerry_hub.state import Draft
from skerry_hub.work import Work
from skerry_hub.writer.complaints import Complaints
from skerry_hub.writer.judging import judge_all
from skerry_hub.writer.telling import Telling
from skerry_hub.writer.transactions import Transactions


class Replacing:
    """One thread: the writer's."""

    def __init__(
        self,
        transactions: Transactions,
        patience: Patience,
        telling: Telling,
        complaints: Complaints,
    ) -> None:
        self._transactions = transactions
        self._patience = patience
        self._telling = telling
        self._complaints = complaints
        self._losses = Losses(patience)
        self.held: tuple[Held, ...] = ()
        """What fell silent together, so that nothing of it is moved."""

    def again(self) -> None:
        """Have what found no other place looked at again: the fleet has changed."""
        self._losses.again()

    def look(self, listening: Listening) -> bool:
        """Judge who is silent, and replace what is lost; say whether somebody came online."""
        transactions = self._transactions
        transactions.columns.follow_silence(listening, time.time())
        online = self._judge(listening)
        now = time.time()
        loss = self._losses.look(transactions.known, transactions.columns, listening, now)
        self._tell_held(loss.held)
        if loss.workloads and not self._replaced(loss.workloads):
            for name, nodes in loss.workloads.items():  # one that fits no order holds up no other
                self._replaced({name: nodes})
        return online

    def _judge(self, listening: Listening) -> bool:
        transactions, online = self._transactions, False

        def settle() -> None:
            nonlocal online
            now, least_s = time.time(), self._losses.least_s(transactions.known)
            draft = judge_all(
                transactions.known,
                transactions.columns,
                self._telling,
                self._patience,
                least_s,
                listening,
                now,
            )
            transactions.commit(draft, now)
            changed = draft.nodes.changes.values()
            online = any(node and node.liveness is Liveness.ONLINE for node in changed)

        transactions.retry(settle)
        return online

    def _replaced(self, lost: Mapping[str, frozenset[str]]) -> bool:
        failures: dict[str, str] = {}

        def replace(work: Work) -> bool:
            self._replace(work, lost)
            return bool(work.draft.made)

        def settle() -> None:
            nonlocal failures
            failures = self._transactions.settle(replace)

        self._transactions.retry(settle)
        self._losses.tried({node for nodes in lost.values() for node in nodes}, time.time())
        if len(lost) == 1:
            for node, reason in failures.items():
                self._complaints.note("order", "failed", f"{next(iter(lost))} on {node}: {reason}")
        return not failures

    def _replace(self, work: Work, lost: Mapping[str, frozenset[str]]) -> None:
        known = self._transactions.known
        changes = replacing.replace_all(work, lost)
        places = {one.instance: known.assignments[one.instance].node for one in changes}
        for node_id, detail in replacing.told(changes, places):
            note = Note("replaced", detail=detail)
            work.draft.events.append(self._telling.of_hub(known.nodes[node_id], note, work.now))

    def _tell_held(self, held: tuple[Held, ...]) -> None:
        """Say when losses begin, and end, to move nothing."""
        before, self.held = self.held, held
        metrics.LOSSES_HELD.set(sum(one.gone for one in held))
        was, now_held = ({one.site for one in some} for some in (before, held))
        notes = [
            Note("loss_held", one.site, f"{one}: nothing is moved")
            for one in held
            if one.site not in was
        ]
        notes += [
            Note("loss_resumed", site, "nodes are judged one by one again")
            for site in sorted(was - now_held)
        ]
        if not notes:
            return

        def settle() -> None:
            now, draft = time.time(), Draft(self._transactions.known)
            draft.events += [self._telling.of_hub(None, note, now) for note in notes]
            self._transactions.commit(draft, now)

        self._transactions.retry(settle)
