"""Pairs of boxes, two single-writer workloads on each, and a network that comes and goes.

Never may both boxes of a pair run one of them at once. What is measured is when the workloads
themselves said that they run, by the time since their box's boot, on this machine's one clock.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import random
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence

from lab import beat
from lab.debian import run
from lab.processes import LabError
from lab.soak_progress import Progress
from lab.uml import UmlBox
from lab.uml_fleet import UmlFleet, service

PAIRS = 4
LEASE_S = 15
"""The least that a workload may have."""
LOST_AFTER_S = 10
HEARTBEAT_S = 3.0
AROUND_LEASE_S = (8.0, 22.0)
MOVING_S = (31.0, 41.0)
"""By then what was cut off runs elsewhere: lost, its lease and the margins over."""
SHORT_S = (1.0, 5.0)
SLACK_S = 0.1
"""How well the boxes' times are known on this machine's clock. Two that run at once overlap for
more: for as long as a command to stop takes, or until the next look of whoever missed it."""
AGAIN_S = 240.0
SEEN_S = 120.0
"""So far back the rows of beats begin that are looked at: before what was seen last."""

_LONG = (*["partition"] * 4, *["deaf"] * 2, *["killed"] * 2, *["silent"] * 2, "power", "reboot")
_SHORT = (*["agent"] * 2, *["executor"] * 2)
KINDS = (*_LONG, *_SHORT)
"""How often each comes: one in eight is a boot, which takes most of the processors' time."""

Heard = set[tuple[str, str, str]]


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

    @property
    def met(self) -> bool:
        """Whether it came to what is asked for."""
        return not self.overlaps and not self.problem


def troubles(
    count: int, seed: int, pairs: int = PAIRS, progress: Progress[Trouble] | None = None
) -> list[Trouble]:
    """Make so many troubles, of all pairs at once, and return what was seen."""
    progress = progress or Progress(count, "troubles")
    pairs = min(pairs, count)
    shares = [count // pairs + (number < count % pairs) for number in range(pairs)]
    with tempfile.TemporaryDirectory(prefix="partitions-") as name:
        fleet = UmlFleet(
            pathlib.Path(name),
            2 * pairs,
            heartbeat_s=HEARTBEAT_S,
            # Strict, for else a box that was cut off often has more time, and nothing moves.
            hub_options=(
                *("--lost-after", str(LOST_AFTER_S), "--unreachable-after", str(LOST_AFTER_S)),
                *("--lost-after-new", str(LOST_AFTER_S), "--new-for", "1"),
                *("--lost-after-adapts", "no"),
            ),
            in_a_group=2,
        )
        try:
            fleet.start()
            every = [_Pair(fleet, number, seed, progress) for number in range(1, pairs + 1)]
            for pair in every:
                pair.begin()
            progress.begin()
            threads = [
                # Not to be waited for where all is to end at once.
                threading.Thread(target=pair.troubles, args=(share,), daemon=True)
                for pair, share in zip(every, shares, strict=True)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            fleet.stop()
    return progress.found


class _Pair:
    """Two boxes and their two workloads. It knows of no other's."""

    def __init__(
        self, fleet: UmlFleet, number: int, seed: int, progress: Progress[Trouble]
    ) -> None:
        self._fleet = fleet
        self._number = number
        self._boxes = fleet.boxes[2 * number - 2 : 2 * number]
        self._addresses = {box.address for box in self._boxes}
        self._instances = {f"writer{number}{letter}" for letter in "ab"}
        self._draw = random.Random(f"{seed} {number}")
        self._progress = progress

    def begin(self) -> None:
        """Apply both, and wait until they run."""
        life = f"{{stopAfter: {LEASE_S}s, lostAfter: {LOST_AFTER_S}s}}"
        placed = f"{{constraints: [node.labels.group == {self._number}]}}"
        for name in sorted(self._instances):
            self._fleet.apply(service("good", name, x_lifecycle=life, x_placement=placed), name)
        self._fleet.until_beating(f"pair {self._number}", self._all_run, AGAIN_S)

    def troubles(self, count: int) -> None:
        """Make so many, one after the other; end where one stays."""
        for number in range(1, count + 1):
            trouble = self._one(number)
            self._progress.add(trouble, _line(trouble))
            if trouble.problem or self._progress.ended:
                return

    def _one(self, number: int) -> Trouble:
        """Make one trouble, and wait until both workloads run again somewhere.

        `deaf`: the box is heard, and hears nothing. `killed`: cut off, with its executor killed
        again and again. `silent`: its agent is stopped.
        """
        draw = self._draw
        kind = draw.choice(KINDS)
        range_s = draw.choice((AROUND_LEASE_S, MOVING_S)) if kind in _LONG else SHORT_S
        for_s = draw.uniform(*range_s)
        before = self._running()
        box = draw.choice(
            [one for one in self._boxes if one.address in {where for where, _ in before}]
            or self._boxes
        )
        begun_s = time.monotonic()
        problem = ""
        try:
            with _trouble(self._fleet, box, kind):
                _wait(box, for_s, draw if kind == "killed" else None)
            self._fleet.until_beating(f"both after {kind}", self._all_run, AGAIN_S)
        except (LabError, OSError) as error:
            problem = str(error)
        moved = len(self._running() - before)
        return Trouble(number, kind, box.name, for_s, moved, self._overlaps(begun_s), problem)

    def _all_run(self, heard: Heard) -> bool:
        return {instance for _, instance, _ in heard} >= self._instances

    def _running(self) -> set[tuple[str, str]]:
        """Return the addresses and instances of the pair that were heard just now."""
        heard = self._fleet.beating(time.monotonic() - 1.5)
        return {(where, what) for where, what, _ in heard if where in self._addresses}

    def _overlaps(self, begun_s: float) -> tuple[beat.Overlap, ...]:
        """Return the overlaps that ended since then."""
        since = self._fleet.beats.since(begun_s - SEEN_S)
        ours = beat.as_sent(one for one in since if one.box in self._addresses)
        return tuple(
            one
            for one in beat.overlaps(ours)
            if one.to_s - one.from_s > SLACK_S and one.to_s > begun_s
        )


@contextlib.contextmanager
def _trouble(fleet: UmlFleet, box: UmlBox, kind: str) -> Iterator[None]:
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
def _cut_off(fleet: UmlFleet, box: UmlBox, *, deaf: bool) -> Iterator[None]:
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
    until_s = time.monotonic() + for_s
    while (left_s := until_s - time.monotonic()) > 0:
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


def table(found: Sequence[Trouble]) -> str:
    """Return what the troubles came to."""
    overlaps = sum(len(one.overlaps) for one in found)
    moved = sum(one.moved for one in found)
    kinds = {kind: sum(one.kind == kind for one in found) for kind in dict.fromkeys(KINDS)}
    told = ", ".join(f"{count} of {kind}" for kind, count in kinds.items())
    stuck = sum(bool(one.problem) for one in found)
    return f"{len(found)} troubles ({told}): {moved} moves, {overlaps} overlaps, {stuck} stuck"
