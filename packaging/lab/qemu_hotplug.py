"""Plugs and unplugs devices for real, and compares what the agent publishes with a fresh look.

Times are from the last kernel event that changes what is listed (a device added, removed or
renamed), as a listener of real-time priority in the guest gets it from the kernel, until the
capability that shows the end state arrived here from the broker. The guest is emulated: a real
box is many times faster.
"""

from __future__ import annotations

import dataclasses
import random
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from lab.processes import LabError
from lab.qemu import SLOTS, Qmp
from lab.qemu_box import QemuBox, differences
from skerry_agent.hotplug import DeviceNotice, concerns

SETTLE_S = 60.0
AGREE_S = 30.0
QUIET_S = 0.5
MOST_USB = 4
MOST_IN_BURST = 6
LISTING = frozenset({"add", "remove", "move"})
GOAL_S = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """One kind of device: how it is plugged in, and what list of a capability it stands in."""

    name: str
    lists: tuple[str, ...]
    on_usb: bool
    plug: Callable[[Qmp, str, str], None]
    unplugged: Callable[[Qmp, str], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Plugged:
    """A device that is in. `bus` is its slot, or USB."""

    id: str
    kind: Kind
    bus: str


def _disk(qmp: Qmp, name: str) -> None:
    qmp.do("blockdev-add", driver="null-co", **{"node-name": f"{name}-disk", "read-zeroes": True})


def _no_disk(qmp: Qmp, name: str) -> None:
    qmp.do("blockdev-del", **{"node-name": f"{name}-disk"})


def _usb_storage(qmp: Qmp, name: str, bus: str) -> None:
    _disk(qmp, name)
    more = {"drive": f"{name}-disk", "serial": f"LAB-{name}"}
    qmp.do("device_add", driver="usb-storage", id=name, bus=bus, **more)


def _usb_serial(qmp: Qmp, name: str, bus: str) -> None:
    qmp.do("chardev-add", id=f"{name}-end", backend={"type": "null", "data": {}})
    # Without `always-plugged` it would come and go with whoever holds its other end.
    more = {"chardev": f"{name}-end", "always-plugged": True}
    qmp.do("device_add", driver="usb-serial", id=name, bus=bus, **more)


def _no_chardev(qmp: Qmp, name: str) -> None:
    qmp.do("chardev-remove", id=f"{name}-end")


def _nvme(qmp: Qmp, name: str, bus: str) -> None:
    _disk(qmp, name)
    more = {"drive": f"{name}-disk", "serial": f"LAB-{name}"}
    qmp.do("device_add", driver="nvme", id=name, bus=bus, **more)


def _nic(driver: str) -> Callable[[Qmp, str, str], None]:
    def plug(qmp: Qmp, name: str, bus: str) -> None:
        qmp.do("netdev_add", type="hubport", id=f"{name}-net", hubid=1)
        mac = f"52:54:00:5c:e1:{sum(name.encode()) % 256:02x}"
        qmp.do("device_add", driver=driver, id=name, bus=bus, netdev=f"{name}-net", mac=mac)

    return plug


def _no_nic(qmp: Qmp, name: str) -> None:
    qmp.do("netdev_del", id=f"{name}-net")


KINDS = (
    Kind("USB storage", ("usb", "storage"), True, _usb_storage, _no_disk),
    Kind("USB serial", ("usb", "serial_ports"), True, _usb_serial, _no_chardev),
    Kind("NVMe", ("pci", "storage"), False, _nvme, _no_disk),
    Kind("NIC e1000e", ("pci", "nics"), False, _nic("e1000e"), _no_nic),
    Kind("NIC virtio", ("pci", "nics"), False, _nic("virtio-net-pci"), _no_nic),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One plugging or unplugging, of one device or a burst, and how the agent fared."""

    words: str
    is_burst: bool
    latency_s: float | None
    """None when nothing was published."""
    publications: int
    problems: tuple[str, ...]


class Hotplug:
    """The run: what is in, what is expected, what was measured."""

    def __init__(self, box: QemuBox, seed: int) -> None:
        """`seed` makes the choices the same again."""
        self._box = box
        self._qmp = box.machine.qmp
        self._choice = random.Random(seed)
        self._in: list[Plugged] = []
        self._number = 0
        self._settle()
        self._base = box.fresh()
        self._offset_s = box.clock_offset_s()

    def baseline(self) -> tuple[str, ...]:
        """Compare before anything is plugged: the unit's sandbox may hide nothing."""
        return tuple(differences(self._box.listener.heard[-1].hardware, self._base))

    def cycle(self, *, burst: bool, storm: bool = False) -> list[Step]:
        """Plug one device or several, look; then unplug some of what is in, and look.

        After a burst some are exchanged for others in one go. A `storm` has udev announce every
        device of the machine once more while the first are plugged.
        """
        if storm:
            self._box.machine.guest.run("udevadm", "trigger", "--action=change")
        count = self._choice.randint(2, MOST_IN_BURST) if burst else 1
        steps = [self._step("plug", coming=self._choices(count))]
        if burst:
            leaving = self._choice.sample(self._in, min(3, len(self._in)))
            steps.append(self._step("exchange", leaving, self._choices(len(leaving))))
        leaving = self._choice.sample(self._in, min(count, len(self._in)))
        return [*steps, self._step("unplug", leaving)]

    def _choices(self, count: int) -> list[Plugged]:
        return [one for _ in range(count) if (one := self._choose()) is not None]

    def _choose(self) -> Plugged | None:
        """Choose a kind and a free place, None when everything is full."""
        taken = [one.bus for one in self._in]
        slots = [f"slot{n}" for n in range(1, SLOTS + 1) if f"slot{n}" not in taken]
        usb_full = taken.count("usb.0") >= MOST_USB
        kinds = [kind for kind in KINDS if (not usb_full if kind.on_usb else slots)]
        if not kinds:
            return None
        kind = self._choice.choice(kinds)
        self._number += 1
        bus = "usb.0" if kind.on_usb else self._choice.choice(slots)
        chosen = Plugged(f"d{self._number}", kind, bus)
        self._in.append(chosen)
        return chosen

    def _step(
        self, verb: str, leaving: Sequence[Plugged] = (), coming: Sequence[Plugged] = ()
    ) -> Step:
        known = len(self._box.listener.heard)
        self._box.machine.guest.ask("announced")
        for one in leaving:
            self._qmp.do("device_del", id=one.id)
        for one in coming:
            one.kind.plug(self._qmp, one.id, one.bus)
        for one in leaving:
            self._qmp.wait_deleted(one.id)
            one.kind.unplugged(self._qmp, one.id)
            self._in.remove(one)
        self._settle()
        problems = self._disagreement()
        names = ", ".join(one.kind.name for one in (*leaving, *coming))
        return Step(
            f"{verb} {names}",
            is_burst=len(leaving) + len(coming) > 1,
            latency_s=self._latency_s(known),
            publications=len(self._box.listener.heard) - known,
            problems=tuple(problems),
        )

    def _settle(self) -> None:
        if not self._box.machine.guest.ask("settle", quiet_s=QUIET_S, most_s=SETTLE_S)["settled"]:
            raise LabError(f"the guest's kernel is not silent after {SETTLE_S:g} s")

    def _disagreement(self) -> list[str]:
        """Return how the agent's newest capability differs from a fresh look, once time is up."""
        deadline = time.monotonic() + AGREE_S
        while True:
            known = len(self._box.listener.heard)
            fresh = self._box.fresh()
            missing = self._unexpected(fresh)
            problems = differences(self._box.listener.heard[-1].hardware, fresh)
            if not problems and not missing:
                return []
            left_s = deadline - time.monotonic()
            if left_s < 0:
                return [*missing, *problems]
            self._box.listener.wait(known, min(1.0, left_s))

    def _unexpected(self, fresh: dict[str, Any]) -> list[str]:
        """Return where the guest itself does not show what was plugged in."""
        found = []
        for name in ("usb", "storage", "pci", "nics", "serial_ports"):
            wanted = len(self._base[name]) + sum(name in one.kind.lists for one in self._in)
            if len(fresh[name]) != wanted:
                found.append(f"{name}: the guest shows {len(fresh[name])}, {wanted} are in")
        return found

    def _latency_s(self, known: int) -> float | None:
        """Return the time from the last event that changes a list to the last publication."""
        told = self._box.machine.guest.ask("announced")["announced"]
        times: list[float] = [
            at_s
            for at_s, action, subsystem, path in told
            if action in LISTING and concerns(DeviceNotice(subsystem, action, path))
        ]
        published = self._box.listener.heard[known:]
        if not times or not published:
            return None
        return max(0.0, published[-1].at_s - (max(times) + self._offset_s))


def table(steps: Sequence[Step]) -> str:
    """Return what was measured, a line for each sort of step."""
    sorts: dict[str, list[Step]] = {}
    for step in steps:
        sorts.setdefault("in bursts" if step.is_burst else step.words, []).append(step)
    sorts["all"] = list(steps)
    rows = [f"{'':<20} {'times':>6} {'median':>8} {'90 %':>8} {'longest':>8} {'differ':>7}"]
    for name, some in sorted(sorts.items(), key=lambda item: (item[0] == "all", item[0])):
        times = sorted(step.latency_s for step in some if step.latency_s is not None)
        bad = sum(bool(step.problems) for step in some)
        row = f"{name:<20} {len(some):>6}"
        if times:
            ninth = times[min(len(times) - 1, int(len(times) * 0.9))]
            row += f" {statistics.median(times):>6.2f} s {ninth:>6.2f} s {times[-1]:>6.2f} s"
        rows.append(f"{row:<54} {bad:>7}")
    measured = [step.latency_s for step in steps if step.latency_s is not None]
    late = sum(latency_s > GOAL_S for latency_s in measured)
    rows.append(f"later than {GOAL_S:g} s: {late} of {len(measured)} that were measured")
    return "\n".join(rows)
