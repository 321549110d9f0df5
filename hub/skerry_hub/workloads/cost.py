"""The keys of `x-placement` that speak of money and data. Pure."""

from __future__ import annotations

from skerry_hub.terms import Cost, DataNeed
from skerry_hub.workloads import others
from skerry_hub.workloads.problems import RefusedError
from skerry_hub.workloads.reading import Section, Value, boolean, parsed
from skerry_hub.workloads.topologies import weight
from skerry_hub.workloads.units import amount, duration_s
from skerry_hub.workloads.x_placement_keys import COST, DATA

MOST_MONEY = 1e12
MOST_TRANSFER_S = 1e9


def cost(value: Value) -> Cost:
    """Read what an instance may cost."""
    section = Section(value, COST)
    if "maxPerHour" not in section and "weight" not in section:
        raise RefusedError("must have maxPerHour, weight or both")
    return Cost(
        max_per_hour=section.get("maxPerHour", parsed(_money), None),
        weight=section.get("weight", weight, None),
    )


def _money(written: str) -> float:
    found = amount(written)
    if found > MOST_MONEY:
        raise RefusedError(f"must be at most {MOST_MONEY:.0f}")
    return found


def data(value: Value) -> DataNeed:
    """Read one dataset that the workload reads."""
    section = Section(value, DATA)
    local = section.get("local", boolean, default=False)
    if local and "maxTransfer" in section:
        section.refuse("maxTransfer", "is not for local: true, where nothing is moved")
    return DataNeed(
        dataset=section.need("dataset", parsed(others.name), ""),
        local=local,
        max_transfer_s=section.get("maxTransfer", parsed(_transfer), None),
        weight=section.get("weight", weight, None),
    )


def _transfer(written: str) -> float:
    found = duration_s(written)
    if not 0 < found <= MOST_TRANSFER_S:
        raise RefusedError("must be more than 0; write local: true for data that may not move")
    return found
