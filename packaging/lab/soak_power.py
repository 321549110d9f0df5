"""Power cuts while a box is updated: it must come up with either revision whole, and converge."""

from __future__ import annotations

import dataclasses
import pathlib
import random
import tempfile
import time
from collections.abc import Iterable

from lab import beat
from lab.processes import LabError
from lab.uml_fleet import UmlFleet, service

SETTLED_S = 1.5
MOST_S = 180.0


@dataclasses.dataclass(frozen=True, slots=True)
class Cut:
    """One cut: how long after the apply, and what was seen after it."""

    number: int
    after_s: float
    boot_to_running_s: float | None
    came_up_with: str
    converged_s: float | None
    problem: str = ""


def cuts(count: int, seed: int, folder: pathlib.Path | None = None) -> list[Cut]:
    """Cut the power so many times, print how it goes, and return what was seen."""
    found: list[Cut] = []
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="skerry-power-", dir=folder) as name:
        fleet = UmlFleet(pathlib.Path(name), 1)
        try:
            fleet.start()
            fleet.apply(_service("good"))
            fleet.until_beating("the first revision", _runs("good"), MOST_S)
            wanted = "good"
            for number in range(1, count + 1):
                wanted = "better" if wanted == "good" else "good"
                cut = _one(fleet, number, wanted, draw.uniform(0.0, 8.0))
                found.append(cut)
                print(_line(cut), flush=True)
                if cut.converged_s is None:
                    print(_words(fleet), flush=True)
                    break
        finally:
            fleet.stop()
    return found


def _service(revision: str) -> str:
    return service(revision, x_lifecycle="{update: {settle: 2s, deadline: 60s}}")


def _one(fleet: UmlFleet, number: int, wanted: str, after_s: float) -> Cut:
    box = fleet.boxes[0]
    fleet.apply(_service(wanted))
    time.sleep(after_s)
    box.cut()
    time.sleep(SETTLED_S)  # what was sent before is heard no more
    booted_s = time.monotonic()
    box.start()
    try:
        fleet.until_beating("anything", bool, MOST_S)
    except LabError as error:
        return Cut(number, after_s, None, "nothing", None, str(error))
    running_s = time.monotonic() - booted_s
    first = {one.revision for one in fleet.beats.since(booted_s)}
    try:
        fleet.until_beating(wanted, _runs(wanted), MOST_S)
    except LabError as error:
        return Cut(number, after_s, running_s, "+".join(sorted(first)), None, str(error))
    converged_s = time.monotonic() - booted_s
    both = both_at_once(fleet.beats.since(booted_s))
    problem = f"both ran at once for {both:.1f} s" if both else ""
    return Cut(number, after_s, running_s, "+".join(sorted(first)), converged_s, problem)


def _runs(revision: str):  # type: ignore[no-untyped-def]
    return lambda heard: {one for _, _, one in heard} == {revision}


def both_at_once(beats: Iterable[beat.Beat]) -> float:
    """Return for how many seconds two revisions were heard together, beyond one pause of a beat."""
    named = [dataclasses.replace(one, box=one.revision) for one in beats]
    longest = max((one.to_s - one.from_s for one in beat.overlaps(named)), default=0.0)
    return longest if longest > 2 * beat.EVERY_S else 0.0


def _line(cut: Cut) -> str:
    running = "never" if cut.boot_to_running_s is None else f"{cut.boot_to_running_s:.0f} s"
    converged = "never" if cut.converged_s is None else f"{cut.converged_s:.0f} s"
    return (
        f"{cut.number:>4} cut {cut.after_s:4.1f} s after the apply: ran {cut.came_up_with} after "
        f"{running}, converged after {converged} {cut.problem}"
    )


def _words(fleet: UmlFleet) -> str:
    box = fleet.boxes[0]
    try:
        box.wait()
        return box.run("journalctl", "-b", "--no-pager", "-n", "80", check=False) + box.run(
            "podman", "ps", "-a", check=False
        )
    except (LabError, OSError) as error:
        return f"{error}\n{box.last_words()}"


def table(found: list[Cut]) -> str:
    """Return what the cuts came to."""
    came = [one for one in found if one.converged_s is not None and not one.problem]
    running = sorted(one.boot_to_running_s or 0.0 for one in found if one.boot_to_running_s)
    middle = running[len(running) // 2] if running else 0.0
    return (
        f"{len(found)} cuts, {len(came)} came up with one revision whole and converged; "
        f"running again after {middle:.0f} s (median), {max(running, default=0.0):.0f} s at most"
    )
