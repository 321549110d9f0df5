"""An instance with a lease never runs twice: who waits until it has ended elsewhere. Pure.

Whatever moves an instance (a lost node, a drain, an apply, a rebalancing, one that was deleted and
wanted again) ends in a draft's assignments, and every draft comes through here before its orders
are made. So this is the one place where that holds for all causes: an assignment whose earlier
place is not surely free is left out of its node's order until it is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from skerry_hub.leases import Place, Vacating
from skerry_hub.model import Assignment, Node
from skerry_hub.state import Draft, Kept, Known


def follow(draft: Draft, now: float) -> None:
    """Note in a draft what its changes leave behind, and what its nodes' reports prove gone.

    Doing it again changes nothing more.
    """
    for key, after in draft.assignments.changes.items():
        before = draft.settled.assignments.get(key)
        if before is not None and (after is None or after.node != before.node):
            _leave(draft, before, after, now)
        if after is not None:
            _come_back(draft, after)
    for name, kept in draft.workloads.changes.items():
        _lease_changed(draft, draft.settled.workloads.get(name), kept, now)
    for node_id, node in draft.nodes.changes.items():
        for instance in draft.settled.vacating_on.get(node_id, ()):
            _reported(draft, instance, node_id, node)


def waits(draft: Draft, one: Assignment) -> bool:
    """Say whether an instance must not be ordered yet: it may still run on another node."""
    found = draft.vacating.get(one.id)
    return found is not None and found.elsewhere(one.node) is not None


def end(draft: Draft, ended: Iterable[tuple[str, str]]) -> None:
    """Note that instances have ended on nodes; what waited for that is ordered."""
    for instance, node in ended:
        _remove(draft, instance, node)


def grantable(known: Known, node: Node) -> Mapping[str, float]:
    """Return the instances that may run on, on a node, and for how long: those ordered there."""
    issued = known.orders.get(node.id)
    if node.diverged is not None or issued is None or issued.incarnation != node.incarnation:
        return {}
    found = {}
    for one in known.on_node(node.id):
        lease_s = lease_of(known.workloads.get(one.workload))
        waiting = known.vacating.get(one.id)
        if lease_s is not None and (waiting is None or waiting.elsewhere(node.id) is None):
            found[one.id] = lease_s
    return found


def lease_of(kept: Kept | None) -> float | None:
    """Return the lease of a workload's instances, None where they have none."""
    return None if kept is None else kept.workload.lifecycle.lease_s


def _leave(draft: Draft, before: Assignment, after: Assignment | None, now: float) -> None:
    known = draft.settled
    there = known.vacating.get(before.id)
    if there is not None and there.elsewhere(before.node) is not None:
        return  # it waited: it was never ordered there
    was = there.at(before.node) if there is not None else None
    lease_s = lease_of(known.workloads.get(before.workload))
    wants = None if after is None else lease_of(draft.workloads.get(after.workload))
    if lease_s is None and wants is None and was is None:
        return
    node = known.nodes.get(before.node)
    if node is None or node.generation == 0:
        return
    if was is not None and lease_s is not None:
        lease_s = None if was.lease_s is None else max(lease_s, was.lease_s)
    _put(draft, before, _place(node, lease_s, now))


def _come_back(draft: Draft, after: Assignment) -> None:
    """Let an instance be at home again on a node that it was to leave, with its lease."""
    found = draft.vacating.get(after.id)
    place = found.at(after.node) if found is not None else None
    lease_s = lease_of(draft.workloads.get(after.workload))
    if place is None or lease_s is None or place.lease_s is None or place.lease_s > lease_s:
        return
    _remove(draft, after.id, after.node)


def _lease_changed(draft: Draft, was: Kept | None, kept: Kept | None, now: float) -> None:
    """Remember the longer lease, or that there was none, of what runs where it is."""
    old, new = lease_of(was), lease_of(kept)
    if was is None or new is None or (old is not None and old <= new):
        return
    for one in draft.of_workload(was.workload.name):
        before = draft.settled.assignments.get(one.id)
        node = draft.settled.nodes.get(one.node)
        if before is None or before.node != one.node or node is None or node.generation == 0:
            continue
        found = draft.vacating.get(one.id)
        there = found.at(one.node) if found is not None else None
        longest = old
        if there is not None and old is not None:
            longest = None if there.lease_s is None else max(old, there.lease_s)
        _put(draft, one, _place(node, longest, now))


def _reported(draft: Draft, instance: str, node_id: str, node: Node | None) -> None:
    found = draft.vacating.get(instance)
    place = found.at(node_id) if found is not None else None
    if place is None:
        return
    if node is None:
        # Who forgets a node says that it is gone; its leases are waited for all the same.
        if place.lease_s is None:
            _remove(draft, instance, node_id)
        return
    report = node.report
    if report is None or node.diverged is not None or report.incarnation != place.incarnation:
        return
    if report.generation <= place.generation:
        return
    one = draft.assignments.get(instance)
    is_wanted = one is not None and one.node == node_id
    if is_wanted or all(status.id != instance for status in report.instances):
        _remove(draft, instance, node_id)


def _place(node: Node, lease_s: float | None, now: float) -> Place:
    return Place(
        node=node.id,
        incarnation=node.incarnation,
        generation=node.generation,
        since=now,
        lease_s=lease_s,
    )


def _put(draft: Draft, one: Assignment, place: Place) -> None:
    found = draft.vacating.get(one.id)
    others = () if found is None else tuple(p for p in found.places if p.node != place.node)
    places = tuple(sorted((*others, place), key=lambda each: each.node))
    made = Vacating(instance=one.id, workload=one.workload, places=places)
    if made != found:
        draft.vacating.put(one.id, made)


def _remove(draft: Draft, instance: str, node: str) -> None:
    found = draft.vacating.get(instance)
    if found is None or found.at(node) is None:
        return
    places = tuple(place for place in found.places if place.node != node)
    if places:
        draft.vacating.put(instance, dataclasses.replace(found, places=places))
    else:
        draft.vacating.remove(instance)
    one = draft.assignments.get(instance)
    if one is not None:
        draft.touched.add(one.node)
