"""What measures the box itself: temperatures, power, batteries, mains.

Only names are told here: what is measured is volatile and stands in heartbeats, whose sampler gets
the files to read from `places`. No value is read in a probe, because a chip behind a slow bus takes
its time. Batteries of mice and keyboards are not the box's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal

from skerry_agent.host import Host, Unreadable
from skerry_agent.probes.kernel_text import short, unaddressed
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.frozen import frozen
from skerry_wire.hardware import Sensor

THERMAL = "/sys/class/thermal"
HWMON = "/sys/class/hwmon"
POWER_SUPPLY = "/sys/class/power_supply"
MOST = 256
LISTED: Final = "sensors"
"""The key under which the host remembers the places of the last look."""

KIND_OF_SUPPLY: dict[str, Literal["battery", "mains"]] = {
    "Battery": "battery",
    "UPS": "battery",
    "Mains": "mains",
    "USB": "mains",
}
OF_A_PERIPHERAL = "Device"
_ZONE = re.compile(r"thermal_zone[0-9]{1,6}\Z")
_CHIP = re.compile(r"hwmon[0-9]{1,6}\Z")
_VALUE = re.compile(r"((temp|power)[0-9]{1,6})_(input|average)\Z")
_SHOWN_ELSEWHERE = re.compile(r"/(?:thermal_zone[0-9]+|power_supply/[^/]+)/hwmon[0-9]+\Z")
"""Thermal zones and power supplies show themselves as chips a second time."""

_MICRO, _MILLI = 1e-6, 1e-3


@frozen()
class Place:
    """A sensor and where its value is read: the text there times `scale` is C, W, % or 0 and 1."""

    sensor: Sensor
    path: str
    scale: float


@frozen()
class RawChip:
    """One chip: its folder, its device's name, and its values' files with their labels."""

    folder: str
    name: str | None
    device: str | None
    values: tuple[tuple[str, str | None], ...]


@frozen()
class RawSupply:
    """One power supply."""

    name: str
    type: str | None
    scope: str | None


@frozen()
class RawSensors:
    """Everything that measures. `trouble` says what could not be listed."""

    zones: tuple[tuple[str, str | None], ...]
    chips: tuple[RawChip, ...]
    supplies: tuple[RawSupply, ...]
    trouble: tuple[str, ...]


def read(host: Host) -> RawSensors:
    """Collect the texts; the host remembers where the values are."""
    trouble: list[str] = []
    zones = [n for n in _listed(host, THERMAL, trouble) if _ZONE.match(n)]
    chips = [n for n in _listed(host, HWMON, trouble) if _CHIP.match(n)]
    supplies = _listed(host, POWER_SUPPLY, trouble)
    raw = RawSensors(
        zones=tuple((n, host.text(f"{THERMAL}/{n}/type")) for n in zones[:MOST]),
        chips=_read_chips(host, chips),
        supplies=tuple(_read_supply(host, name) for name in supplies[:MOST]),
        trouble=tuple(trouble),
    )
    host.remember(LISTED, places(raw))
    return raw


def _listed(host: Host, folder: str, trouble: list[str]) -> tuple[str, ...]:
    names = host.names(folder)
    if isinstance(names, tuple):
        return names
    if isinstance(names, Unreadable):
        trouble.append(f"{folder} {names.reason}")
    return ()


def _read_chips(host: Host, names: list[str]) -> tuple[RawChip, ...]:
    found: list[RawChip] = []
    left = MOST
    for name in names[:MOST]:
        chip = _read_chip(host, name, left)
        left -= len(chip.values)
        if chip.values:
            found.append(chip)
    return tuple(found)


def _read_chip(host: Host, chip: str, most: int) -> RawChip:
    folder = f"{HWMON}/{chip}"
    place = host.target(folder) or folder
    if _SHOWN_ELSEWHERE.search(place):
        return RawChip(folder, None, None, ())
    name = host.text(f"{folder}/name")
    if name is None:  # before Linux 3.15 the files were in the device's own folder
        folder = f"{folder}/device"
        name = host.text(f"{folder}/name")
    values: dict[str, tuple[str, str | None]] = {}
    for file in host.entries(folder):
        match = _VALUE.match(file)
        if match and (match[2], match[3]) != ("temp", "average") and len(values) < most:
            values.setdefault(match[1], (file, host.text(f"{folder}/{match[1]}_label")))
    device = host.link(f"{HWMON}/{chip}/device")
    return RawChip(folder, name, device, tuple(values.values()))


def _read_supply(host: Host, name: str) -> RawSupply:
    folder = f"{POWER_SUPPLY}/{name}"
    return RawSupply(name, host.text(f"{folder}/type"), host.text(f"{folder}/scope"))


def parse(raw: RawSensors) -> Found[tuple[Sensor, ...]] | Absent | Failed:
    """Understand the texts."""
    found = tuple(place.sensor for place in places(raw))
    if found:
        return Found(found)
    if raw.trouble:
        return Failed("; ".join(raw.trouble))
    return Absent(f"neither {THERMAL} nor {HWMON} nor {POWER_SUPPLY} lists a sensor")


def places(raw: RawSensors) -> tuple[Place, ...]:
    """Return the sensors, sorted by what they are, and where each is read."""
    found = [*_of_zones(raw), *_of_chips(raw), *_of_supplies(raw)]
    return tuple(sorted(found, key=_order)[:MOST])


def _order(place: Place) -> tuple[str, str, str, str]:
    sensor = place.sensor
    return sensor.kind, sensor.chip or "", sensor.name, place.path


def _of_zones(raw: RawSensors) -> Iterable[Place]:
    for zone, type_ in raw.zones:
        name = unaddressed(type_) or zone
        sensor = Sensor(kind="temperature", name=name)
        yield Place(sensor, f"{THERMAL}/{zone}/temp", _MILLI)


def _of_chips(raw: RawSensors) -> Iterable[Place]:
    kinds: dict[str, tuple[Literal["temperature", "power"], float]] = {
        "temp": ("temperature", _MILLI),
        "power": ("power", _MICRO),
    }
    named = Counter(chip.name for chip in raw.chips)
    for chip in raw.chips:
        # The number in hwmon3 is another after the next boot: a device's name stays.
        name = unaddressed(chip.name)
        if named[chip.name] > 1 and chip.device:
            name = short(f"{name or ''} {unaddressed(chip.device) or ''}")
        for file, label in chip.values:
            stem = file.partition("_")[0]
            kind, scale = kinds[stem.rstrip("0123456789")]
            sensor = Sensor(kind=kind, name=unaddressed(label) or stem, chip=name)
            yield Place(sensor, f"{chip.folder}/{file}", scale)


def _of_supplies(raw: RawSensors) -> Iterable[Place]:
    for supply in raw.supplies:
        kind = KIND_OF_SUPPLY.get(supply.type or "")
        name = unaddressed(supply.name)
        if kind is None or name is None or supply.scope == OF_A_PERIPHERAL:
            continue
        value = "capacity" if kind == "battery" else "online"
        yield Place(Sensor(kind=kind, name=name), f"{POWER_SUPPLY}/{supply.name}/{value}", 1.0)
