"""The keys of `x-placement` that speak of distance: latency and traffic. Pure."""

from __future__ import annotations

import functools

from skerry_hub.terms import Latency, Traffic
from skerry_hub.workloads import others
from skerry_hub.workloads.others import Siblings
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.reading import Reader, Section, Value, parsed
from skerry_hub.workloads.topologies import weight
from skerry_hub.workloads.units import amount, duration_ms
from skerry_hub.workloads.x_placement_keys import LATENCY, TRAFFIC

MOST_MS = 1e6
MOST_GB = 1e9
_MOST_ENVIRONMENT = 63


def latency(siblings: Siblings) -> Reader[Latency]:
    """Read one latency."""
    place = functools.partial(others.place, siblings=siblings)

    def read(value: Value) -> Latency:
        section = Section(value, LATENCY)
        to, name = section.need("to", parsed(place), ("node", ""))
        if "max" not in section and "weight" not in section:
            raise RefusedError("must have max, weight or both")
        return Latency(
            to=to,
            name=name,
            max_ms=section.get("max", parsed(_milliseconds), None),
            weight=section.get("weight", weight, None),
        )

    return read


def _milliseconds(written: str) -> float:
    found = duration_ms(written)
    if not 0 < found <= MOST_MS:
        raise RefusedError(f"must be more than 0 and at most {MOST_MS / 1000:g}s")
    return found


def traffic(siblings: Siblings) -> Reader[Traffic]:
    """Read one traffic."""
    named = functools.partial(others.workload, siblings=siblings)

    def read(value: Value) -> Traffic:
        section = Section(value, TRAFFIC)
        if ("toEnvironment" in section) is ("toWorkload" in section):
            raise RefusedError("must have one of the keys toEnvironment, toWorkload")
        return Traffic(
            environment=section.get("toEnvironment", parsed(environment), ""),
            workload=section.get("toWorkload", parsed(named), ""),
            gb_per_hour=section.need("gbPerHour", parsed(_gb), 0.0),
        )

    return read


def environment(written: str) -> str:
    """Return the name of an environment, the value of the label `environment`."""
    if not 1 <= len(written) <= _MOST_ENVIRONMENT:
        raise RefusedError(f"{short(written)} must have 1 to {_MOST_ENVIRONMENT} characters")
    return written


def _gb(written: str) -> float:
    found = amount(written)
    if found > MOST_GB:
        raise RefusedError(f"must be at most {MOST_GB:.0f}")
    return found
