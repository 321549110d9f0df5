"""Measures what a heartbeat says: how busy the box is and what is left of it.

Called every few seconds for years, so it opens few files. What the box does not tell is None.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable

from skerry_agent.host import Host
from skerry_agent.probes.kernel_text import number, pairs, size

MAX_SENSORS = 64
PLAUSIBLE_C = (-60.0, 200.0)
"""Sensors that are not connected report values far outside."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What the box is doing now. `cpu_percent` is the mean since the sample before."""

    uptime_s: int
    cpu_percent: float | None = None
    load_1m: float | None = None
    memory_available_bytes: int | None = None
    storage_available_bytes: int | None = None
    temperature_c: float | None = None


def sample(host: Host, folder: str = "/") -> Load:
    """Return the load; storage is that of the file system that holds `folder`. Raises nothing.

    The first call on a running host has nothing to compare the processors' times with: None.
    """
    space = host.space(folder)
    return Load(
        uptime_s=_uptime_s(host),
        cpu_percent=_cpu_percent(host),
        load_1m=_load_1m(host.text("/proc/loadavg")),
        memory_available_bytes=_available(host.text("/proc/meminfo")),
        storage_available_bytes=None if space is None else space.available_bytes,
        temperature_c=_hottest(_temperatures(host)),
    )


def _uptime_s(host: Host) -> int:
    """Return seconds since the boot, time asleep included."""
    if host.is_live:
        return int(time.clock_gettime(time.CLOCK_BOOTTIME))
    whole = number((host.text("/proc/uptime") or "").partition(".")[0])
    return max(0, whole or 0)


def _cpu_percent(host: Host) -> float | None:
    if not host.is_live:
        return None
    import psutil  # noqa: PLC0415 - recorded boxes and the tests of others do without

    before = host.remembered("cpu_percent")
    host.remember("cpu_percent", True)
    try:
        percent = psutil.cpu_percent(None)
    except (OSError, RuntimeError, ValueError, IndexError):
        return None
    return None if before is None else min(100.0, max(0.0, float(percent)))


def _load_1m(text: str | None) -> float | None:
    try:
        value = float((text or "").split(" ", 1)[0])
    except ValueError:
        return None
    return value if 0 <= value <= 1e6 else None


def _available(meminfo: str | None) -> int | None:
    table = pairs(meminfo, ":")
    # MemAvailable came with Linux 3.14; before it, free memory is the honest lower limit.
    return size(table.get("MemAvailable") or table.get("MemFree"))


def _temperatures(host: Host) -> Iterable[str | None]:
    zones = [n for n in host.entries("/sys/class/thermal") if n.startswith("thermal_zone")]
    for name in zones[:MAX_SENSORS]:
        yield host.text(f"/sys/class/thermal/{name}/temp")
    if zones:
        return
    for name in host.entries("/sys/class/hwmon")[:MAX_SENSORS]:
        folder = f"/sys/class/hwmon/{name}"
        for sensor in host.entries(folder):
            if sensor.startswith("temp") and sensor.endswith("_input"):
                yield host.text(f"{folder}/{sensor}")


def _hottest(texts: Iterable[str | None]) -> float | None:
    low, high = PLAUSIBLE_C
    degrees = [value / 1000 for value in map(number, texts) if value is not None]
    return max((value for value in degrees if low < value < high and value != 0), default=None)
