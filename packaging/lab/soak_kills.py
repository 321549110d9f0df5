"""kill -9 of agent and executor at random points: nothing is restarted, doubled or orphaned.

An apply is under way at some of them. After each the box's report must be as is wanted again within
five seconds, systemd's pause before it starts an agent again among them.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import os
import pathlib
import random
import signal
import tempfile
import time
from collections.abc import Mapping, Sequence, Set

from lab.podman import Podman
from lab.processes import LabError
from lab.soak_box import Ran, SoakBox, finish
from lab.soak_progress import Progress

CONTAINERS = 20
RECONCILED_S = 5.0
RESTART_S = 2.0
"""RestartSec= of the agent's unit. An executor's run is started by the next visit."""
MOST_S = 60.0
PARTS = ("agent", "executor", "executor", "both", "socket")
"""`socket`: also who holds the executor's socket on a box without systemd, and its run."""
APPLY_EVERY = 5
NOTICED_S = 0.2
"""By then an agent has told that its visit was cut short: a report of before says nothing."""

Running = Mapping[str, Sequence[Ran]]


@dataclasses.dataclass(frozen=True, slots=True)
class Kill:
    """One kill: of what, `after_s` after a visit or an apply began, and what came of it.

    `changed` are the instances that an apply under way was to replace.
    """

    number: int
    part: str
    after_s: float
    changed: Sequence[str]
    reconciled_s: float | None
    problems: tuple[str, ...] = ()

    @property
    def met(self) -> bool:
        """Whether it came to what is asked for."""
        in_time = self.reconciled_s is not None and self.reconciled_s <= RECONCILED_S
        return in_time and not self.problems


def kills(
    count: int,
    seed: int,
    containers: int = CONTAINERS,
    podman: Podman | None = None,
    restart_s: float = RESTART_S,
    progress: Progress[Kill] | None = None,
) -> list[Kill]:
    """Kill so many times, and return what was seen."""
    progress = progress or Progress(count, "kills")
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        fleet = SoakBox(pathlib.Path(name), podman)
        try:
            fleet.start()
            _fill(fleet, containers)
            progress.begin()
            for number in range(1, count + 1):
                kill = _one(fleet, number, draw, restart_s)
                progress.add(kill, "" if kill.met else _line(kill))
                if kill.reconciled_s is None or progress.ended:
                    break
        finally:
            fleet.stop()
    return progress.found


def _fill(fleet: SoakBox, containers: int) -> None:
    """Have half of the containers be one service's, each other a service of its own."""
    fleet.want("many", containers // 2)
    for number in range(containers - containers // 2):
        fleet.want(f"one{number}")
    fleet.applied()


def _one(fleet: SoakBox, number: int, draw: random.Random, restart_s: float) -> Kill:
    before = fleet.running()
    part = draw.choice(PARTS)
    changed: set[str] = set()
    applying = None
    if number % APPLY_EVERY == 0:
        name = draw.choice([one for one in fleet.revisions if one != "many"])
        fleet.revisions[name] += 1
        changed = {f"soak-{name}-0"}
        applying = fleet.apply()
        after_s = draw.uniform(0.3, 2.0)  # the command itself takes that long to start
    else:
        # A start of the agent visits the executor, and so does this.
        fleet.look_again()
        after_s = draw.uniform(0.0, 0.3)
    time.sleep(after_s)
    begun = time.monotonic()
    boot = _kill(fleet, part, restart_s)
    if applying is not None:
        finish(applying)
        begun = max(begun, time.monotonic())
    kill = Kill(number, part, round(after_s, 3), sorted(changed), None)
    try:
        time.sleep(max(0.0, begun + NOTICED_S - time.monotonic()))
        fleet.until("all as wanted", lambda: _is_reconciled(fleet, boot, before, changed), MOST_S)
    except LabError as error:
        return dataclasses.replace(kill, problems=(str(error),))
    took_s = round(time.monotonic() - begun, 3)
    problems = differences(before, fleet.running(), fleet.instances(), changed)
    return dataclasses.replace(kill, reconciled_s=took_s, problems=problems)


def _kill(fleet: SoakBox, part: str, restart_s: float) -> int:
    """Kill a part, start again what a supervisor would, and return the least boot to be told."""
    box, report = fleet.box, fleet.report()
    assert box.executor is not None
    assert report is not None
    if part in ("agent", "both"):
        box.kill_agent()
    if part == "socket":
        box.executor.kill()
        box.start_executor()
    elif part in ("executor", "both"):
        for pid in fleet.runs():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    if part not in ("agent", "both"):
        return report.boot
    time.sleep(restart_s)
    box.start_agent()
    return report.boot + 1


def _is_reconciled(fleet: SoakBox, boot: int, before: Running, changed: Set[str]) -> bool:
    """Whether report, containers and a look of the executor's own are as wanted."""
    if fleet.amiss(boot):
        return False
    if changed:
        now = fleet.running()
        if any(now.get(one) in (None, before.get(one)) for one in changed):
            return False
    return fleet.ask().reached


def differences(
    before: Running, after: Running, wanted: Set[str], changed: Set[str]
) -> tuple[str, ...]:
    """Say what was restarted, doubled, orphaned or lost, but for what was to change."""
    found = []
    for instance in sorted(wanted | after.keys()):
        now = after.get(instance, [])
        if instance not in wanted:
            found.append(f"{instance} is an orphan")
        elif not now:
            found.append(f"{instance} is gone")
        elif len(now) > 1:
            found.append(f"{instance} is there {len(now)} times")
        elif instance not in changed and now != before.get(instance):
            found.append(f"{instance} was restarted: {before.get(instance)}, now {now}")
    return tuple(found)


def _line(one: Kill) -> str:
    took = "never" if one.reconciled_s is None else f"{one.reconciled_s:.2f} s"
    during = f" during an apply of {', '.join(one.changed)}" if one.changed else ""
    said = "; ".join(one.problems)
    return f"{one.number:>4} {one.part}{during}: reconciled after {took} {said}"


def table(found: Sequence[Kill]) -> str:
    """Return what the kills came to."""
    parts = collections.Counter(one.part for one in found)
    told = ", ".join(f"{count} of {part}" for part, count in sorted(parts.items()))
    times = sorted(one.reconciled_s for one in found if one.reconciled_s is not None)
    middle = times[len(times) // 2] if times else 0.0
    late = sum(1 for one in times if one > RECONCILED_S)
    wrong = sum(1 for one in found if one.problems)
    during = sum(1 for one in found if one.changed)
    return (
        f"{len(found)} kills ({told}; {during} during an apply): {wrong} with something restarted, "
        f"doubled, orphaned or stuck; reconciled after {middle:.2f} s (median), "
        f"{max(times, default=0.0):.2f} s at most, {late} later than {RECONCILED_S:g} s"
    )
