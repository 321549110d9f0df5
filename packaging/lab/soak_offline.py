"""A box without a network: what ran runs again after a boot, by the runtime's own supervisor.

Neither agent nor executor is there then, nor a way to the hub; what has a lease stays off until the
hub has renewed it. And a wrong clock, 1970 or ten years ahead, stops nothing and keeps nothing back; nor does the jump
of 56 years by which a box without a battery gets its time.
"""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import tempfile
import time
from collections.abc import Callable, Sequence

from lab.processes import LabError
from lab.soak_progress import Progress
from lab.uml import UmlBox
from lab.uml_fleet import UmlFleet, service

LEASE_S = 60
WATCHED_S = 20.0
YEARS_S = 10 * 365 * 86_400
_UNITS = ("skerry-agent.service", "skerry-executor.socket", "skerry-executor.service")

Heard = set[tuple[str, str, str]]


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """One course: what was seen, and what of it is wrong ("" where nothing is)."""

    name: str
    seen: str
    problem: str = ""

    @property
    def met(self) -> bool:
        """Whether it came to what is asked for."""
        return not self.problem


def offline(count: int = 4, progress: Progress[Result] | None = None) -> list[Result]:
    """Do the courses one after the other, so many in all, and return what was seen."""
    progress = progress or Progress(count, "courses")
    courses = itertools.islice(
        itertools.cycle((rebooted_offline, clock_in_1970, clock_ten_years_ahead, booted_in_1970)),
        count,
    )
    with tempfile.TemporaryDirectory(prefix="offline-") as name:
        fleet = UmlFleet(pathlib.Path(name), 1)
        try:
            fleet.start()
            fleet.apply(service("good", "keeps", restart="always"), "keeps")
            fleet.apply(service("good", "stays", restart="unless-stopped"), "stays")
            leased = service("good", "leased", x_lifecycle=f"{{stopAfter: {LEASE_S}s}}")
            fleet.apply(leased, "leased")
            fleet.until_beating("all three", _hears("keeps", "stays", "leased"))
            progress.begin()
            for course in courses:
                one = _done(fleet, course)
                progress.add(one, table([one]))
                if progress.ended:
                    break
        finally:
            fleet.stop()
    return progress.found


def _done(fleet: UmlFleet, course: Callable[[UmlFleet, UmlBox], str]) -> Result:
    name = course.__name__.replace("_", " ")
    try:
        return Result(name, course(fleet, fleet.boxes[0]))
    except (LabError, OSError) as error:
        return Result(name, "", f"{error}\n{_words(fleet.boxes[0])}")


def rebooted_offline(fleet: UmlFleet, box: UmlBox) -> str:
    """Boot without agent, executor and broker; then with them again."""
    for unit in _UNITS:
        box.run("systemctl", "mask", "--now", unit)
    fleet.broker.kill()
    box.run("sync")
    box.cut()
    time.sleep(1.5)
    booted_s = time.monotonic()
    box.start()
    running_s = fleet.until_beating("those without a lease", _hears("keeps", "stays"), 180)
    _watch(fleet, {"keeps", "stays"}, WATCHED_S)
    box.wait()
    fleet.broker.start()
    for unit in _UNITS:
        box.run("systemctl", "unmask", unit)
    starts = _starts(box, ("keeps", "stays"))
    box.run("systemctl", "start", "skerry-executor.socket", "skerry-agent.service")
    begun_s = time.monotonic()
    leased_s = fleet.until_beating("the one with a lease", _hears("keeps", "stays", "leased"), 180)
    if _starts(box, ("keeps", "stays")) != starts:
        raise LabError("what ran was started anew when the agent came back")
    since = fleet.beats.since(booted_s)
    first = min(one.at_s for one in since if one.instance == "leased") - begun_s
    if first < 0.0:
        raise LabError("the one with a lease ran before the hub could renew it")
    return (
        f"both without a lease ran {running_s:.0f} s after power on, with no agent, executor nor "
        f"broker; the leased one stayed off, and ran {leased_s:.0f} s after these were back; "
        "nothing else was touched"
    )


def clock_in_1970(fleet: UmlFleet, box: UmlBox) -> str:
    """Set the clock to an hour after 1970; the kernel takes none that is less than its uptime."""
    return _with_clock(fleet, box, 3600.0)


def booted_in_1970(fleet: UmlFleet, box: UmlBox) -> str:
    """Boot with a clock without a battery and no broker; then the time comes, by one jump."""
    box.run("tee", f"/etc/systemd/system/{_CLOCK}", data=_CLOCK_UNIT)
    box.run("systemctl", "enable", _CLOCK)
    fleet.broker.kill()
    box.run("sync")
    box.cut()
    time.sleep(1.5)
    box.start()
    names = {"keeps", "stays"}
    running_s = fleet.until_beating("those without a lease", _hears(*names), 180)
    box.wait()
    if (year := box.run("date", "+%Y").strip()) != "1970":
        raise LabError(f"it booted in {year}")
    _watch(fleet, names, WATCHED_S)
    box.run("systemctl", "disable", _CLOCK)
    box.run("date", "-s", f"@{time.time():.0f}")
    _watch(fleet, names, WATCHED_S)
    starts = _starts(box, tuple(names))
    fleet.broker.start()
    back_s = fleet.until_beating("the one with a lease", _hears("leased", *names), 180)
    if _starts(box, tuple(names)) != starts:
        raise LabError("what ran was started anew when the broker came back")
    return (
        f"what has no lease ran {running_s:.0f} s after power on and through a jump of 56 years; "
        f"the leased one ran {back_s:.0f} s after the broker was back; nothing was started anew"
    )


_CLOCK = "clock-1970.service"
_CLOCK_UNIT = """\
[Unit]
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
ExecStart=/bin/date -s @3600
[Install]
WantedBy=sysinit.target
"""


def clock_ten_years_ahead(fleet: UmlFleet, box: UmlBox) -> str:
    """Set the clock ten years ahead."""
    return _with_clock(fleet, box, time.time() + YEARS_S)


def _with_clock(fleet: UmlFleet, box: UmlBox, wall_s: float) -> str:
    names = {"keeps", "stays", "leased"}
    box.run("date", "-s", f"@{wall_s:.0f}")
    _watch(fleet, names, WATCHED_S)
    box.run("systemctl", "restart", "skerry-agent.service")
    box.run("systemctl", "kill", "-s", "KILL", "skerry-executor.service", check=False)
    _watch(fleet, names, WATCHED_S)
    revision = "better" if ("good" in _revisions(fleet, "keeps")) else "good"
    fleet.apply(service(revision, "keeps", restart="always"), "keeps")
    taken_s = fleet.until_beating(
        "the order under a wrong clock", lambda heard: revision in _of(heard, "keeps"), 120
    )
    box.run("date", "-s", f"@{time.time():.0f}")
    _watch(fleet, names, WATCHED_S)
    return (
        f"nothing stopped in {2 * WATCHED_S:g} s with it, agent and executor started anew meanwhile, "
        f"nor in {WATCHED_S:g} s after it was right again; an order ran after {taken_s:.0f} s"
    )


def _words(box: UmlBox) -> str:
    try:
        units = [word for unit in _UNITS for word in ("-u", unit)]
        return box.run("journalctl", "--no-pager", "-o", "short-monotonic", "-n", "60", *units)
    except (LabError, OSError) as error:
        return f"{error}\n{box.last_words()}"


def _revisions(fleet: UmlFleet, instance: str) -> set[str]:
    return _of(fleet.beating(time.monotonic() - 1.5), instance)


def _of(heard: Heard, instance: str) -> set[str]:
    return {revision for _, one, revision in heard if one == instance}


def _hears(*names: str) -> Callable[[Heard], bool]:
    return lambda heard: {one for _, one, _ in heard} >= set(names)


def _watch(fleet: UmlFleet, names: set[str], for_s: float, gap_s: float = 3.0) -> None:
    """Raise LabError unless these, and no others, are heard all the time."""
    begun_s = time.monotonic()
    time.sleep(for_s)
    beats = fleet.beats.since(begun_s)
    others = {one.instance for one in beats} - names
    if others:
        raise LabError(f"{sorted(others)} ran")
    for name in names:
        at = [begun_s, *(one.at_s for one in beats if one.instance == name), begun_s + for_s]
        longest_s = max(later - earlier for earlier, later in itertools.pairwise(at))
        if longest_s > gap_s:
            raise LabError(f"{name} was not heard for {longest_s:.1f} s")


def _starts(box: UmlBox, names: tuple[str, ...]) -> list[str]:
    wanted = [f"skerry-{name}-{name}-0-{name}" for name in names]
    return [box.run("podman", "inspect", "-f", "{{.State.StartedAt}}", name) for name in wanted]


def table(found: Sequence[Result]) -> str:
    """Return what was seen, a line for each course."""
    return "\n".join(f"{one.name}: {one.problem or one.seen}" for one in found)
