"""The worst link: orders must converge on it, and a box that it hides must not be taken for lost.

56 kbit/s, 600 ms +- 300 there and back, 5 % of the packets lost each way, and blackouts of 30 s:
between each box and the broker alone, made within the box in both directions. What the workloads
tell of themselves goes past it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import random
import re
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence

from lab.debian import output, run
from lab.processes import LabError
from lab.soak_progress import Progress
from lab.uml import UmlBox
from lab.uml_fleet import UmlFleet, service

LOST_AFTER_S = 15
NEW_FOR_S = 240
"""So long no box is lost before 210 s, while its link gets known: with the first blackout in it."""
BLACKOUT_S = 30.0
BLACKOUT_EVERY_S = (90.0, 240.0)
ORDER_EVERY_S = (60.0, 150.0)
IN_THE_DARK = 0.5
"""So many of the orders are given in a blackout."""
MOST_S = 600.0
_NETEM = "netem delay 300ms 150ms loss 5% rate 56kbit"
_LINK = """\
set -e
modprobe ifb numifbs=1
tc qdisc add dev vec0 root handle 1: prio bands 4 priomap 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
tc qdisc add dev vec0 parent 1:4 {netem}
tc filter add dev vec0 parent 1: protocol ip u32 match ip dport {port} 0xffff flowid 1:4
ip link set ifb0 up
tc qdisc add dev ifb0 root {netem}
tc qdisc add dev vec0 handle ffff: ingress
tc filter add dev vec0 parent ffff: protocol ip u32 match ip sport {port} 0xffff \
    action mirred egress redirect dev ifb0
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Traffic:
    """IP bytes between a box and the broker, each way, as the broker's host saw them."""

    up: int
    down: int


@dataclasses.dataclass(frozen=True, slots=True)
class Ordered:
    """A pause and an order: how long that took, None where it never came, and what the link bore.

    `blackouts` touched the order, `dark` is how many there were in all; `lost` are the times at
    which the hub took a box for lost, in seconds since the start.
    """

    number: int
    box: str
    taken_s: float | None
    traffic: Traffic
    blackouts: int
    idle_s: float
    idle: Traffic
    dark: int
    whole_s: float
    lost: tuple[float, ...] = ()

    @property
    def met(self) -> bool:
        """Whether it came to what is asked for."""
        return self.taken_s is not None and not self.lost


@dataclasses.dataclass(slots=True)
class _Watched:
    """What others than who orders do and see meanwhile."""

    lost: list[float] = dataclasses.field(default_factory=list)
    blackouts: int = 0
    dark: threading.Event = dataclasses.field(default_factory=threading.Event)
    """Set during a blackout."""


def links(
    minutes: float, seed: int, boxes: int = 1, progress: Progress[Ordered] | None = None
) -> list[Ordered]:
    """Give orders over the worst link for so long, and return what was seen."""
    progress = progress or Progress(minutes, "minutes")
    seen, draw = _Watched(), random.Random(seed)
    options = ("--lost-after", str(LOST_AFTER_S), "--new-for", str(NEW_FOR_S))
    with tempfile.TemporaryDirectory(prefix="links-") as name:
        fleet = UmlFleet(pathlib.Path(name), boxes, hub_options=options)
        ended = threading.Event()
        threads: list[threading.Thread] = []
        try:
            fleet.start()
            for box in fleet.boxes:
                fleet.apply(_service(box, "good"), box.name)
            fleet.until_beating("all boxes", lambda heard: len(heard) == boxes, MOST_S)
            with _counting(fleet):
                for box in fleet.boxes:
                    box.run("sh", "-c", _LINK.format(netem=_NETEM, port=fleet.broker.port))
                own = random.Random(f"{seed} blackouts")
                threads += [
                    threading.Thread(target=_black_out, args=(fleet, seen, own, ended)),
                    threading.Thread(target=_watch, args=(fleet, seen, ended)),
                ]
                for thread in threads:
                    thread.daemon = True
                    thread.start()
                progress.begin()
                _orders(fleet, seen, draw, minutes * 60.0, progress)
                ended.set()
                for thread in threads:
                    thread.join()
        finally:
            ended.set()
            fleet.stop()
    return progress.found


def _service(box: UmlBox, revision: str) -> str:
    placed = f"{{constraints: [node.id == {box.name}]}}"
    return service(revision, x_placement=placed, x_lifecycle="{update: {settle: 2s}}")


def _orders(
    fleet: UmlFleet, seen: _Watched, draw: random.Random, for_s: float, progress: Progress[Ordered]
) -> None:
    """Wait and give an order, again and again."""
    until_s = time.monotonic() + for_s
    revisions = {box.name: "good" for box in fleet.boxes}
    while time.monotonic() < until_s and not progress.ended:
        before, begun_s = _traffic(), time.monotonic()
        lost, dark = len(seen.lost), seen.blackouts
        time.sleep(draw.uniform(*ORDER_EVERY_S))
        if draw.random() < IN_THE_DARK:
            seen.dark.wait(BLACKOUT_EVERY_S[1])
        idle, idle_s = _since(before), time.monotonic() - begun_s
        box = draw.choice(fleet.boxes)
        revision = "better" if revisions[box.name] == "good" else "good"
        revisions[box.name] = revision
        before, blackouts = _traffic(), seen.blackouts - seen.dark.is_set()
        taken_s = _ordered(fleet, box, revision)
        whole_s = time.monotonic() - begun_s
        one = Ordered(
            len(progress.found) + 1, box.name, taken_s, _since(before), seen.blackouts - blackouts,
            idle_s, idle, seen.blackouts - dark, whole_s, tuple(seen.lost[lost:]),
        )  # fmt: skip
        progress.add(one, _line(one), whole_s / 60.0)
        if one.taken_s is None:
            return


def _ordered(fleet: UmlFleet, box: UmlBox, revision: str) -> float | None:
    """Give an order, and return how long it took until it ran and the hub knew."""
    begun_s = time.monotonic()
    fleet.apply(_service(box, revision), box.name)
    name = f"{box.name}-beat"

    def runs(heard: set[tuple[str, str, str]]) -> bool:
        return {one for address, _, one in heard if address == box.address} == {revision}

    try:
        fleet.until_beating(f"{name} on {box.name}", runs, MOST_S)
        # And the hub knows.
        fleet.hub.cli("wait", "workload", name, "--for", "running", "--timeout", f"{MOST_S:.0f}s")
    except LabError as error:
        print(error, flush=True)
        return None
    return time.monotonic() - begun_s


def _black_out(
    fleet: UmlFleet, seen: _Watched, draw: random.Random, ended: threading.Event
) -> None:
    """Let nothing through for a while, again and again; the first time soon."""
    wait_s = 20.0
    while not ended.wait(wait_s):
        seen.blackouts += 1
        box = draw.choice(fleet.boxes)
        port = str(fleet.broker.port)
        ways = (
            ["INPUT", "-s", box.address, "-p", "tcp", "--dport", port, "-j", "DROP"],
            ["OUTPUT", "-d", box.address, "-p", "tcp", "--sport", port, "-j", "DROP"],
        )
        for way in ways:
            run(["iptables", "-w", "-A", *way])
        seen.dark.set()
        ended.wait(BLACKOUT_S)
        seen.dark.clear()
        for way in ways:
            run(["iptables", "-w", "-D", *way])
        wait_s = draw.uniform(*BLACKOUT_EVERY_S)


def _watch(fleet: UmlFleet, seen: _Watched, ended: threading.Event) -> None:
    """Note each time that the hub takes a box for lost."""
    begun_s = time.monotonic()
    lost: set[str] = set()
    while not ended.wait(1.0):
        for box in fleet.boxes:
            try:
                liveness = fleet.hub.get(f"/api/v1/nodes/{box.name}")["node"]["liveness"]
            except OSError:
                continue
            if liveness == "lost" and box.name not in lost:
                seen.lost.append(round(time.monotonic() - begun_s, 1))
                lost.add(box.name)
            elif liveness != "lost":
                lost.discard(box.name)


@contextlib.contextmanager
def _counting(fleet: UmlFleet) -> Iterator[None]:
    """Have the kernel count what goes to the broker and comes from it."""
    port = str(fleet.broker.port)
    rules = (
        ["INPUT", "-i", "lab0", "-p", "tcp", "--dport", port],
        ["OUTPUT", "-o", "lab0", "-p", "tcp", "--sport", port],
    )
    for chain, *rest in rules:
        run(["iptables", "-w", "-I", chain, "1", *rest])
    try:
        yield
    finally:
        for rule in rules:
            run(["iptables", "-w", "-D", *rule])


def _traffic() -> Traffic:
    return Traffic(*(_counted(chain) for chain in ("INPUT", "OUTPUT")))


def _since(before: Traffic) -> Traffic:
    now = _traffic()
    return Traffic(now.up - before.up, now.down - before.down)


def _counted(chain: str) -> int:
    listing = output(["iptables", "-w", "-nvxL", chain, "1"])
    found = re.match(r"\s*\d+\s+(\d+)", listing)
    if found is None:
        raise LabError(f"no count in {listing!r}")
    return int(found[1])


def _line(one: Ordered) -> str:
    taken = "never" if one.taken_s is None else f"{one.taken_s:.0f} s"
    return (
        f"{one.number:>4} order for {one.box}: there and told after {taken}, {one.traffic.up} bytes "
        f"up, {one.traffic.down} down, {one.blackouts} blackouts meanwhile"
    )


def table(found: Sequence[Ordered]) -> str:
    """Return what was seen, in words."""
    taken = sorted(one.taken_s for one in found if one.taken_s is not None)
    middle = taken[len(taken) // 2] if taken else 0.0
    count = max(len(found), 1)
    up = sum(one.traffic.up for one in found) / count
    down = sum(one.traffic.down for one in found) / count
    idle_s = sum(one.idle_s for one in found)
    hours = max(idle_s, 1.0) / 3600.0
    idle_up = sum(one.idle.up for one in found) / hours
    idle_down = sum(one.idle.down for one in found) / hours
    lost = ", ".join(f"{at_s:.0f} s after the start" for one in found for at_s in one.lost)
    return "\n".join(
        (
            f"{len(found)} orders, {len(taken)} came: {middle:.0f} s (median), "
            f"{max(taken, default=0.0):.0f} s at most; {sum(one.dark for one in found)} blackouts "
            f"of {BLACKOUT_S:g} s",
            f"for an order, mean: {up / 1024:.1f} KiB up, {down / 1024:.1f} KiB down",
            f"idle, an hour: {idle_up / 1024:.0f} KiB up, {idle_down / 1024:.0f} KiB down "
            f"(IP bytes, by {idle_s:.0f} s)",
            f"falsely lost: {lost or 'never'} in {sum(one.whole_s for one in found):.0f} s",
        )
    )
