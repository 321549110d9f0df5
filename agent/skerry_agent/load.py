"""Measures what a heartbeat says: how busy the box is and what is left of it.

Called every few seconds for years, so it opens few files: which sensors and file systems there are
is known from the last look at the hardware, and only now and then looked up here. What the box does
not tell is None. A sick sensor and a dead disk can block who reads them for ever: so they are read
under a guard.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from skerry_agent.guard import Done, Guard
from skerry_agent.host import Host
from skerry_agent.probes import sensors, storage
from skerry_agent.probes.kernel_text import number, pairs, size
from skerry_agent.probes.sensors import Place
from skerry_wire.frozen import frozen
from skerry_wire.hardware import Filesystem, Hardware

MOST_READ = 16
"""Sensors of one kind that a heartbeat reads."""

MOST_FILESYSTEMS = 16
LOOK_AGAIN = 100
"""After so many samples the sensors are listed again: not every one is announced when it comes."""

LIMIT_S = 0.5
"""How long one sensor or file system may take: who asks has other things to do."""

SAMPLES = "samples"
PLAUSIBLE_C = (-60.0, 200.0)
"""Sensors that are not connected report values far outside."""


@frozen(kw_only=True)
class Load:
    """What the box is doing now. `cpu_percent` is the mean since the sample before."""

    uptime_s: int
    cpu_percent: float | None = None
    load_1m: float | None = None
    memory_available_bytes: int | None = None
    storage_available_bytes: int | None = None
    temperature_c: float | None = None
    battery_percent: float | None = None
    on_battery: bool | None = None
    power_w: float | None = None
    filesystems_available_bytes: Mapping[str, int] | None = None


@frozen()
class Readings:
    """What stands beside a capability while the box runs.

    `available_bytes` is by mount point; `sensors` are in the order of the capability's: C, W, %,
    and 1 or 0 for mains that are there or not.
    """

    available_bytes: Mapping[str, int]
    sensors: tuple[float | None, ...]


def guard() -> Guard:
    """Return what keeps samples from hanging. It is to be used for one sample after another."""
    return Guard(LIMIT_S, whole_s=2 * LIMIT_S)


def sample(host: Host, folder: str = "/", under: Guard | None = None) -> Load:
    """Return the load; storage is that of the file system that holds `folder`. Raises nothing.

    The first call on a running host has nothing to compare the processors' times with: None.
    `under` is the guard of the samples before, which knows what hangs.
    """
    space = host.space(folder)
    return Load(
        uptime_s=_uptime_s(host),
        cpu_percent=_cpu_percent(host),
        load_1m=_load_1m(host.text("/proc/loadavg")),
        memory_available_bytes=_available(host.text("/proc/meminfo")),
        storage_available_bytes=None if space is None else space.available_bytes,
        **_of_sensors(host, _places(host), under or guard()),
        filesystems_available_bytes=_available_bytes(host, _others(host, folder), under) or None,
    )


def _of_sensors(host: Host, places: tuple[Place, ...], under: Guard) -> dict[str, Any]:
    if not places:
        return {}
    looks: dict[str, Callable[[Host, tuple[Place, ...]], float | bool | None]] = {
        "temperature_c": _hottest,
        "battery_percent": _emptiest,
        "on_battery": _on_battery,
        "power_w": _most_power,
    }
    calls = [(name, functools.partial(look, host, places)) for name, look in looks.items()]
    ended = zip(looks, under.run(calls), strict=True)
    return {name: one.value for name, one in ended if isinstance(one, Done)}


def readings(host: Host, hardware: Hardware) -> Readings:
    """Return what the sensors and file systems of a capability say now; nothing of a recording."""
    if not host.is_live:
        return Readings({}, ())
    available = _available_bytes(host, hardware.filesystems)
    (ended,) = guard().run([("sensors", lambda: _all_values(host, hardware))])
    return Readings(available, ended.value if isinstance(ended, Done) else ())


def _all_values(host: Host, hardware: Hardware) -> tuple[float | None, ...]:
    places = sensors.places(sensors.read(host))
    if tuple(place.sensor for place in places) != hardware.sensors:
        return ()
    return tuple(_value(host, place) for place in places)


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


def _places(host: Host) -> tuple[Place, ...]:
    """Return the sensors of the last look, and look again where it is long ago."""
    taken = host.remembered(SAMPLES)
    count = taken if isinstance(taken, int) else 0
    host.remember(SAMPLES, (count + 1) % LOOK_AGAIN)
    known = host.remembered(sensors.LISTED)
    if isinstance(known, tuple) and count:
        return known
    return sensors.places(sensors.read(host))


def _of_kind(places: tuple[Place, ...], kind: str) -> tuple[Place, ...]:
    return tuple(place for place in places if place.sensor.kind == kind)[:MOST_READ]


def _value(host: Host, place: Place) -> float | None:
    value = number(host.text(place.path))
    return None if value is None else round(value * place.scale, 6)


def _hottest(host: Host, places: tuple[Place, ...]) -> float | None:
    """Return the highest temperature: of the kernel's zones, else of the chips."""
    found = [place for place in places if place.sensor.kind == "temperature"]
    for group in (
        [place for place in found if place.sensor.chip is None],
        [place for place in found if place.sensor.chip is not None],
    ):
        hottest = _highest(_value(host, place) for place in group[:MOST_READ])
        if hottest is not None:
            return hottest
    return None


def _highest(degrees: Iterable[float | None]) -> float | None:
    low, high = PLAUSIBLE_C
    return max((c for c in degrees if c is not None and low < c < high and c != 0), default=None)


def _emptiest(host: Host, places: tuple[Place, ...]) -> float | None:
    found = (_value(host, place) for place in _of_kind(places, "battery"))
    return min((p for p in found if p is not None and 0 <= p <= 100), default=None)


def _on_battery(host: Host, places: tuple[Place, ...]) -> bool | None:
    """Return whether batteries feed the box, None where it has none or does not say."""
    batteries = _of_kind(places, "battery")
    if not batteries:
        return None
    mains = [_value(host, place) for place in _of_kind(places, "mains")]
    if any(mains):
        return False
    states = [host.text(f"{place.path.rpartition('/')[0]}/status") for place in batteries]
    if "Discharging" in states:
        return True
    # A full battery beside mains that are away is about to be used.
    return None if all(state in (None, "Unknown") for state in states) else 0 in mains


def _most_power(host: Host, places: tuple[Place, ...]) -> float | None:
    found = (_value(host, place) for place in _of_kind(places, "power"))
    return max((w for w in found if w is not None and 0 <= w <= 1e6), default=None)


def _others(host: Host, folder: str) -> list[Filesystem]:
    """Return the file systems other than the one that holds the folder."""
    known = host.remembered(storage.MOUNTED)
    entries: tuple[Filesystem, ...] = known if isinstance(known, tuple) else ()
    place = host.target(folder) or folder
    around = [e.mount for e in entries if _holds(e.mount, place)]
    own = max(around, key=len, default=None)
    return [e for e in entries if e.mount != own][:MOST_FILESYSTEMS]


def _holds(mount: str, place: str) -> bool:
    return f"{place}/".startswith(mount if mount.endswith("/") else f"{mount}/")


def _available_bytes(
    host: Host, entries: Iterable[Filesystem], under: Guard | None = None
) -> Mapping[str, int]:
    """Return what is free by mount point, without those file systems that do not say."""
    calls = [(e.mount, functools.partial(storage.space_of, host, e)) for e in entries]
    if not calls:
        return {}
    ended = zip(calls, (under or guard()).run(calls), strict=True)
    spaces = ((mount, one.value) for (mount, _), one in ended if isinstance(one, Done))
    return {mount: space.available_bytes for mount, space in spaces if space is not None}
