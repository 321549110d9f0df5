"""How often each instance was tried in vain, so that the newest trouble sets the pace. Pure.

A visit of the executor tries all that does not run; were there one count for the box, an instance
that has failed for days would have another one wait for minutes at its first failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from skerry_wire.messages import InstanceState, InstanceStatus

_FINE = (InstanceState.RUNNING, InstanceState.EXITED)


def tried_again(before: Mapping[str, int], instances: Iterable[InstanceStatus]) -> dict[str, int]:
    """Return by instance how many visits in a row have ended without it being as it shall be."""
    return {one.id: before.get(one.id, 0) + 1 for one in instances if not _is_fine(one)}


def _is_fine(status: InstanceStatus) -> bool:
    # What was rolled back is not tried again before another order comes.
    waits = status.update is not None and status.update.state == "waiting"
    return status.state in _FINE and not waits


def failures_of(retries: Mapping[str, int], failures: int) -> int:
    """Return the count that sets the pace: the least of the instances', else the box's own."""
    return min(retries.values(), default=failures)
