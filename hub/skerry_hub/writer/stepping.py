"""Rollouts, step by step: each step one transaction. Part of the writer's thread.

Who is due, `Rolling` knows; what a step does, `skerry_hub.rollout` decides.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Collection, Iterable

from skerry_hub import desired
from skerry_hub.rollout.advancing import cannot_roll_back, stop
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError, Work
from skerry_hub.writer.heard import Heard
from skerry_hub.writer.rolling import Rolling, of_nodes
from skerry_hub.writer.telling import Telling
from skerry_hub.writer.transactions import Transactions
from skerry_hub.writer.watch import Watch


class Stepping:
    """Takes the steps that are due, while there is a broker to hear boxes by."""

    def __init__(
        self,
        transactions: Transactions,
        rolling: Rolling,
        heard: Heard,
        watch: Watch,
        telling: Telling,
    ) -> None:
        self._transactions = transactions
        self._rolling = rolling
        self._heard = heard
        self._watch = watch
        self._telling = telling

    def go_on(self) -> None:
        """Go on with the rollouts of which something was told, or whose time has come."""
        if self._watch.since is None:
            return  # who cannot see gives nothing
        retry = self._transactions.retry
        names = self._rolling.due(time.time())
        if names:
            retry(lambda: self._step(names))
        for name in sorted(self._transactions.known.updates.rolling_back):
            retry(functools.partial(self._roll_back, name))

    def advance(self, work: Work, names: Iterable[str]) -> None:
        """Bring rollouts as far as they may go now, in a draft."""
        if self._watch.since is not None:
            told = self._rolling.step(work, names, self._heard, self._watch.since)
            work.draft.events += [self._telling.of_rollout(one, work.now) for one in told]

    def _step(self, names: Collection[str]) -> None:
        def step(work: Work) -> bool:
            self.advance(work, names)
            return True

        failures = self._transactions.settle(step)
        if not failures:
            return
        work = self._transactions.new_work()
        stopped = of_nodes(work.draft, names, failures)
        for name in stopped:
            stop(work, name, "; ".join(failures.values()))
        self._transactions.commit(work.draft, work.now)
        self._rolling.again(set(names) - stopped)

    def _roll_back(self, name: str) -> None:
        rollout = self._transactions.known.updates.rollouts[name]
        revision = self._transactions.store.revision(name, rollout.stable)

        def undo(work: Work) -> bool:
            if revision is None:
                reason = f"revision {rollout.stable} is not kept any more"
                raise RefusedError(409, Problem(reason=reason))
            plan = desired.undo(work, revision, "rollback")
            if name in plan.unchanged:
                raise RefusedError(409, Problem(reason="it has that content already"))
            self.advance(work, [name])
            return True

        try:
            failures = self._transactions.settle(undo)
            if failures:
                raise RefusedError(409, *(Problem(reason=one) for one in failures.values()))
        except RefusedError as error:
            work = self._transactions.new_work()
            cannot_roll_back(work, name, str(error))
            self._transactions.commit(work.draft, work.now)
