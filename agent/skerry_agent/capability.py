"""Runs the probes and puts what they find together into one stable `Hardware`.

Equal hardware gives equal bytes: everything is sorted, and nothing volatile or timed is in it.
A probe that fails or hangs is recorded as failed and keeps no other from its work; what it found
before is kept, with the time when it was read.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping
from typing import Any

from skerry_agent import labels
from skerry_agent.guard import Broken, Guard
from skerry_agent.host import Host
from skerry_agent.probes.kernel_text import line, short
from skerry_agent.probes.result import Absent, Failed, Found, Probe
from skerry_agent.probes.table import PROBES
from skerry_wire import codec
from skerry_wire.errors import WireError
from skerry_wire.frozen import frozen
from skerry_wire.hardware import Accelerator, Hardware, ProbeStatus

RECORDED_LIMIT_S = 20.0
"""For one probe of a recorded box, where nothing hangs, though the disk may be slow."""


@frozen()
class CpuinfoValues:
    """What py-cpuinfo finds out: the processor's name and instruction sets."""

    brand: str | None = None
    flags: tuple[str, ...] = ()


@frozen()
class NvmlGpu:
    """One GPU as NVIDIA's management library knows it; `address` is that of its PCI function."""

    address: str
    name: str | None = None
    memory_bytes: int | None = None
    partitions: tuple[str, ...] = ()


@frozen()
class NvmlValues:
    """What NVIDIA's management library tells. `lost`: why a GPU that it knows does not answer."""

    driver_version: str | None = None
    gpus: tuple[NvmlGpu, ...] = ()
    lost: str | None = None


SlowValues = CpuinfoValues | NvmlValues


@frozen()
class SlowAnswer:
    """How a slow look went, and the newest values that are known: also of an earlier look."""

    status: ProbeStatus
    values: SlowValues | None = None


@frozen()
class Collected:
    """What the quick probes found, how many milliseconds each took, and when that was."""

    hardware: Hardware
    timings_ms: Mapping[str, float]
    read_at: float = 0.0


def collect(
    host: Host,
    previous: Collected | None = None,
    *,
    operator_labels: Mapping[str, str] | None = None,
    probes: tuple[Probe[Any, Any], ...] = PROBES,
    guard: Guard | None = None,
    clock_s: Callable[[], float] = time.time,
) -> Collected:
    """Run all quick probes and return what they found. Raises nothing.

    Where a probe fails, what `previous` holds of its class is kept; its status says failed, and
    since when the value is old. A `guard` that is used again knows which probes still hang.
    `clock_s` is the box's own clock, in seconds since 1970.
    """
    host = host.afresh()
    guard = guard or guard_for(host)
    fields: dict[str, Any] = {}
    statuses: dict[str, ProbeStatus] = {}
    timings: dict[str, float] = {}
    calls = [(probe.name, functools.partial(_outcome, probe, host)) for probe in probes]
    for probe, ended in zip(probes, guard.run(calls), strict=True):
        outcome = Failed(ended.reason) if isinstance(ended, Broken) else ended.value
        status = _status(outcome)
        if isinstance(outcome, Found):
            fields.update(outcome.value)
        elif isinstance(outcome, Failed) and previous is not None:
            fields.update((name, getattr(previous.hardware, name)) for name in probe.fields)
            kept_from = _kept_from(previous, probe.name)
            status = dataclasses.replace(status, kept_from=kept_from)
        statuses[probe.name] = status
        timings[probe.name] = ended.took_s * 1000
    hardware = Hardware(**fields, probes=statuses)
    return Collected(labelled(hardware, operator_labels or {}), timings, clock_s())


def guard_for(host: Host, on_late: Callable[[str], None] | None = None) -> Guard:
    """Return a guard with the limits for this host; `on_late` is told what has an answer now."""
    if host.is_live:
        return Guard(on_late=on_late)
    return Guard(RECORDED_LIMIT_S, whole_s=3 * RECORDED_LIMIT_S, on_late=on_late)


def _outcome(probe: Probe[Any, Any], host: Host) -> Found[dict[str, Any]] | Absent | Failed:
    """Return the fields of `Hardware` that a probe fills. Raises whatever the probe does."""
    result = probe.parse(probe.read(host))
    if not isinstance(result, Found):
        return result
    values = result.value if len(probe.fields) > 1 else (result.value,)
    fields = dict(zip(probe.fields, values, strict=True))
    try:
        # One value that the hub would refuse would take all others with it.
        codec.from_plain(Hardware, codec.to_plain(Hardware(**fields)))
    except WireError as error:
        return Failed(f"found what no message can hold: {error}")
    return Found(fields, result.reason)


def _status(result: Found[Any] | Absent | Failed) -> ProbeStatus:
    if isinstance(result, Found):
        return ProbeStatus(status="found", reason=line(result.reason, 300))
    status = ProbeStatus(status="absent" if isinstance(result, Absent) else "failed")
    return dataclasses.replace(status, reason=line(result.reason, 300))


def _kept_from(previous: Collected, name: str) -> float | None:
    """Return when the value was read that `previous` holds of a probe, None when it never was."""
    before = previous.hardware.probes.get(name)
    if before is None:
        return None
    return before.kept_from if before.status == "failed" else previous.read_at


def labelled(hardware: Hardware, operator_labels: Mapping[str, str]) -> Hardware:
    """Return the hardware with its labels worked out; an operator's label overrides."""
    return dataclasses.replace(hardware, labels=labels.labels(hardware, operator_labels))


def merge_slow(hardware: Hardware, slow: Mapping[str, SlowAnswer]) -> Hardware:
    """Return the hardware with what slow looks found, by name; its labels brought up to date."""
    derived = labels.labels(hardware, {})
    given = {key: text for key, text in hardware.labels.items() if derived.get(key) != text}
    statuses = dict(hardware.probes)
    for name, answer in slow.items():
        statuses[name] = answer.status
        if isinstance(answer.values, CpuinfoValues):
            hardware = _with_cpuinfo(hardware, answer.values)
        elif isinstance(answer.values, NvmlValues):
            hardware = _with_nvml(hardware, answer.values)
    return labelled(dataclasses.replace(hardware, probes=statuses), given)


def _with_cpuinfo(hardware: Hardware, told: CpuinfoValues) -> Hardware:
    """Complete the processor.

    Its flags are taken only where the kernel tells none. py-cpuinfo adds what it reads out of
    CPUID itself, and reads some bits of leaf 0x80000001 in the wrong register: it says 3dnowext of
    processors that never had it. It also sees one kind of core only.
    """
    cpu = hardware.cpu
    flags = cpu.flags or tuple(sorted({name for name in map(short, told.flags) if name}))
    model = short(told.brand) or cpu.model
    cpu = dataclasses.replace(cpu, model=model, flags=flags[:1024])
    return dataclasses.replace(hardware, cpu=cpu)


def _with_nvml(hardware: Hardware, told: NvmlValues) -> Hardware:
    """Complete the accelerators that NVIDIA's driver holds."""
    gpus = {gpu.address: gpu for gpu in told.gpus}
    accelerators = tuple(
        _with_gpu(one, gpus.get(one.address), told)
        if one.bus == "pci" and one.driver == "nvidia"
        else one
        for one in hardware.accelerators
    )
    return dataclasses.replace(hardware, accelerators=accelerators)


def _with_gpu(one: Accelerator, gpu: NvmlGpu | None, told: NvmlValues) -> Accelerator:
    one = dataclasses.replace(one, driver_version=short(told.driver_version))
    if gpu is None:
        lost = line(told.lost, 300)
        return dataclasses.replace(one, usable=False, reason=lost) if lost else one
    return dataclasses.replace(
        one,
        model=short(gpu.name) or one.model,
        # What is known already is a part without memory of its own.
        memory_bytes=gpu.memory_bytes if one.memory_bytes is None else one.memory_bytes,
        partitions=tuple(filter(None, map(short, gpu.partitions)))[:64],
    )


def revision_of(hardware: Hardware) -> str:
    """Return the digest that tells this hardware from any other."""
    return codec.revision_of(hardware)
