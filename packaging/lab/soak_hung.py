"""A runtime that hangs, then one that is gone: said in the report, and all else goes on.

podman's service is stopped with SIGSTOP, or ended, for a while. Meanwhile heartbeats, labels and a
probe must come through; and, with the hub away, a leased container must end on time although
nobody can ask podman to stop it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence

from lab.podman import Podman
from lab.processes import LabError, wait_for
from lab.soak_box import SoakBox, Watched, finish
from lab.soak_progress import Progress

CONTAINERS = 4
KINDS = ("hung", "gone")
FOR_S = 600.0
LEASE_S = 15.0
LEASED = "soak-leased-0"
TOLD_S = {"hung": 45.0, "gone": 15.0}
"""By then the report says it: a call of the runtime's takes 30 s at most, and a visit begins it."""
SILENCE_S = 5.0
"""Heartbeats are sent each second."""
OTHER_S = 10.0
"""By then what needs no runtime is answered."""
LATE_S = 1.0
HEALED_S = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class Away:
    """One time without the runtime; None is never.

    `told_s` after which the report said so in `words`, `silence_s` the longest time between two
    heartbeats, `probe_s` until the box answered a request to probe, `lease_s` from when the hub
    went to the end of the leased container, `healed_s` from the runtime's return.
    """

    kind: str
    for_s: float
    told_s: float | None
    words: str
    silence_s: float
    probe_s: float | None
    lease_s: float | None
    healed_s: float | None
    problems: tuple[str, ...] = ()

    @property
    def met(self) -> bool:
        """Whether it came to what is asked for."""
        limits = (
            (self.told_s, TOLD_S[self.kind]),
            (self.silence_s, SILENCE_S),
            (self.probe_s, OTHER_S),
            (self.lease_s, LEASE_S + LATE_S),
            (self.healed_s, HEALED_S),
        )
        in_time = all(took is not None and took <= most for took, most in limits)
        return in_time and not self.problems


def aways(
    for_s: float,
    podman: Podman | None = None,
    kinds: Sequence[str] = KINDS,
    *,
    leased: bool = True,
    progress: Progress[Away] | None = None,
) -> list[Away]:
    """Take the runtime away in each way for so long, and return what was seen."""
    progress = progress or Progress(for_s * len(kinds), "seconds")
    with tempfile.TemporaryDirectory(prefix="hung-") as name:
        fleet = SoakBox(pathlib.Path(name), podman)
        try:
            fleet.start()
            for number in range(CONTAINERS - 1):
                fleet.want(f"one{number}")
            if leased:
                fleet.want("leased", lifecycle=f"{{stopAfter: {LEASE_S:g}s}}")
            fleet.applied()
            progress.begin()
            for kind in kinds:
                away = _one(fleet, kind, for_s, leased=leased)
                progress.add(away, _line(away), for_s)
                if progress.ended:
                    break
        finally:
            fleet.stop()
    return progress.found


@contextlib.contextmanager
def _without(podman: Podman, kind: str) -> Iterator[None]:
    pid = podman.pid
    if kind == "hung":
        os.kill(pid, signal.SIGSTOP)
    else:
        podman.stop()
    try:
        yield
    finally:
        if kind == "hung":
            os.kill(pid, signal.SIGCONT)
        else:
            podman.serve()


def _one(fleet: SoakBox, kind: str, for_s: float, *, leased: bool) -> Away:
    watched = Watched(fleet.running())
    begun = time.monotonic()
    problems: list[str] = []
    try:
        with _without(fleet.podman, kind):
            # A change that needs the runtime; else the agent visits it every ten minutes.
            fleet.revisions["one0"] += 1
            finish(fleet.apply())
            told_s = _soon(
                lambda: fleet.until("it to be said", lambda: bool(_said(fleet)), 120), problems
            )
            words = _said(fleet)
            probe_s = _soon(lambda: _probed(fleet), problems)
            lease_s = _soon(lambda: _lease_ended(fleet, watched), problems) if leased else 0.0
            time.sleep(max(0.0, begun + for_s - time.monotonic()))
            silence_s = fleet.ear.longest_silence_s(begun, time.monotonic())
            problems += [f"{one} ended" for one in watched.ended(LEASED)]
            lasted_s = time.monotonic() - begun
        healed_s = _soon(
            lambda: fleet.until("all to be well", lambda: not fleet.amiss(), 5 * HEALED_S), problems
        )
        problems += [f"{one} was restarted" for one in watched.ended(LEASED, "soak-one0-0")]
    finally:
        watched.close()
    return Away(
        kind, round(lasted_s, 1), told_s, words, round(silence_s, 2), probe_s, lease_s, healed_s,
        tuple(problems),
    )  # fmt: skip


def _soon(look, problems: list[str]) -> float | None:  # type: ignore[no-untyped-def]
    """Return how long it took; None, and a problem, where it did not come."""
    try:
        return round(float(look()), 2)
    except LabError as error:
        problems.append(str(error))
        return None


def _said(fleet: SoakBox) -> str:
    report = fleet.report()
    return "; ".join(report.problems) if report is not None else ""


def _probed(fleet: SoakBox) -> float:
    """Have the box look at its hardware, as an operator would; return how long its answer took."""
    begun = time.monotonic()
    fleet.hub.cli("node", "probe", fleet.box.node)
    return time.monotonic() - begun


def _lease_ended(fleet: SoakBox, watched: Watched) -> float:
    """Take the hub away, wait for the end of the leased container, and bring the hub back."""
    begun = time.monotonic()
    fleet.hub.kill()
    try:
        wait_for("the lease to end", lambda: LEASED in watched.ended(), 3 * LEASE_S)
        return time.monotonic() - begun
    finally:
        fleet.hub.start()


def _line(one: Away) -> str:
    def told(took: float | None) -> str:
        return "never" if took is None else f"{took:.1f} s"

    return (
        f"{one.kind} for {one.for_s:g} s: said after {told(one.told_s)} ({one.words}); longest time "
        f"without a heartbeat {one.silence_s:.1f} s; a probe answered after {told(one.probe_s)}; the "
        f"leased container ended {told(one.lease_s)} after the hub went (lease {LEASE_S:g} s); "
        f"as wanted {told(one.healed_s)} after its return {'; '.join(one.problems)}"
    )


def table(found: Sequence[Away]) -> str:
    """Return what it came to."""
    return "\n".join(_line(one) for one in found)
