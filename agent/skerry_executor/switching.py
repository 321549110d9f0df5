"""How an instance is changed to another revision, and back where that one does not do. Pure.

A switch is a transaction with a journal entry of its own. It holds the instance as it was before,
so that after a power cut at any point either revision can be put in place, whole:

    waiting -> trying -> (settled: the entry is gone) | rolled_back | failed

`aim` says which of the two is to run now; making it so is `reconcile`'s. Nothing is ever waited for
here: each look decides anew from what is there, so that a newer order is free at any time to decide
something else.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from skerry_executor.actual import Actual, Phase
from skerry_executor.specs import spec_of
from skerry_executor.start_order import should_start, unmet, waiting
from skerry_executor.status import is_looping
from skerry_wire import codec
from skerry_wire.frozen import frozen
from skerry_wire.lifecycle import Switch, UpdateStatus
from skerry_wire.messages import Health, Order
from skerry_wire.schema import Range, Text
from skerry_wire.types import Count
from skerry_wire.workload import Container, Instance

LOOK_S = 1.0
"""How often is looked while a revision comes up."""
LOOK_MOST_S = 15.0
"""How seldom, at most, while it has to stay up and healthy."""
MOST_BOOTS = 2
"""A revision during whose trial the box went down more often is taken to be why."""

Reason = Annotated[str, Text(1024)]


@frozen(kw_only=True)
class Entry:
    """What is remembered of a switch. `tried` is the content that was begun, the last one.

    `begun_s` and `up_since_s` count from the start of the box whose id is `boot`; `mark` tells
    which containers it is that have been up since then.
    """

    earlier: Instance
    phase: Literal["waiting", "trying", "rolled_back", "failed"] = "waiting"
    tried: Annotated[str, Text(64)] = ""
    reason: Reason = ""
    boot: Annotated[str, Text(64)] = ""
    boots: Count = 0
    begun_s: Annotated[float, Range(0, 2**40)] = 0.0
    up_since_s: Annotated[float, Range(0, 2**40)] | None = None
    mark: Annotated[str, Text(64)] = ""


@frozen(kw_only=True)
class Moment:
    """The time, by a clock that counts from the start of the box and that nobody sets.

    `wall_s` is the other clock, by which the runtime tells when it started something.
    """

    boot: str
    boot_s: float
    wall_s: float | None = None


@frozen(kw_only=True)
class Held:
    """Why what runs is not replaced now, and when to ask again. `new`: nothing new is begun."""

    reason: str
    look_after_s: float
    new: bool = False


@frozen(kw_only=True)
class Aim:
    """What of an instance is to run now.

    `entry` is what the journal is to hold before anything is done, None for no entry; `begin` what
    it is to hold before the first container is touched, once the images are there. `frozen`: what
    is there stays as it is.
    """

    instance: Instance
    entry: Entry | None = None
    begin: Entry | None = None
    update: UpdateStatus | None = None
    look_after_s: float | None = None
    frozen: bool = False


@frozen(kw_only=True)
class Situation:
    """What an aim depends on besides the order and the entry.

    `held` says that the box holds replacements of this instance back; `failure` what went wrong
    with it in this run, which may be `passing`: over in a moment.
    """

    there: Sequence[Actual]
    now: Moment
    held: Held | None = None
    failure: str | None = None
    passing: bool = False


def content_of(instance: Instance) -> str:
    """Return the digest of what the containers of an instance shall be."""
    return codec.revision_of([spec_of(instance, one) for one in instance.containers])


def aim(wanted: Instance, entry: Entry | None, seen: Situation) -> Aim:
    """Return what is to run of an instance that the order wants."""
    if wanted.switch is None or entry is None:
        return _plain(wanted, seen)
    if content_of(wanted) == content_of(entry.earlier):
        # Back again, or nothing of it was ever ordered: no hold, for nothing new comes.
        return Aim(instance=wanted, entry=None if is_whole(wanted, seen.there) else entry)
    if entry.tried != content_of(wanted):
        entry = Entry(earlier=entry.earlier)
    match entry.phase:
        case "waiting":
            return _waiting(wanted, entry, seen)
        case "trying":
            return _trying(wanted, wanted.switch, entry, seen)
        case "rolled_back":
            return _back(wanted, entry)
        case _:
            return _failed(wanted, entry, seen)


def _plain(wanted: Instance, seen: Situation) -> Aim:
    held = seen.held
    if held is not None and (replaces(wanted, seen.there) or (held.new and not seen.there)):
        return _frozen(wanted, None, held)
    return Aim(instance=wanted)


def _frozen(wanted: Instance, entry: Entry | None, held: Held) -> Aim:
    update = _update(wanted, "held", held.reason)
    return Aim(
        instance=wanted, entry=entry, update=update, look_after_s=held.look_after_s, frozen=True
    )


def _waiting(wanted: Instance, entry: Entry, seen: Situation) -> Aim:
    now = seen.now
    begun = dataclasses.replace(
        entry, phase="trying", tried=content_of(wanted), boot=now.boot, begun_s=now.boot_s
    )
    if is_whole(wanted, seen.there):
        # It is in place already, by whatever way: what is left is to look whether it does.
        return Aim(instance=wanted, entry=begun, update=_update(wanted, "switching", ""),
                   look_after_s=0.0)  # fmt: skip
    if seen.held is not None and replaces(wanted, seen.there):
        if not is_whole(entry.earlier, seen.there) and _is_whole_anything(seen.there):
            # A revision between the two: replacing it by the earlier one is no less a replacement.
            return _frozen(wanted, entry, seen.held)
        update = _update(wanted, "held", seen.held.reason)
        return Aim(instance=entry.earlier, entry=entry, update=update,
                   look_after_s=seen.held.look_after_s)  # fmt: skip
    if seen.failure is not None:
        update = _update(wanted, "waiting", seen.failure)
        return Aim(instance=entry.earlier, entry=entry, update=update)
    update = _update(wanted, "waiting", "")
    return Aim(instance=wanted, entry=entry, begin=begun, update=update, look_after_s=0.0)


def _trying(wanted: Instance, switch: Switch, entry: Entry, seen: Situation) -> Aim:
    now = seen.now
    if entry.boot != now.boot:
        entry = dataclasses.replace(entry, boot=now.boot, boots=entry.boots + 1,
                                    begun_s=now.boot_s, up_since_s=None)  # fmt: skip
        if entry.boots > MOST_BOOTS:
            reason = f"the box went down {entry.boots} times while it was tried"
            return _given_up(wanted, switch, entry, seen, reason)
    if seen.failure is not None and not seen.passing:
        return _given_up(wanted, switch, entry, seen, seen.failure)
    why = why_not_up(wanted, seen.there, now.wall_s)
    if why is None and seen.failure is None:
        return _settling(wanted, switch, entry, seen)
    entry = dataclasses.replace(entry, up_since_s=None)
    ended = _ended_for_good(wanted, seen.there)
    if ended is not None:
        return _given_up(wanted, switch, entry, seen, ended)
    left_s = entry.begun_s + switch.deadline_s - now.boot_s
    why = seen.failure or why or ""
    if left_s <= 0:
        reason = f"it was not up within {switch.deadline_s:g} s: {why}"
        return _given_up(wanted, switch, entry, seen, reason)
    return Aim(
        instance=wanted,
        entry=entry,
        update=_update(wanted, "switching", why),
        look_after_s=min(LOOK_S, left_s),
    )


def _settling(wanted: Instance, switch: Switch, entry: Entry, seen: Situation) -> Aim:
    """Go on with what is up: it is to stay so, the same containers without a restart."""
    mark = _mark_of(wanted, seen.there)
    if entry.up_since_s is None or entry.mark != mark:
        entry = dataclasses.replace(entry, up_since_s=seen.now.boot_s, mark=mark)
    up_s = seen.now.boot_s - (entry.up_since_s or 0.0)
    if up_s >= switch.settle_s:
        return Aim(instance=wanted)
    update = _update(wanted, "switching", f"up; it must stay so for {switch.settle_s:g} s")
    look_s = min(switch.settle_s - up_s, max(LOOK_S, min(LOOK_MOST_S, switch.settle_s / 10)))
    return Aim(instance=wanted, entry=entry, update=update, look_after_s=look_s)


def _given_up(wanted: Instance, switch: Switch, entry: Entry, seen: Situation, reason: str) -> Aim:
    phase: Literal["rolled_back", "failed"] = "rolled_back" if switch.rollback else "failed"
    entry = dataclasses.replace(entry, phase=phase, reason=reason[:1024])
    return _back(wanted, entry) if switch.rollback else _failed(wanted, entry, seen)


def _back(wanted: Instance, entry: Entry) -> Aim:
    update = _update(wanted, "rolled_back", entry.reason)
    return Aim(instance=entry.earlier, entry=entry, update=update)


def _failed(wanted: Instance, entry: Entry, seen: Situation) -> Aim:
    """Stay with what failed, as the order says; should it recover, all is well."""
    if seen.failure is None and why_not_up(wanted, seen.there, seen.now.wall_s) is None:
        return Aim(instance=wanted)
    update = _update(wanted, "failed", entry.reason)
    return Aim(instance=wanted, entry=entry, update=update)


def _update(
    wanted: Instance,
    state: Literal["waiting", "held", "switching", "rolled_back", "failed"],
    reason: str,
) -> UpdateStatus:
    return UpdateStatus(revision=wanted.revision, state=state, reason=reason[:1024])


def replaces(wanted: Instance, there: Sequence[Actual]) -> bool:
    """Say whether something runs that would have to give way."""
    specs = {spec_of(wanted, one) for one in wanted.containers}
    return any(one.phase is Phase.RUNNING and one.spec not in specs for one in there)


def is_whole(instance: Instance, there: Sequence[Actual]) -> bool:
    """Say whether an instance's containers, all of them and no others, are there and started."""
    specs = {spec_of(instance, one) for one in instance.containers}
    found = [one.spec for one in there if one.phase is not Phase.CREATED]
    return len(there) == len(found) == len(specs) and set(found) == specs


def _is_whole_anything(there: Sequence[Actual]) -> bool:
    return all(one.phase is Phase.RUNNING for one in there)


def why_not_up(instance: Instance, there: Sequence[Actual], wall_s: float | None) -> str | None:
    """Return why an instance is not up, and healthy where it has a check; None when it is."""
    by_name = _own(instance, there)
    for container in instance.containers:
        one = by_name.get(container.name)
        asked = waiting(instance, container)
        why = "has not been created" if one is None else _why_not(asked, one, by_name, wall_s)
        if why is not None:
            return f"{container.name} {why}"
    return None


def _why_not(
    container: Container, one: Actual, there: dict[str, Actual], wall_s: float | None
) -> str | None:
    if one.phase is Phase.EXITED and not should_start(container, one) and one.exit_code == 0:
        return None
    if one.phase is Phase.CREATED:
        waits = unmet(container, there)
        return "has not been started" + (f": {waits}" if waits else "")
    if one.phase in (Phase.EXITED, Phase.RESTARTING):
        return f"ended with {one.exit_code}"
    if one.phase is not Phase.RUNNING:
        return f"is {one.phase}"
    if is_looping(one, wall_s):
        return f"was restarted {one.restarts} times"
    if one.health is Health.HEALTHY or (one.health is Health.NONE and container.health is None):
        return None
    return "has not been checked yet" if one.health is Health.NONE else f"is {one.health_words}"


def _ended_for_good(instance: Instance, there: Sequence[Actual]) -> str | None:
    """Return which container has ended with an error, and is not going to be started again."""
    by_name = _own(instance, there)
    for container in instance.containers:
        one = by_name.get(container.name)
        if one is None or one.phase is not Phase.EXITED or should_start(container, one):
            continue
        if one.exit_code != 0:
            return f"{container.name} ended with {one.exit_code}"
    return None


def _own(instance: Instance, there: Sequence[Actual]) -> dict[str, Actual]:
    specs = {one.name: spec_of(instance, one) for one in instance.containers}
    return {one.container: one for one in there if one.spec == specs.get(one.container)}


def _mark_of(instance: Instance, there: Sequence[Actual]) -> str:
    own = _own(instance, there)
    marks = [(one.id, one.restarts, one.pid or 0) for _, one in sorted(own.items())]
    return codec.revision_of([list(mark) for mark in marks])


def earlier_of(before: Order, after: Order, entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """Return the new entries that an order makes needed which takes the place of another.

    Where a switch was not over, what was there before it stays what is gone back to.
    """
    known = {instance.id: instance for instance in before.instances}
    found = {}
    for instance in after.instances:
        earlier = known.get(instance.id)
        if instance.switch is None or instance.job is not None or instance.id in entries:
            continue
        if earlier is not None and content_of(earlier) != content_of(instance):
            found[instance.id] = Entry(earlier=dataclasses.replace(earlier, origin=None))
    return found
