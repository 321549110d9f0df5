"""Power cuts in the middle of `apt upgrade`: the box must come back able to reach its hub.

At seeded moments of each of its phases: while apt reads, while dpkg unpacks, while it configures, and
a little after. What dpkg had not finished is then finished by the commands that an administrator, or
unattended-upgrades, gives anyway.
"""

from __future__ import annotations

import collections
import dataclasses
import pathlib
import random
import tempfile
import time
from collections.abc import Sequence

from lab import uml_install_steps as steps
from lab.processes import LabError, wait_for
from lab.soak_progress import Progress
from lab.uml_install_course import Course
from lab.uml_install_image import fresh
from lab.uml_pages import answers
from lab.uml_site import Site

BACK_S = 120.0
PHASES = (
    ("reading", "", 5.0),
    ("unpacking", "Preparing to unpack", 4.0),
    ("configuring", "Setting up", 15.0),
    ("done", None, 6.0),
)
"""What apt says when each begins (None: it has ended), and the latest moment of a cut after that."""
UPGRADE = "DEBIAN_FRONTEND=noninteractive apt-get -q -y upgrade"
MEND = (
    f"dpkg --configure -a; apt-get -q update && {UPGRADE} && dpkg --audit && "
    "dpkg --verify skerry-agent"
)
"""What was cut before it was unpacked is to be reinstalled, says dpkg, and fails; apt does that."""
EMPTY = "find /usr/share/skerry-agent -name '*.pyc' -empty"
"""What was compiled and not on the disk yet: each start would compile it anew."""
_PREPARED = ("boot", "repository", "package", "join", "workload")


@dataclasses.dataclass(frozen=True, slots=True)
class Cut:
    """One cut: so long into a phase; how dpkg had the package then, and which code ran.

    `online_s` and `page_s` are from power on until the hub heard of the box, and until the workload
    was there; None where that never was. `mended_s`: until the upgrade was whole and online again;
    `lists_lost`: only once apt's lists were removed, which it had fetched and not synced.
    """

    suite: str
    number: int
    phase: str
    after_s: float
    dpkg: str
    code: str
    online_s: float | None
    page_s: float | None
    mended_s: float | None
    lists_lost: bool = False
    problem: str = ""

    @property
    def met(self) -> bool:
        """Whether it came to what is asked for."""
        return not self.problem


def cuts(
    suite: str, count: int, seed: int, package: pathlib.Path, progress: Progress[Cut] | None = None
) -> list[Cut]:
    """Cut the power so many times and return what was seen. The image must be there."""
    progress = progress or Progress(count, "cuts")
    begun = len(progress.found)
    draw = random.Random(f"{seed} {suite}")
    with tempfile.TemporaryDirectory(prefix="cuts-") as name:
        site = Site(pathlib.Path(name))
        course = Course(site, fresh(suite, runtime=True), package)
        try:
            site.start()
            for step in (one for one in steps.STEPS if one.follow.__name__ in _PREPARED):
                step.follow(course)
            _from_disk_that_is_cut(course)
            progress.begin()
            for number in range(1, count + 1):
                phase, beginning, latest_s = draw.choice(PHASES)
                seen = Cut(
                    suite, number, phase, draw.uniform(0.0, latest_s), "", "", None, None, None
                )
                cut = _cut(course, seen, beginning)
                progress.add(cut, line(cut))
                if cut.problem or progress.ended:
                    break
        finally:
            course.stop()
            site.stop()
    return progress.found[begun:]


def _from_disk_that_is_cut(course: Course) -> None:
    """Boot with a disk that is written to at once."""
    course.box.power_off()
    course.box.synchronous = True
    began_s = time.time()
    course.box.start()
    course.until_online(began_s)
    course.box.until_booted()


def _cut(course: Course, seen: Cut, beginning: str | None) -> Cut:
    """Publish a version, begin to upgrade to it, cut, and see what comes of it."""
    box = course.box
    try:
        version, code = course.publish_later()
        box.run("apt-get", "-qq", "update")
        upgrading = box.ask(UPGRADE)
        if beginning is None:
            upgrading.answer(300)
        else:
            wait_for(f"apt to say {beginning!r}", lambda: beginning in upgrading.said, 120)
        time.sleep(seen.after_s)
        box.cut()
        began_s = time.time()
        box.start()
        box.wait()
        seen = dataclasses.replace(seen, dpkg=course.installed(), code=_code(course))
        if seen.dpkg.startswith("installed") and (empty := box.shell(EMPTY).text.strip()):
            raise LabError(f"dpkg has it whole, and these are empty: {empty[:300]}")
        online_s = course.until_online(began_s, BACK_S)
        seen = dataclasses.replace(seen, online_s=online_s, code=str(course.seen()["version"]))
        wait_for("the workload's page", lambda: answers(course.page), BACK_S)
        seen = dataclasses.replace(seen, page_s=time.time() - began_s)
        mending_s = time.time()
        said = box.shell(MEND, 300, check=False)
        if course.installed() != f"installed {version}":
            # What apt had fetched just before is not on the disk, and it does not look.
            seen = dataclasses.replace(seen, lists_lost=True)
            said = box.shell(f"rm -r /var/lib/apt/lists && {MEND}", 300, check=False)
        if said.status or course.installed() != f"installed {version}":
            raise LabError(f"{course.installed()}, not {version}: {said.text[-2000:]}")
        course.until_version(code)
        return dataclasses.replace(seen, mended_s=time.time() - mending_s)
    except (LabError, OSError) as error:
        return dataclasses.replace(seen, problem=f"{error}\n{course.words()}")


def _code(course: Course) -> str:
    """Return what the program says of itself, whole or not."""
    said = course.box.shell("skerry-agent version 2>&1 | tail -1", check=False)
    return said.text.strip()


def _state(cut: Cut) -> str:
    """Return the word of dpkg for how it had the package."""
    return next(iter(cut.dpkg.split()), "unknown")


def line(cut: Cut) -> str:
    """Return what is said of a cut."""
    online = "never" if cut.online_s is None else f"{cut.online_s:.1f} s"
    mended = "never" if cut.mended_s is None else f"{cut.mended_s:.1f} s"
    return (
        f"{cut.suite:<8} {cut.number:>3} {cut.after_s:4.1f} s into {cut.phase}: {_state(cut)}, "
        f"agent {cut.code} online after {online}, whole again after {mended}"
        f"{', without its lists' if cut.lists_lost else ''} {cut.problem}"
    )


def table(found: Sequence[Cut]) -> str:
    """Return what the cuts came to, by how dpkg had the package."""
    lines = []
    for suite in dict.fromkeys(one.suite for one in found):
        ours = [one for one in found if one.suite == suite]
        states = collections.Counter(map(_state, ours))
        online = sorted(one.online_s for one in ours if one.online_s is not None)
        told = ", ".join(f"{count} {state}" for state, count in states.most_common())
        phases = collections.Counter(one.phase for one in ours)
        within = ", ".join(f"{phases[name]} {name}" for name, _, _ in PHASES)
        middle = (
            f"{online[len(online) // 2]:.0f} s (median), {online[-1]:.0f} s at most"
            if online
            else "never"
        )
        lines.append(
            f"{suite}: {len(ours)} cuts in `apt upgrade` ({within}); dpkg then had: {told}; "
            f"{sum(one.met for one in ours)} came back to the hub and were whole after an upgrade; "
            f"online after {middle}; apt's own lists were lost in {sum(one.lists_lost for one in ours)}"
        )
    return "\n".join(lines)
