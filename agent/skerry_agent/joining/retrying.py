"""Tries again what may work later, and says so meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

import tenacity

from skerry_agent.joining.failure import JoinError

T = TypeVar("T")
FIRST_S = 1.0
MOST_S = 30.0


def tried(what: Callable[[], T], for_s: float, say: Callable[[str], None]) -> T:
    """Return what `what` returns, tried again for a while where its failure is temporary.

    Raises the last JoinError.
    """

    def wait_s(state: tenacity.RetryCallState) -> float:
        error = _error_of(state)
        longest = min(MOST_S, FIRST_S * 2.0 ** min(state.attempt_number - 1, 10))
        chance = random.uniform(0.5, 1.0) * longest  # noqa: S311
        return max(chance, 0.0 if error is None else error.after_s)

    def told(state: tenacity.RetryCallState) -> None:
        wait = 0.0 if state.next_action is None else state.next_action.sleep
        say(f"{_error_of(state)}; tried again in {wait:.0f} s")

    trying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_is_temporary),
        stop=tenacity.stop_after_delay(for_s),
        wait=wait_s,
        before_sleep=told,
        reraise=True,
    )
    return trying(what)


def _is_temporary(error: BaseException) -> bool:
    return isinstance(error, JoinError) and error.is_temporary


def _error_of(state: tenacity.RetryCallState) -> JoinError | None:
    error = None if state.outcome is None else state.outcome.exception()
    return error if isinstance(error, JoinError) else None
