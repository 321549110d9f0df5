"""How long instances may run, by a clock that counts from the box's start and nobody sets. Pure.

A lease ends `duration` after its challenge was made, so that a grant which comes late gives less,
never more. At its end everything of the instance has stopped: the stop begins earlier by the
instance's own grace and a margin, and what still runs at that margin is killed. The hub waits for
the end and a margin of its own. The deadline of a job is kept the same way, only that its grace
comes after it: nothing else depends on its moment.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

from skerry_executor.order import Identity
from skerry_executor.signed import opened
from skerry_wire import envelope
from skerry_wire.errors import WireError
from skerry_wire.frozen import frozen
from skerry_wire.messages import Grant
from skerry_wire.schema import Items, Range, Text
from skerry_wire.types import InstanceId
from skerry_wire.workload import Instance

KILL_MARGIN_S = 2.0
"""From SIGKILL to the end of a lease: what a busy box may take to wake the executor and to end
processes, their memory included. Measured is less than a tenth of it. It is not enough for an
executor that is killed right before: what a loaded box needs to start the next one, up to 5 s, is
within the margin that the hub waits beyond the end (`skerry_hub.leases.MARGIN_S`, 10 s)."""
CLOCK_ERROR = 0.0005
"""How much slower than the hub's this box's clock may count: 500 ppm is the most by which NTP bends
a clock, ten times what a bad crystal does. Leases are shorter by so much."""
GRACE_SHARE = 1 / 3
"""At most this part of a lease is left for its end (grace and margin): it is renewed each third, so
that one renewal may be lost."""
START_LEAST_S = 1.0
"""Nothing is started that would have to be stopped sooner than this."""
DEFAULT_GRACE_S = 10.0
KILL_AGAIN_S = 1.0
STOP_AGAIN_S = 2.0
"""How long after a runtime that failed to stop something it is asked again."""
MAX_TERMS = 1024
MAX_PROCESSES = 64

NO_LEASE = "it has no lease since the box's start; the hub must grant one"
ENDED = "its lease ended; the hub must renew it"

BootTime = Annotated[float, Range(0, 2**32)]


@frozen(kw_only=True)
class Process:
    """A process of the box: its number, and when it started, since numbers are used again."""

    pid: Annotated[int, Range(1, 2**31 - 1)]
    started: Annotated[int, Range(0, 2**63 - 1)]
    """In clock ticks since the box's start, as the kernel counts."""


@frozen(kw_only=True)
class Term:
    """How long an instance may run, by its lease or by its deadline as a job.

    `from_s` is when the challenge of a lease was made. The `processes` are what must not run after
    `kill_s`; a run of the executor that finds the runtime hung kills them by these.
    """

    instance: InstanceId
    kind: Literal["lease", "deadline"]
    end_s: BootTime
    grace_s: BootTime
    from_s: BootTime = 0.0
    processes: Annotated[tuple[Process, ...], Items(MAX_PROCESSES)] = ()
    stopped: bool = False
    """All of it was seen to have stopped after the stop was due."""

    @property
    def kill_s(self) -> float:
        """Return when what still runs is killed."""
        if self.kind == "deadline":
            return self.end_s + self.grace_s
        return max(0.0, self.end_s - KILL_MARGIN_S)

    @property
    def stop_s(self) -> float:
        """Return when the stop begins."""
        if self.kind == "deadline":
            return self.end_s
        return max(0.0, self.kill_s - self.grace_s)


@frozen(kw_only=True)
class Terms:
    """Those of one start of the box."""

    boot_id: Annotated[str, Text(64)]
    node: Annotated[str, Text(63)] = ""
    terms: Annotated[tuple[Term, ...], Items(MAX_TERMS)] = ()

    def of(self, instance: str) -> Iterable[Term]:
        """Return the terms of one instance."""
        return (one for one in self.terms if one.instance == instance)

    def lease(self, instance: str) -> Term | None:
        """Return the lease of an instance, over or not; None without any."""
        return next((one for one in self.of(instance) if one.kind == "lease"), None)

    def against(self, instance: str, now_s: float) -> str | None:
        """Return why a leased instance may not start now."""
        lease = self.lease(instance)
        if lease is None:
            return NO_LEASE
        return ENDED if now_s > lease.stop_s - START_LEAST_S else None

    def held(self) -> bool:
        """Say whether there is anything yet to be ended."""
        return any(not one.stopped for one in self.terms)

    def due(self, now_s: float) -> tuple[Term, ...]:
        """Return what is to be stopped, or killed, by now."""
        return tuple(one for one in self.terms if not one.stopped and one.stop_s <= now_s)

    def next_s(self, now_s: float) -> float | None:
        """Return when something is due next after now."""
        moments = (
            moment
            for one in self.terms
            if not one.stopped
            for moment in (one.stop_s, one.kill_s)
            if moment > now_s
        )
        return min(moments, default=None)


def grace_of(instance: Instance) -> float:
    """Return how long the containers of an instance may take to stop, the slowest of them."""
    return max((one.stop_grace_s for one in instance.containers), default=DEFAULT_GRACE_S)


def lease_grace_s(grace_s: float, duration_s: float) -> float:
    """Return how much of its grace an instance gets at the end of a lease of that duration."""
    return min(grace_s, max(0.0, duration_s * GRACE_SHARE - KILL_MARGIN_S))


def of_this_boot(kept: Terms | None, boot_id: str) -> Terms:
    """Return what was kept, unless it is of another start of the box: then nothing holds."""
    if kept is None or kept.boot_id != boot_id:
        return Terms(boot_id=boot_id)
    return kept


def granted(
    terms: Terms, grant: Grant, from_s: float, instances: Sequence[Instance]
) -> tuple[Terms, frozenset[str]]:
    """Return the terms with what a grant gives, and the instances that may start only now.

    `from_s` is when its challenge was made. A grant whose challenge is older than the one that an
    instance's lease stems from changes nothing of it.
    """
    graces = {one.id: grace_of(one) for one in instances}
    fresh: set[str] = set()
    for instance, duration_s in grant.instances.items():
        before = terms.lease(instance)
        if before is not None and before.from_s >= from_s:
            continue
        term = Term(
            instance=instance,
            kind="lease",
            end_s=from_s + duration_s * (1.0 - CLOCK_ERROR),
            grace_s=lease_grace_s(graces.get(instance, DEFAULT_GRACE_S), duration_s),
            from_s=from_s,
            processes=() if before is None else before.processes,
        )
        if before is None or before.stopped or before.end_s < term.from_s:
            fresh.add(instance)
        terms = _with(terms, term)
    return dataclasses.replace(terms, node=grant.node), frozenset(fresh)


def with_deadlines(terms: Terms, deadlines: Mapping[str, tuple[float, float]], node: str) -> Terms:
    """Return the terms with the deadlines (end and grace) of the jobs that run, and no others."""
    kept = tuple(one for one in terms.terms if one.kind == "lease" or one.instance in deadlines)
    terms = dataclasses.replace(terms, terms=kept, node=node)
    for instance, (end_s, grace_s) in deadlines.items():
        before = next((one for one in terms.of(instance) if one.kind == "deadline"), None)
        term = Term(instance=instance, kind="deadline", end_s=end_s, grace_s=grace_s)
        if before is None or abs(before.end_s - end_s) > 0.5:
            terms = _with(terms, term)
    return terms


def without_others(terms: Terms, ordered: Iterable[str]) -> Terms:
    """Return the terms without what is over of instances that are no longer ordered.

    One that is not over stays: until then its containers may still run, and be ended late.
    """
    wanted = set(ordered)
    kept = tuple(one for one in terms.terms if one.instance in wanted or not one.stopped)
    return dataclasses.replace(terms, terms=kept)


def with_processes(terms: Terms, processes: Mapping[str, Sequence[Process]]) -> Terms:
    """Return the terms with the processes that some instances have now."""

    def changed(one: Term) -> Term:
        if one.instance not in processes:
            return one
        newest = tuple(processes[one.instance])[-MAX_PROCESSES:]
        return dataclasses.replace(one, processes=newest, stopped=one.stopped and not newest)

    return dataclasses.replace(terms, terms=tuple(changed(one) for one in terms.terms))


def with_stopped(terms: Terms, instances: Iterable[str], now_s: float) -> Terms:
    """Return the terms with those marked that were due and of which nothing runs any more."""
    names = set(instances)
    changed = tuple(
        dataclasses.replace(one, stopped=True, processes=())
        if one.instance in names and one.stop_s <= now_s
        else one
        for one in terms.terms
    )
    return dataclasses.replace(terms, terms=changed)


def _with(terms: Terms, term: Term) -> Terms:
    others = tuple(
        one for one in terms.terms if (one.instance, one.kind) != (term.instance, term.kind)
    )
    if len(others) >= MAX_TERMS:
        return terms  # what has no term does not run
    return dataclasses.replace(terms, terms=(*others, term))


def verified(data: bytes, keys: Mapping[str, bytes], identity: Identity) -> Grant | str:
    """Return the grant that the bytes of an Envelope hold, or why it is refused."""
    sealed = opened(data, keys)
    if isinstance(sealed, str):
        return sealed
    try:
        grant = envelope.open_grant(sealed)
    except WireError as error:
        return str(error)
    if (grant.node, grant.incarnation) != (identity.node, identity.incarnation):
        return f"it is for node {grant.node}, incarnation {grant.incarnation}"
    return grant
