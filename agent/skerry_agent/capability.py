"""Runs the probes and puts what they find together into one stable `Hardware`.

Equal hardware gives equal bytes: everything is sorted, and nothing volatile or timed is in it.
A probe that fails is recorded as failed and keeps no other from its work.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

from skerry_agent import labels
from skerry_agent.host import Host
from skerry_agent.probes.kernel_text import line, short
from skerry_agent.probes.result import Absent, Failed, Found, Probe
from skerry_agent.probes.table import PROBES
from skerry_wire import codec
from skerry_wire.hardware import Hardware, ProbeStatus

SLOW_PROBE = "cpuinfo"


@dataclasses.dataclass(frozen=True, slots=True)
class SlowValues:
    """What only a slow look finds out: the processor's name and instruction sets."""

    brand: str | None = None
    flags: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Collected:
    """What the quick probes found, and how many milliseconds each took."""

    hardware: Hardware
    timings_ms: Mapping[str, float]


def collect(
    host: Host,
    previous: Hardware | None = None,
    *,
    operator_labels: Mapping[str, str] | None = None,
    probes: tuple[Probe[Any, Any], ...] = PROBES,
    clock_s: Callable[[], float] = time.perf_counter,
) -> Collected:
    """Run all quick probes and return what they found. Raises nothing.

    Where a probe fails, what `previous` holds of its class is kept; its status says failed.
    """
    host = host.afresh()
    fields: dict[str, Any] = {}
    statuses: dict[str, ProbeStatus] = {}
    timings: dict[str, float] = {}
    for probe in probes:
        started_s = clock_s()
        result = _outcome(probe, host)
        if isinstance(result, Found):
            values = result.value if len(probe.fields) > 1 else (result.value,)
            fields.update(zip(probe.fields, values, strict=True))
        elif isinstance(result, Failed) and previous is not None:
            fields.update((name, getattr(previous, name)) for name in probe.fields)
        statuses[probe.name] = _status(result)
        timings[probe.name] = (clock_s() - started_s) * 1000
    hardware = Hardware(**fields, probes=statuses)
    return Collected(labelled(hardware, operator_labels or {}), timings)


def _outcome(probe: Probe[Any, Any], host: Host) -> Found[Any] | Absent | Failed:
    try:
        return probe.parse(probe.read(host))
    except Exception as error:  # noqa: BLE001 - one probe never silences another
        return Failed(f"{type(error).__name__}: {error}")


def _status(result: Found[Any] | Absent | Failed) -> ProbeStatus:
    if isinstance(result, Found):
        return ProbeStatus(status="found")
    status = ProbeStatus(status="absent" if isinstance(result, Absent) else "failed")
    return dataclasses.replace(status, reason=line(result.reason, 300))


def labelled(hardware: Hardware, operator_labels: Mapping[str, str]) -> Hardware:
    """Return the hardware with its labels worked out; an operator's label overrides."""
    return dataclasses.replace(hardware, labels=labels.labels(hardware, operator_labels))


def merge_slow(hardware: Hardware, slow: Found[SlowValues] | Failed) -> Hardware:
    """Return the hardware with what the slow look found, its labels brought up to date.

    On parts with several kinds of core the slow look saw one of them only: its flags are then
    taken only where the quick look found none.
    """
    statuses = {**hardware.probes, SLOW_PROBE: _status(slow)}
    if isinstance(slow, Failed):
        return dataclasses.replace(hardware, probes=statuses)
    derived = labels.labels(hardware, {})
    given = {key: text for key, text in hardware.labels.items() if derived.get(key) != text}
    cpu = hardware.cpu
    flags = {name for name in map(short, slow.value.flags) if name}
    if cpu.flags:
        flags = set(cpu.flags) if len(cpu.kinds) > 1 else flags | set(cpu.flags)
    cpu = dataclasses.replace(
        cpu, model=short(slow.value.brand) or cpu.model, flags=tuple(sorted(flags))[:1024]
    )
    return labelled(dataclasses.replace(hardware, cpu=cpu, probes=statuses), given)


def revision_of(hardware: Hardware) -> str:
    """Return the digest that tells this hardware from any other."""
    return codec.revision_of(hardware)
