"""Power cuts while boxes are updated, pull, start for the first time, or end what they ran.

A box must come up with one revision whole, the old or the new one, and then converge.
"""

from __future__ import annotations

import dataclasses
import pathlib
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from lab import beat
from lab.processes import LabError
from lab.soak_progress import Progress
from lab.uml import GATEWAY, UmlBox
from lab.uml_fleet import UmlFleet, service

BOXES = 2
SETTLED_S = 1.5
MOST_S = 240.0
LATEST_S = 8.0
"""A cut comes at most so long after what it is to disturb was ordered."""
_KINDS = ("update", "update", "pull", "pull", "remove")

Heard = set[tuple[str, str, str]]


@dataclasses.dataclass(frozen=True, slots=True)
class Cut:
    """One cut: of what, how long after it was ordered, and what was seen after it.

    `running_s` is from power on to the first beat; None where nothing was to run before.
    """

    box: str
    number: int
    kind: str
    after_s: float
    came_up_with: str
    running_s: float | None
    converged_s: float | None
    problem: str = ""

    @property
    def met(self) -> bool:
        """Whether it came to what is asked for."""
        return self.converged_s is not None and not self.problem


def cuts(
    count: int, seed: int, boxes: int = BOXES, progress: Progress[Cut] | None = None
) -> list[Cut]:
    """Cut the power so many times, of several boxes at once, and return what was seen."""
    progress = progress or Progress(count, "cuts")
    boxes = min(boxes, count)
    shares = [count // boxes + (number < count % boxes) for number in range(boxes)]
    with tempfile.TemporaryDirectory(prefix="power-") as name:
        fleet = UmlFleet(pathlib.Path(name), boxes)
        try:
            fleet.start()
            progress.begin()
            threads = [
                # Not to be waited for where all is to end at once.
                threading.Thread(target=_cuts_of, args=(fleet, *one, seed, progress), daemon=True)
                for one in zip(fleet.boxes, shares, strict=True)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            fleet.stop()
    return progress.found


def _cuts_of(fleet: UmlFleet, box: UmlBox, count: int, seed: int, progress: Progress[Cut]) -> None:
    draw = random.Random(f"{seed} {box.name}")
    one = _Box(fleet, box)
    for number in range(1, count + 1):
        kind = draw.choice(_KINDS) if one.wanted else draw.choice(_KINDS[:-1])
        try:
            cut = one.cut(number, kind, draw.uniform(0.0, LATEST_S))
        except (LabError, OSError) as error:
            cut = Cut(box.name, number, kind, 0.0, "?", None, None, str(error))
        words = "" if cut.converged_s is not None else "\n" + _words(box)
        progress.add(cut, _line(cut) + words)
        if words or progress.ended:
            return


class _Box:
    """One box with its service; `wanted` is the revision that it is to run, "" for none."""

    def __init__(self, fleet: UmlFleet, box: UmlBox) -> None:
        self._fleet = fleet
        self._box = box
        self.wanted = ""

    def cut(self, number: int, kind: str, after_s: float) -> Cut:
        """Order something, cut the power so long after it, and see what comes of it."""
        before, self.wanted = self.wanted, self._order(number, kind)
        time.sleep(after_s)
        self._box.cut()
        time.sleep(SETTLED_S)  # what was sent before is heard no more
        booted_s = time.monotonic()
        self._box.start()
        running_s = None
        if before and self.wanted:
            running_s = self._until(booted_s, bool)
        if self.wanted:
            converged_s = self._until(booted_s, self._is_wanted)
        else:
            converged_s = self._until_empty(booted_s)
        heard = [one for one in self._fleet.beats.since(booted_s) if one.box == self._box.address]
        first = sorted({one.revision for one in heard} - {self.wanted})
        both = both_at_once(heard)
        problem = f"two ran at once for {both:.1f} s" if both else ""
        if set(first) - {before}:
            problem += f" ran {first}, which nobody wanted"
        came = "+".join(first) or self.wanted or "nothing"
        return Cut(
            self._box.name, number, kind, after_s, came, running_s, converged_s, problem.strip()
        )

    def _order(self, number: int, kind: str) -> str:
        """Order a change of this kind; return the revision that is wanted now."""
        project = self._box.name
        if kind == "remove":
            self._fleet.hub.cli("delete", "workload", f"{project}-beat", "--yes")
            return ""
        image, revision = "", "better" if self.wanted == "good" else "good"
        if kind == "pull":
            revision = f"r{number}"
            root = beat.image_tar(GATEWAY, f"{project} {revision}")
            image = self._fleet.registry.push(f"{project}/beat", revision, root)
        text = service(
            revision,
            image=image,
            x_lifecycle="{update: {settle: 2s, deadline: 60s}}",
            x_placement=f"{{constraints: [node.id == {self._box.name}]}}",
        )
        self._fleet.apply(text, project)
        return revision

    def _is_wanted(self, heard: Heard) -> bool:
        return {revision for _, _, revision in heard} == {self.wanted}

    def _until(self, since_s: float, test: Callable[[Heard], bool]) -> float:
        def of_box(heard: Heard) -> bool:
            return test({one for one in heard if one[0] == self._box.address})

        self._fleet.until_beating(f"{self._box.name}: {self.wanted}", of_box, MOST_S)
        return time.monotonic() - since_s

    def _until_empty(self, since_s: float) -> float:
        self._box.wait(MOST_S)
        while True:
            ids = self._box.run("podman", "ps", "-aq", check=False).split()
            if not ids:
                return time.monotonic() - since_s
            if time.monotonic() - since_s > MOST_S:
                raise LabError(f"{self._box.name}: not removed: {ids}")
            time.sleep(1.0)


def both_at_once(beats: Iterable[beat.Beat]) -> float:
    """Return for how many seconds two revisions were heard together, beyond one pause of a beat."""
    named = [dataclasses.replace(one, box=one.revision) for one in beats]
    longest = max((one.to_s - one.from_s for one in beat.overlaps(named)), default=0.0)
    return longest if longest > 2 * beat.EVERY_S else 0.0


def _line(cut: Cut) -> str:
    converged = "never" if cut.converged_s is None else f"{cut.converged_s:.0f} s"
    running = "" if cut.running_s is None else f" after {cut.running_s:.0f} s"
    return (
        f"{cut.box} {cut.number:>4} {cut.kind}, cut {cut.after_s:4.1f} s after its order: "
        f"ran {cut.came_up_with}{running}, converged after {converged} {cut.problem}"
    )


def _words(box: UmlBox) -> str:
    try:
        box.wait()
        commands = (
            ("journalctl", "-b", "--no-pager", "-n", "80"),
            ("podman", "ps", "-a"),
            ("podman", "images"),
        )
        return "\n".join(box.run(*words, check=False) for words in commands)
    except (LabError, OSError) as error:
        return f"{error}\n{box.last_words()}"


def table(found: Sequence[Cut]) -> str:
    """Return what the cuts came to."""
    came = [one for one in found if one.met]
    running = sorted(one.running_s for one in found if one.running_s is not None)
    kinds = {kind: sum(one.kind == kind for one in found) for kind in dict.fromkeys(_KINDS)}
    told = ", ".join(f"{count} of {kind}" for kind, count in kinds.items())
    again = ""
    if running:
        middle = running[len(running) // 2]
        again = f"; running again after {middle:.0f} s (median), {max(running):.0f} s at most"
    return f"{len(found)} cuts ({told}): {len(came)} came up with one revision whole and converged{again}"
