"""GPIO controllers.

The same controllers show up twice: as character devices (`/dev/gpiochip0`, since Linux 4.8), and
in the older class of sysfs, there numbered by their first line (`gpiochip512`) or, since 6.17, by
the character device's number (`chip0`). Only the class tells label and number of lines. No chip is
opened.
"""

from __future__ import annotations

import re

from skerry_agent.host import Host, Unreadable
from skerry_agent.probes.kernel_text import count, short
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.frozen import frozen
from skerry_wire.hardware import GpioChip

BUS = "/sys/bus/gpio/devices"
CLASS = "/sys/class/gpio"
MOST_CHIPS = 128
_CHIP = re.compile(r"gpiochip([0-9]{1,6})\Z")
_IN_CLASS = re.compile(r"(?:gpio)?chip[0-9]{1,6}\Z")


@frozen()
class RawChip:
    """One entry. `place` is the path of the device that it belongs to."""

    name: str
    place: str
    in_class: bool
    label: str | None = None
    lines: str | None = None


@frozen()
class RawChips:
    """Entries of the bus and of the class. `trouble` says why the bus could not be listed."""

    chips: tuple[RawChip, ...]
    trouble: str | None


def read(host: Host) -> RawChips:
    """Collect the texts."""
    found: dict[str, RawChip] = {}
    listed = host.names(BUS)
    for folder, names in ((BUS, listed), (CLASS, host.names(CLASS))):
        for name in names if isinstance(names, tuple) else ():
            place = host.target(f"{folder}/{name}") if _IN_CLASS.match(name) else None
            if place is not None and len(found) < 2 * MOST_CHIPS:
                found.setdefault(place, _read_chip(host, name, place))
    trouble = listed.reason if isinstance(listed, Unreadable) else None
    return RawChips(tuple(found[place] for place in sorted(found)), trouble)


def _read_chip(host: Host, name: str, place: str) -> RawChip:
    # The class keeps its entries in a folder of its own below the controller.
    above = place.rpartition("/")[0]
    in_class = above.endswith("/gpio")
    return RawChip(
        name=name,
        place=above.removesuffix("/gpio") if above != "/sys/devices/virtual/gpio" else place,
        in_class=in_class,
        label=host.text(f"{place}/label") if in_class else None,
        lines=host.text(f"{place}/ngpio") if in_class else None,
    )


def parse(raw: RawChips) -> Found[tuple[GpioChip, ...]] | Absent | Failed:
    """Understand the texts."""
    places: dict[str, list[RawChip]] = {}
    for chip in raw.chips:
        places.setdefault(chip.place, []).append(chip)
    chips = [chip for entries in places.values() for chip in _of_one_device(entries)]
    if not chips and raw.trouble is not None:
        return Failed(f"{BUS} {raw.trouble}")
    if not chips:
        return Absent(f"neither {BUS} nor {CLASS} lists a chip")
    return Found(
        tuple(sorted(chips, key=lambda chip: (_number(chip.name), chip.path)))[:MOST_CHIPS]
    )


def _of_one_device(entries: list[RawChip]) -> list[GpioChip]:
    devices = [entry for entry in entries if not entry.in_class and _CHIP.match(entry.name)]
    if not devices:
        by_base = [e for e in entries if _CHIP.match(e.name)]
        return [_chip(entry, f"{CLASS}/{entry.name}", entry) for entry in by_base]
    return [_chip(e, f"/dev/{e.name}", _told_of(e, entries, len(devices))) for e in devices]


def _told_of(device: RawChip, entries: list[RawChip], devices: int) -> RawChip | None:
    """Return what the class says of a character device.

    By its number; else by the only entry of a device that has only one: which of several entries
    belongs to which of several chips is not told.
    """
    in_class = [entry for entry in entries if entry.in_class]
    same = next((e for e in in_class if f"gpio{e.name}" == device.name), None)
    if same is not None:
        return same
    by_base = [entry for entry in in_class if _CHIP.match(entry.name)]
    return by_base[0] if devices == 1 and len(by_base) == 1 else None


def _chip(raw: RawChip, path: str, told: RawChip | None) -> GpioChip:
    return GpioChip(
        name=raw.name,
        path=path,
        label=None if told is None else short(told.label),
        line_count=None if told is None else count(told.lines),
    )


def _number(name: str) -> int:
    match = _CHIP.match(name)
    return int(match[1]) if match else 0
