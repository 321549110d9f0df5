"""Where the instances of a workload go that leave their nodes: drained, or lost. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from skerry_hub.model import Assignment, Decision, Workload
from skerry_hub.placement.outcome import Outcome, decision_of, rank_of
from skerry_hub.placement.session import Session
from skerry_hub.placement.world import World


def evacuate(
    world: World,
    workload: Workload,
    current: Sequence[Assignment],
    node: str,
    *,
    force: bool,
    done: Collection[str] = (),
) -> Decision:
    """Return the assignments of a replicated workload that leaves a node; all others stay.

    An instance that no other node takes stays there, or with `force` is removed; `unplaced` counts
    those. `current` are its assignments, reserved in the columns. Those in `done` stay.
    """
    reason = "the node is drained"
    return _leaving(world, workload, current, {node}, reason, force=force, done=done)


def lose(
    world: World,
    workload: Workload,
    current: Sequence[Assignment],
    nodes: Collection[str],
    done: Collection[str] = (),
) -> Decision:
    """Return the assignments of a replicated workload whose instances on lost nodes are replaced.

    Those nodes are not online, so that nothing comes back to one of them; an instance that no node
    takes stays where it is, and so do those in `done`.
    """
    return _leaving(world, workload, current, nodes, "its node is lost", force=False, done=done)


def _leaving(
    world: World,
    workload: Workload,
    current: Sequence[Assignment],
    nodes: Collection[str],
    reason: str,
    *,
    force: bool,
    done: Collection[str],
) -> Decision:
    outcome: Outcome = {one.id: (one, one, "") for one in current}
    unplaced = 0
    with world.columns.trial():
        leaving = [one for one in current if one.node in nodes and one.id not in done]
        others = [one for one in current if one.node not in nodes or one.id in done]
        for one in leaving:
            world.columns.release(one)  # a quota that is used up is so by them, too
        without = next(iter(nodes)) if len(nodes) == 1 else None
        session = Session(world, workload, workload.revision, others, without=without)
        for before in sorted(leaving, key=lambda one: rank_of(workload.name, one.id)):
            after = session.place(before.id)
            outcome[before.id] = before, after, reason
            if after is None:
                unplaced += 1
                kept, why = (None, "no other node takes it") if force else (before, "")
                outcome[before.id] = before, kept, why
    return decision_of(workload, outcome, unplaced)
