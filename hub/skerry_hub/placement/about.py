"""Which other workloads an affinity is about, and whether these wait for it in turn. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from skerry_hub.model import Workload
from skerry_hub.placement.world import World
from skerry_hub.selector import SelectorError, fits, parse
from skerry_hub.terms import Affinity


def is_about(term: Affinity, workload: Workload) -> bool:
    """Say whether a workload is one of the others that a term is about."""
    if term.workload:
        return term.workload == workload.name
    try:
        return fits(parse(term.selector), workload.labels)
    except SelectorError:
        return False  # of another version of the hub


def others_of(
    workloads: Mapping[str, Workload], workload: Workload, term: Affinity
) -> Sequence[str]:
    """Return the names of the others, the workload itself apart."""
    if term.workload:
        return () if term.workload == workload.name else (term.workload,)
    return [
        one.name for one in workloads.values() if one.name != workload.name and is_about(term, one)
    ]


def are_waiting(world: World, workload: Workload, others: Sequence[str]) -> bool:
    """Say whether all of these wait for a workload, so that it would wait for them in vain.

    They are not placed, and must be near it, or near others, by name, that wait so.
    """
    return bool(others) and all(_waits(world, one, workload) for one in others)


def _waits(world: World, name: str, workload: Workload) -> bool:
    seen, left = {name}, [name]
    while left:
        other = world.workloads.get(left.pop())
        if other is None or not _is_missing(world, other):
            continue
        for term in other.placement.affinity:
            if term.anti or term.weight:
                continue
            if is_about(term, workload):
                return True
            if term.workload and term.workload not in seen:
                seen.add(term.workload)
                left.append(term.workload)
    return False


def _is_missing(world: World, other: Workload) -> bool:
    wants_any = other.mode == "global" or other.replicas > 0
    return wants_any and not world.columns.instances_of(other.name)
