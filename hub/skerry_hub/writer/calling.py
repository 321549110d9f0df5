"""Calls of the API: each a change that somebody waits for, answered once it is durable.

Part of the writer's thread, but for `call`, which the API's threads wait in.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog

from skerry_hub.store_error import reason_of
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError, Work
from skerry_hub.writer.filling import Filling
from skerry_hub.writer.inbox import Call, Inbox
from skerry_hub.writer.rolling import begun
from skerry_hub.writer.stepping import Stepping
from skerry_hub.writer.transactions import STORE_ERRORS, Transactions
from skerry_wire.errors import WireError

log = structlog.get_logger("calling")

T = TypeVar("T")

CALL_S = 20.0
"""How long a call waits for its turn and its commit."""


class BusyError(Exception):
    """The hub cannot answer now: too much waits, or its store fails. The text says which."""


class Calling:
    """Answers calls, one after the other."""

    def __init__(
        self, inbox: Inbox, transactions: Transactions, stepping: Stepping, filling: Filling
    ) -> None:
        self._inbox = inbox
        self._transactions = transactions
        self._stepping = stepping
        self._filling = filling

    def call(self, change: Callable[[Work], T], *, dry: bool, within_s: float) -> T:
        """Have the writer make a change, and return its answer. Raises RefusedError, BusyError."""
        answer: concurrent.futures.Future[T] = concurrent.futures.Future()
        if not self._inbox.post(Call(change, answer, dry)):
            raise BusyError("too many changes wait already; try again in a moment")
        try:
            return answer.result(within_s)
        except concurrent.futures.TimeoutError:
            if answer.cancel():
                reason = f"the hub did not get to it within {within_s:g} s; try again"
            else:
                reason = (
                    f"it takes more than {within_s:g} s; look whether it was done, and try again"
                )
            raise BusyError(reason) from None

    def take(self, call: Call) -> None:
        """Make the change, unless its caller went away meanwhile, and answer it."""
        if not call.answer.set_running_or_notify_cancel():
            return
        try:
            answer = self._made(call)
        except (RefusedError, WireError) as error:
            call.answer.set_exception(error)
        except STORE_ERRORS as error:
            self._transactions.failed(reason_of(error))
            call.answer.set_exception(BusyError(f"the hub's store fails: {reason_of(error)}"))
        except Exception as error:
            log.exception("a call failed")
            call.answer.set_exception(error)
        else:
            call.answer.set_result(answer)

    def _made(self, call: Call) -> object:
        transactions = self._transactions
        transactions.resolve_doubt()
        with transactions.columns.trial() as trial:
            work = transactions.new_work()
            answer = call.change(work)
            self._stepping.advance(work, begun(work.draft))
            failures = transactions.issue(work.draft, work.now)
            if failures:
                raise RefusedError(400, *(Problem(reason=text) for text in failures.values()))
            if not call.dry:
                transactions.commit(work.draft, work.now)
                trial.keep()
        if not call.dry:
            # What it freed, or allowed, others may have waited for.
            self._filling.due = True
        return answer


def refuse(calls: Iterable[Call], reason: str) -> None:
    """Answer whoever waits that it cannot be done now."""
    for call in calls:
        if call.answer.set_running_or_notify_cancel():
            call.answer.set_exception(BusyError(reason))
