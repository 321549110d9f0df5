"""Health checks. Pure."""

from __future__ import annotations

from skerry_hub.workloads.keys import HEALTH
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.reading import (
    Reader,
    Section,
    Value,
    boolean,
    listed,
    parsed,
    text,
    whole,
    word,
)
from skerry_hub.workloads.units import duration_s
from skerry_wire.workload import HealthCheck

MAX_S = 86400
_NONE = ("NONE",)


def health(value: Value) -> HealthCheck:
    """Read a health check; `NONE` as its command switches the image's own off."""
    section = Section(value, HEALTH)
    disable = section.get("disable", boolean, default=False)
    test = section.get("test", _test, None)
    if test is None and "test" not in section and not disable:
        raise RefusedError("is missing", f"{value.field}.test")
    return HealthCheck(
        command=_NONE if disable or test is None else test,
        interval_s=section.get("interval", within(0.1, MAX_S), 30.0),
        timeout_s=section.get("timeout", within(0.1, MAX_S), 30.0),
        start_period_s=section.get("start_period", within(0, MAX_S), 0.0),
        retries=section.get("retries", whole(1, 1000), 3),
    )


def within(low: float, high: float) -> Reader[float]:
    """Read a duration within limits, in seconds."""

    def read(value: Value) -> float:
        found = parsed(duration_s)(value)
        if not low <= found <= high:
            raise RefusedError(f"must be {low:g}s to {high:g}s, not {short(text(value))}")
        return found

    return read


def _test(value: Value) -> tuple[str, ...]:
    if value.is_scalar:
        return ("CMD-SHELL", word(value))
    command = listed(text)(value)
    form = command[0] if command else ""
    if form == "NONE" and len(command) == 1:
        return _NONE
    if form == "CMD" and len(command) > 1:
        return command
    if form == "CMD-SHELL" and len(command) == 2:
        return command
    raise RefusedError('must be a text, ["CMD", program, ...], ["CMD-SHELL", text] or ["NONE"]')
