"""Two boxes, two single-writer workloads, and a network that comes and goes: never both at once.

What is measured is when the workloads themselves told that they run, by this machine's one clock.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import random
import tempfile
import time

from lab import beat
from lab.debian import run
from lab.processes import LabError
from lab.uml import UmlBox
from lab.uml_fleet import UmlFleet, service

LEASE_S = 15
LOST_AFTER_S = 10
HEARTBEAT_S = 3.0
MOVING_S = 30.0
"""By then what was cut off runs elsewhere: lost, its lease and the margins over."""
SLACK_S = 4 * beat.EVERY_S
"""Two rows of beats that overlap by less did not: a beat may wait for its turn on a busy machine."""

_LONG = ("partition", "partition", "deaf", "killed", "silent", "power", "reboot")
_SHORT = ("agent", "executor")


@dataclasses.dataclass(frozen=True, slots=True)
class Trouble:
    """What was done to a box, and for how long."""

    number: int
    kind: str
    box: str
    for_s: float
    moved: int
    overlaps: tuple[beat.Overlap, ...]
    problem: str = ""


def troubles(count: int, seed: int) -> tuple[list[Trouble], list[beat.Beat]]:
    """Make so many troubles, print how it goes, and return what was seen."""
    found: list[Trouble] = []
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="skerry-partitions-") as name:
        fleet = UmlFleet(
            pathlib.Path(name),
            2,
            heartbeat_s=HEARTBEAT_S,
            # Strict, for else a box that was cut off often has more time, and nothing moves.
            hub_options=(
                *("--lost-after", str(LOST_AFTER_S), "--unreachable-after", str(LOST_AFTER_S)),
                *("--lost-after-new", str(LOST_AFTER_S), "--new-for", "1"),
                *("--lost-after-adapts", "no"),
            ),
        )
        try:
            fleet.start()
            for number in (1, 2):
                fleet.apply(_single(f"writer{number}"), f"lab{number}")
            fleet.until_beating("both workloads", _all_run, 180)
            for number in range(1, count + 1):
                trouble = _one(fleet, number, draw)
                found.append(trouble)
                print(_line(trouble), flush=True)
                if trouble.problem:
                    break
            beats = fleet.beats.all()
        finally:
            fleet.stop()
    return found, beats


def _single(name: str) -> str:
    life = f"{{stopAfter: {LEASE_S}s, lostAfter: {LOST_AFTER_S}s}}"
    return service("good", name, x_lifecycle=life)


def _all_run(heard: set[tuple[str, str, str]]) -> bool:
    return {instance for _, instance, _ in heard} == {"writer1", "writer2"}


def _one(fleet: UmlFleet, number: int, draw: random.Random) -> Trouble:
    """Make one trouble, and wait until both workloads run again somewhere.

    `deaf`: the box is heard, and hears nothing. `killed`: cut off, with its executor killed again
    and again. `silent`: its agent is stopped.
    """
    kind = draw.choice((*_LONG, *_SHORT))
    for_s = draw.uniform(1.0, 5.0)
    if kind in _LONG:
        # Around the end of the lease, or so long that it moves.
        for_s = draw.choice((draw.uniform(8.0, 22.0), draw.uniform(MOVING_S, 1.5 * MOVING_S)))
    runs = {one for one, _, _ in fleet.beating(time.monotonic() - 1.5)}
    box = draw.choice([one for one in fleet.boxes if one.address in runs] or fleet.boxes)
    before = {(one, instance) for one, instance, _ in fleet.beating(time.monotonic() - 1.5)}
    begun = time.monotonic()
    problem = ""
    try:
        with _trouble(fleet, box, kind):
            _wait(box, for_s, draw if kind == "killed" else None)
        fleet.until_beating(f"both after {kind}", _all_run, 240)
    except LabError as error:
        problem = str(error)
    after = {(one, instance) for one, instance, _ in fleet.beating(time.monotonic() - 1.5)}
    overlaps = tuple(
        one
        for one in beat.overlaps(fleet.beats.since(begun - 60.0))
        if one.to_s - one.from_s > SLACK_S and one.to_s > begun
    )
    return Trouble(number, kind, box.name, for_s, len(after - before), overlaps, problem)


@contextlib.contextmanager
def _trouble(fleet: UmlFleet, box: UmlBox, kind: str):  # type: ignore[no-untyped-def]
    if kind in ("partition", "killed", "deaf"):
        with _cut_off(fleet, box, deaf=kind == "deaf"):
            yield
    elif kind == "power":
        box.cut()
        yield
        box.start()
        box.wait(240)
    elif kind == "reboot":
        with contextlib.suppress(OSError):
            box.run("systemctl", "--no-block", "poweroff", most_s=20)
        yield
        box.cut()
        box.start()
        box.wait(240)
    elif kind == "silent":
        box.run("systemctl", "stop", "skerry-agent.service")
        yield
        box.run("systemctl", "start", "skerry-agent.service")
    else:
        box.run("systemctl", "kill", "-s", "KILL", f"skerry-{kind}.service", check=False)
        yield


@contextlib.contextmanager
def _cut_off(fleet: UmlFleet, box: UmlBox, *, deaf: bool):  # type: ignore[no-untyped-def]
    """Let nothing through from the box to the broker, or from the broker to the box."""
    port = str(fleet.broker.port)
    rule = ["INPUT", "-s", box.address, "-p", "tcp", "--dport", port, "-j", "DROP"]
    if deaf:
        rule = ["OUTPUT", "-d", box.address, "-p", "tcp", "--sport", port, "-j", "DROP"]
    run(["iptables", "-w", "-I", *rule])
    try:
        yield
    finally:
        run(["iptables", "-w", "-D", *rule])


def _wait(box: UmlBox, for_s: float, draw: random.Random | None) -> None:
    """Wait; with `draw`, kill the executor again and again meanwhile."""
    until = time.monotonic() + for_s
    while (left_s := until - time.monotonic()) > 0:
        if draw is None:
            time.sleep(left_s)
            return
        time.sleep(min(left_s, draw.uniform(0.2, 4.0)))
        box.run("systemctl", "kill", "-s", "KILL", "skerry-executor.service", check=False)


def _line(one: Trouble) -> str:
    worst = max((o.to_s - o.from_s for o in one.overlaps), default=0.0)
    twice = f"OVERLAP of {worst:.1f} s" if one.overlaps else "no overlap"
    return (
        f"{one.number:>4} {one.kind} of {one.box} for {one.for_s:4.1f} s: {one.moved} moved, "
        f"{twice} {one.problem}"
    )


def table(found: list[Trouble]) -> str:
    """Return what the troubles came to."""
    overlaps = sum(len(one.overlaps) for one in found)
    moved = sum(one.moved for one in found)
    kinds = {
        kind: sum(1 for one in found if one.kind == kind)
        for kind in dict.fromkeys((*_LONG, *_SHORT))
    }
    told = ", ".join(f"{count} of {kind}" for kind, count in kinds.items())
    stuck = sum(1 for one in found if one.problem)
    return f"{len(found)} troubles ({told}): {moved} moves, {overlaps} overlaps, {stuck} stuck"
