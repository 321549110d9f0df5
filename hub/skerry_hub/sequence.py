"""In which order workloads are decided about, where one call is about several. Pure.

Higher priority comes first, then the largest: what is small fits beside it, and not the other way
round. But a workload whose terms are about another is decided after it:
affinity to what is not placed yet holds nowhere, and antiAffinity would let the first one take the
only place of the second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from skerry_hub.model import Resources, Workload
from skerry_hub.placement.about import is_about

Unit = tuple[str, str]
"""What is decided at once: a gang, by its project and word, or a workload, by an empty project."""
WHOLE = 2**32
"""Shares are whole parts of this, and so compared exactly."""
K = TypeVar("K", str, Unit)


def sequence(workloads: Iterable[Workload]) -> list[list[str]]:
    """Return the names of workloads in the order of deciding, those of a gang together."""
    given = list(workloads)
    sizes = _sizes(given)
    ordered = sorted(given, key=lambda one: (-one.placement.priority, -sizes[one.name], one.name))
    ranked = {one.name: one for one in ordered}
    units: dict[Unit, list[Workload]] = {}
    for one in ranked.values():
        units.setdefault(_unit(one), []).append(one)
    needs = {name: list(_needs(one, ranked)) for name, one in ranked.items()}
    of_units = {
        unit: [_unit(ranked[name]) for one in members for name in needs[one.name]]
        for unit, members in units.items()
    }
    found = []
    for unit in _after_what_they_need(of_units):
        names = [one.name for one in units[unit]]
        inside = set(names)
        within = {name: [one for one in needs[name] if one in inside] for name in names}
        found.append(list(_after_what_they_need(within)))
    return found


def _sizes(workloads: Sequence[Workload]) -> dict[str, int]:
    """Return how large one instance of each is: its largest share of what all ask for together."""
    amounts = {one.name: _amounts(one.resources) for one in workloads}
    asked: dict[str, int] = {}
    for one in workloads:
        for what, amount in amounts[one.name].items():
            asked[what] = asked.get(what, 0) + amount * max(1, one.replicas)
    return {
        name: max(
            (WHOLE * amount // asked[what] for what, amount in mine.items() if amount), default=0
        )
        for name, mine in amounts.items()
    }


def _amounts(wanted: Resources) -> dict[str, int]:
    """Return the amounts that are asked for, thousandths of devices by their kind."""
    found = {
        "cpu": wanted.cpu_milli,
        "memory": wanted.memory_bytes,
        "storage": wanted.storage_bytes,
    }
    for one in wanted.devices:
        kind = f"device {one.kind}"
        found[kind] = found.get(kind, 0) + one.count * one.share_milli
    return found


def _unit(workload: Workload) -> Unit:
    gang = workload.placement.gang
    return (workload.project, gang) if gang else ("", workload.name)


def _needs(workload: Workload, ranked: Mapping[str, Workload]) -> Iterator[str]:
    """Yield the names of the others that a workload's terms are about."""
    asked = workload.placement
    named = [term.workload for term in asked.affinity if term.workload]
    named += [term.name for term in asked.latency if term.to == "workload"]
    named += [term.workload for term in asked.traffic]
    yield from (name for name in named if name in ranked and name != workload.name)
    for term in asked.affinity:
        if not term.workload:
            yield from (name for name, one in ranked.items() if is_about(term, one))


def _after_what_they_need(needs: Mapping[K, Sequence[K]]) -> Iterator[K]:
    """Yield each after those that it needs, which so take over its rank.

    Where some need each other, the one that is come to first goes last.
    """
    seen: set[K] = set()
    for first in needs:
        if first in seen:
            continue
        seen.add(first)
        waiting = [(first, iter(needs[first]))]
        while waiting:
            key, left = waiting[-1]
            following = next((one for one in left if one not in seen), None)
            if following is None:
                waiting.pop()
                yield key
            else:
                seen.add(following)
                waiting.append((following, iter(needs[following])))
