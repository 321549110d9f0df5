"""What the writer does each second, whether or not anything came. Part of its thread."""

from __future__ import annotations

import time

from skerry_hub import vacating
from skerry_hub.state import Draft
from skerry_hub.store_error import StoreError, reason_of
from skerry_hub.writer.complaints import Complaints
from skerry_hub.writer.filling import Filling
from skerry_hub.writer.heard import Heard
from skerry_hub.writer.leasing import Leasing
from skerry_hub.writer.publishing import Publishing
from skerry_hub.writer.replacing import Replacing
from skerry_hub.writer.rolling import Rolling
from skerry_hub.writer.transactions import Transactions
from skerry_hub.writer.trimming import Trimming
from skerry_hub.writer.watch import Watch

RESEND_S = 30.0
ASK_STORE_S = 5.0
"""How often it is asked whether the store answers."""


class Ticking:
    """Nodes that are newly heard or silent, leases that ended, orders to send again."""

    def __init__(  # noqa: PLR0913 - everything that time alone changes
        self,
        *,
        transactions: Transactions,
        watch: Watch,
        heard: Heard,
        rolling: Rolling,
        replacing: Replacing,
        leasing: Leasing,
        filling: Filling,
        publishing: Publishing,
        trimming: Trimming,
        complaints: Complaints,
    ) -> None:
        self._transactions = transactions
        self._watch = watch
        self._heard = heard
        self._rolling = rolling
        self._replacing = replacing
        self._leasing = leasing
        self._filling = filling
        self._publishing = publishing
        self._trimming = trimming
        self._complaints = complaints
        self._resent_at = self._asked_at = 0.0

    def hear(self) -> None:
        """Look at what is due to nodes that are newly known to be as they were reported."""
        ripe = self._heard.ripe()
        if not ripe:
            return
        self._rolling.nodes(self._transactions.known, ripe)

        def touch() -> None:
            draft = Draft(self._transactions.known)
            draft.touched |= ripe
            self._transactions.commit(draft, time.time())

        self._transactions.retry(touch)

    def tick(self, mono_s: float) -> None:
        """Do all the rest; heartbeats that have come by now have been taken."""
        self._judge()
        self._end_leases(mono_s)
        self._complaints.flush()
        if mono_s - self._asked_at > ASK_STORE_S:
            self._asked_at = mono_s
            self._ask_store()
        if mono_s - self._resent_at > RESEND_S:
            self._resent_at = mono_s
            known = self._transactions.known
            for node_id in list(known.orders):
                self._publishing.resend(known, self._heard, node_id)
        if self._trimming.due(mono_s):
            self._transactions.retry(self._trimming.trim)

    def _judge(self) -> None:
        listening = self._watch.listening
        if listening is None:
            return  # who cannot see judges nobody
        if self._replacing.look(listening):
            self._filling.due = True

    def _end_leases(self, mono_s: float) -> None:
        """Order elsewhere what has surely ended where it was."""
        leases = self._leasing.leases
        leases.sweep(mono_s)
        ended = list(leases.over(self._transactions.known.vacating.values(), mono_s))
        if not ended:
            return

        def settle() -> None:
            draft = Draft(self._transactions.known)
            vacating.end(draft, ended)
            self._transactions.commit(draft, time.time())

        self._transactions.retry(settle)

    def _ask_store(self) -> None:
        """Look whether the store answers, so that it is known before somebody needs it."""
        part = self._transactions.store_part
        try:
            self._transactions.store.outbox_count()
        except StoreError as error:
            part.fails(reason_of(error), time.time())
        else:
            part.seems_to_work(time.time())
