"""Health checks. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from skerry_hub.workloads.keys import HEALTH
from skerry_hub.workloads.lifecycle_keys import HTTP_PROBE, TCP_PROBE
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.reading import (
    Reader,
    Section,
    Value,
    boolean,
    choice,
    listed,
    parsed,
    text,
    whole,
    word,
)
from skerry_hub.workloads.units import duration_s
from skerry_wire.lifecycle import HttpProbe, TcpProbe
from skerry_wire.workload import HealthCheck

MAX_S = 86400
_NONE = ("NONE",)
_SCHEMES: Mapping[str, Literal["http", "https"]] = {"http": "http", "https": "https"}


def health(value: Value) -> HealthCheck:
    """Read a health check; `NONE` as its command switches the image's own off."""
    section = Section(value, HEALTH)
    disable = section.get("disable", boolean, default=False)
    test = section.get("test", _test, None)
    http = section.get("x-http", _http, None)
    tcp = section.get("x-tcp", _tcp, None)
    given = [key for key in ("test", "x-http", "x-tcp") if key in section]
    if not given and not disable:
        raise RefusedError("is missing", f"{value.field}.test")
    for key in given[1:]:
        section.refuse(key, f"cannot stand beside {given[0]}: a container has one check")
    probed = not disable and (http is not None or tcp is not None)
    return HealthCheck(
        command=() if probed else _NONE if disable or test is None else test,
        http=http if probed else None,
        tcp=tcp if probed else None,
        interval_s=section.get("interval", within(0.1, MAX_S), 30.0),
        timeout_s=section.get("timeout", within(0.1, MAX_S), 30.0),
        start_period_s=section.get("start_period", within(0, MAX_S), 0.0),
        retries=section.get("retries", whole(1, 1000), 3),
    )


def _http(value: Value) -> HttpProbe:
    section = Section(value, HTTP_PROBE)
    return HttpProbe(
        port=section.need("port", whole(1, 65535), 1),
        path=section.get("path", parsed(_path), "/"),
        scheme=section.get("scheme", choice(_SCHEMES), "http"),
    )


def _path(written: str) -> str:
    if not written.startswith("/") or len(written) > 1024 or not written.isprintable():
        raise RefusedError(f"{short(written)} is not a path like /ready")
    if " " in written:
        raise RefusedError(f"{short(written)} has a space in it: write %20")
    return written


def _tcp(value: Value) -> TcpProbe:
    return TcpProbe(port=Section(value, TCP_PROBE).need("port", whole(1, 65535), 1))


def within(low: float, high: float) -> Reader[float]:
    """Read a duration within limits, in seconds."""

    def read(value: Value) -> float:
        found = parsed(duration_s)(value)
        if not low <= found <= high:
            raise RefusedError(f"must be {low:.10g}s to {high:.10g}s, not {short(text(value))}")
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
