"""Instances that keep what they have until it is their turn in a rollout. Pure.

Their nodes do not take the newest content, for a lack of room or for what it requires. They stay on
their former revision, with what they reserve, and are placed anew one after the other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from skerry_hub.model import Assignment, Workload
from skerry_hub.placement.outcome import Outcome
from skerry_hub.placement.session import Session
from skerry_hub.placement.world import World

TRIED = 4
"""Of those that wait so many are tried: they are alike but for where they leave."""
Staying = dict[str, Assignment]
"""The instances of a workload that stay or were placed, by their ids."""


def is_gradual(workload: Workload) -> bool:
    """Say whether a workload's instances come to a new content one after the other.

    A gang is placed as a whole or not at all, and blue-green places a second set.
    """
    lifecycle = workload.lifecycle
    if lifecycle.job is not None or workload.placement.gang:
        return False
    return lifecycle.update.strategy in ("rolling", "canary")


def waiting_in(workload: Workload, assignments: Collection[Assignment]) -> list[Assignment]:
    """Return those of a workload's assignments that wait for their turn, by their ids."""
    if not is_gradual(workload):
        return []
    revision = workload.revision
    found = [one for one in assignments if one.revision != revision and one.finished is None]
    return sorted(found, key=lambda one: one.id)


def newest_in(workload: Workload, assignments: Collection[Assignment]) -> list[Assignment]:
    """Return those that do not wait."""
    waiting = {one.id for one in waiting_in(workload, assignments)}
    return [one for one in assignments if one.id not in waiting]


def first_short(workload: Workload, assignments: Collection[Assignment]) -> list[Assignment]:
    """Return the one that waits and is to be placed next, none while one more is to be placed."""
    if workload.mode != "global" and len(assignments) < workload.replicas:
        return []
    return waiting_in(workload, assignments)[:1]


def without_place(
    world: World, workload: Workload, staying: Staying, waiting: Collection[str]
) -> int:
    """Return how many of those that wait would find no node: all of them, where none can begin.

    Else it is counted as if all went together: one leaves room that another takes. A global
    workload's can only be on their own nodes.
    """
    here = [staying[name] for name in waiting if name in staying]
    if not here or workload.mode == "global":
        return len(here)
    if not any(_finds(world, workload, staying, one) for one in here[:TRIED]):
        return len(here)
    with world.columns.trial():
        for one in here:
            world.columns.release(one)
        others = [one for name, one in staying.items() if name not in waiting]
        session = Session(world, workload, workload.revision, others)
        for done, one in enumerate(here):
            if session.place(one.id) is None:
                return len(here) - done
    return 0


def _finds(world: World, workload: Workload, staying: Staying, one: Assignment) -> bool:
    """Say whether one finds a node while all others are where they are."""
    with world.columns.trial():
        world.columns.release(one)
        others = [other for other in staying.values() if other.id != one.id]
        return Session(world, workload, workload.revision, others).best() is not None


def give_turns(
    world: World,
    workload: Workload,
    staying: Staying,
    outcome: Outcome,
    turn: Collection[str],
    waiting: Mapping[str, str],
) -> set[str]:
    """Place those in `turn` anew that wait, reserved in the columns; return who found a node.

    `waiting` says of each why its own node does not take it.
    """
    placed = set()
    for name in sorted(name for name in turn if name in waiting and name in staying):
        before = staying[name]
        world.columns.release(before)
        others = [one for one in staying.values() if one.id != name]
        after = Session(world, workload, workload.revision, others).place(name)
        if after is None:
            world.columns.reserve(before)
            continue
        staying[name] = after
        outcome[name] = before, after, waiting[name]
        placed.add(name)
    return placed
