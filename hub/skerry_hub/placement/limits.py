"""Hard limits of a workload on distance, cost and data, by the names of their constraints. Pure.

Times, prices and datasets change by themselves, so that these limits keep away only what is new.
But where an operator changes a limit itself, it holds for what runs, too.
"""

from __future__ import annotations

from skerry_hub.model import Workload

COST = "cost"
Limit = tuple[float, ...]


def data_name(dataset: str) -> str:
    """Return what people call the constraint on where a dataset is."""
    return f"data {dataset}"


def limits_of(workload: Workload) -> dict[str, set[Limit]]:
    """Return the limits by the names of their constraints; some may have several."""
    asked = workload.placement
    found: dict[str, set[Limit]] = {}
    for term in asked.latency:
        if term.max_ms is not None:
            found.setdefault(str(term), set()).add((term.max_ms,))
    if asked.cost.max_per_hour is not None:
        found[COST] = {(asked.cost.max_per_hour,)}
    for need in asked.data:
        if need.local:
            found.setdefault(data_name(need.dataset), set()).add(())
        elif need.max_transfer_s is not None:
            found.setdefault(data_name(need.dataset), set()).add((need.max_transfer_s,))
    return found


def new_limits(former: Workload | None, workload: Workload) -> tuple[str, ...]:
    """Return the names of the limits that a workload did not have so before."""
    if former is None:
        return ()
    before = limits_of(former)
    return tuple(name for name, told in limits_of(workload).items() if told != before.get(name))
