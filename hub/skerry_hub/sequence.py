"""In which order workloads are decided about, where one call is about several. Pure.

Higher priority comes first. But a workload whose terms are about another is decided after it:
affinity to what is not placed yet holds nowhere, and antiAffinity would let the first one take the
only place of the second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from skerry_hub.model import Workload
from skerry_hub.placement.topology import is_about

Unit = tuple[str, str]
"""What is decided at once: a gang, by its project and word, or a workload, by an empty project."""
K = TypeVar("K", str, Unit)


def sequence(workloads: Iterable[Workload]) -> list[list[str]]:
    """Return the names of workloads in the order of deciding, those of a gang together."""
    ranked = {one.name: one for one in sorted(workloads, key=_rank)}
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


def _rank(workload: Workload) -> tuple[int, str]:
    return -workload.placement.priority, workload.name


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
