"""Which instances of lower priority would have to end so that one more of a workload fits. Pure.

As few and as unimportant ones as a node can offer: of the nodes where it helps at all, that whose
most important victim is the least important; then the fewest victims, then the smaller id.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from skerry_hub.fleet.arrays import Mask, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.device_states import WHOLE, State, has_free
from skerry_hub.model import Assignment, Workload
from skerry_hub.placement.amounts import FIELDS
from skerry_hub.placement.board import board_of
from skerry_hub.placement.constraints import all_pass
from skerry_hub.placement.device_choice import choose
from skerry_hub.placement.session import Session
from skerry_hub.placement.world import World

FEW = 6
"""Of so few instances that could end every set is looked at."""
MOST_TRIED = 128
"""Most nodes on which it is tried out: those with the fewest instances that could go."""


@dataclasses.dataclass(frozen=True, slots=True)
class Preemption:
    """A node, and the instances on it that have to end, by their ids."""

    node: str
    victims: tuple[Assignment, ...]


def preemption(world: World, workload: Workload) -> Preemption | None:
    """Return how room for one more instance can be made, None where it cannot.

    The columns are left as they were; what the workload has already stays.
    """
    if workload.placement.preemption == "Never":
        return None
    columns = world.columns
    there = list(columns.instances_of(workload.name).values())
    best: tuple[tuple[int, int, str], Preemption] | None = None
    covered = {one.node for one in there} if workload.mode == "global" else set()
    for row in _candidates(world, workload):
        if columns.facts(row).id in covered:
            continue  # one on each node, and it has its one
        found = _on(world, workload, row, there)
        if found is None:
            continue
        worth = max(one.priority for one in found.victims), len(found.victims), found.node
        if best is None or worth < best[0]:
            best = worth, found
    return None if best is None else best[1]


def _candidates(world: World, workload: Workload) -> list[int]:
    """Return the rows on which ending what is less important could help, few instances first."""
    columns = world.columns
    rows = columns.rows()
    board = board_of(world, workload)
    fixed = [need for need in board.requirements if not need.is_used_up]
    rows = rows[all_pass(fixed, columns, rows)]
    counts = {row: len(_lesser(columns, workload, row)) for row in rows.tolist()}
    some = np.array([row for row, count in counts.items() if count], dtype=np.intp)
    fitting = [
        row
        for row in some[_could_fit(columns, workload, some)].tolist()
        if _has_devices(columns, workload, row)
    ]
    return sorted(fitting, key=lambda row: counts[row])[:MOST_TRIED]


def _could_fit(columns: Columns, workload: Workload, rows: Rows) -> Mask:
    """Say on which rows the amounts would do, had all that is less important gone."""
    passes = np.ones(len(rows), dtype=np.bool_)
    for resource, name in FIELDS.items():
        amount = getattr(workload.resources, name)
        if amount:
            freed = [
                sum(getattr(one.resources, name) for one in _lesser(columns, workload, row))
                for row in rows.tolist()
            ]
            passes &= columns.free(resource, rows) + np.array(freed, dtype=np.int64) >= amount
    return passes


def _has_devices(columns: Columns, workload: Workload, row: int) -> bool:
    """Say whether a node's devices would do, were nothing of them held."""
    requests = workload.resources.devices
    if not requests:
        return True
    whole: dict[str, State] = {}
    for request in requests:
        devices, _ = columns.state(request.kind, row)
        usable = (WHOLE if has_free(device) else 0 for device in devices)
        whole[request.kind] = devices, tuple(usable)
    single = workload.placement.numa == "single"
    return choose(whole, requests, single_numa=single) is not None


def _lesser(columns: Columns, workload: Workload, row: int) -> list[Assignment]:
    """Return the instances on a node that are less important than a workload's."""
    priority = workload.placement.priority
    return [
        one
        for one in columns.assigned(columns.facts(row).id)
        if one.priority < priority and one.workload != workload.name
    ]


def _on(
    world: World, workload: Workload, row: int, there: Sequence[Assignment]
) -> Preemption | None:
    """Return the least that has to end on one node, None where nothing helps."""
    lesser = _lesser(world.columns, workload, row)
    lesser.sort(key=lambda one: one.id, reverse=True)
    lesser.sort(key=lambda one: one.priority)  # of equal ones the last by id ends
    if _fits(world, workload, row, there):
        return None
    with world.columns.trial():
        look = _least_of_few if len(lesser) <= FEW else _least_of_many
        victims = look(world, workload, row, there, lesser)
    if not victims:
        return None
    node = world.columns.facts(row).id
    return Preemption(node, tuple(sorted(victims, key=lambda one: one.id)))


def _least_of_few(
    world: World,
    workload: Workload,
    row: int,
    there: Sequence[Assignment],
    lesser: Sequence[Assignment],
) -> Sequence[Assignment]:
    """Return the best of all sets of these whose end helps, none where no set does.

    More that ends does not always help more: the last one takes its node's price with it, or is
    what the workload wants near it.
    """
    columns = world.columns
    short = _short(columns, workload, row)
    sets = [
        some
        for count in range(1, len(lesser) + 1)
        for some in itertools.combinations(lesser, count)
        if all(sum(getattr(one.resources, name) for one in some) >= short[name] for name in short)
    ]
    for some in sorted(sets, key=lambda some: max(one.priority for one in some)):
        with columns.trial():
            for one in some:
                columns.release(one)
            if _fits(world, workload, row, there):
                return some
    return ()


def _short(columns: Columns, workload: Workload, row: int) -> dict[str, int]:
    """Return how much of each amount is missing on a node."""
    found = {}
    for resource, name in FIELDS.items():
        wanted = getattr(workload.resources, name)
        if wanted:
            found[name] = wanted - columns.free_on(resource, row)
    return found


def _least_of_many(
    world: World,
    workload: Workload,
    row: int,
    there: Sequence[Assignment],
    lesser: Sequence[Assignment],
) -> Sequence[Assignment]:
    """Return which of these end, one after the other, the least important first, until it helps.

    Then, of those, the most important that need not have ended are spared.
    """
    columns = world.columns
    short = _short(columns, workload, row)
    ended: list[Assignment] = []
    for one in lesser:
        columns.release(one)
        ended.append(one)
        for name in short:
            short[name] -= getattr(one.resources, name)
        if max(short.values(), default=0) <= 0 and _fits(world, workload, row, there):
            break
    else:
        return ()
    for one in reversed(ended[:-1]):
        columns.reserve(one)
        if _fits(world, workload, row, there):
            ended.remove(one)
        else:
            columns.release(one)
    return ended


def _fits(world: World, workload: Workload, row: int, there: Sequence[Assignment]) -> bool:
    session = Session(world, workload, "", there)
    return session.takes(row)
