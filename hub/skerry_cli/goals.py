"""What a wait waits for: looks whether it is reached, and says what was seen last."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Literal

from skerry_cli import words
from skerry_cli.failures import Exit, Failure, RefusedError
from skerry_cli.follow import follow
from skerry_cli.hub import Hub, path
from skerry_cli.job_records import has_given_up, need_not_run
from skerry_cli.records import Instance, Node, Workload, items_of, part_of, read
from skerry_cli.rollout_records import Rollout, RolloutDetail
from skerry_cli.rollout_text import counts
from skerry_cli.screen import Screen
from skerry_wire.frozen import frozen

Wanted = Literal["online", "running", "completed", "healthy", "deleted"]
"""`running`, of jobs: running, done, or scheduled; `completed`: every job's last run succeeded.

`healthy`, of an instance: running, and not found unhealthy.
"""
GOALS: dict[str, tuple[Wanted, ...]] = {
    "node": ("online", "deleted"),
    "workload": ("running", "completed", "deleted"),
}
_AS_WANTED = ("running", "scheduled", "completed")
_PARTLY = "updated where it found a node"
TELL_WITHIN_S = 5.0
"""How long the hub may take to say what a wait that is over still waited for."""


@frozen()
class Goal:
    """A thing, and how it shall be. Of an instance that moves, there is one on each `node`.

    `by_rollout`: a workload's rollout that is done is enough, though nodes that are away have not
    followed yet; one that pauses ends the wait. `revision`: the number that was applied; where the
    hub rolls that one back by itself, the wait ends, too. 0: not known. `partly`: what found no
    node is not waited for.
    """

    kind: str
    name: str
    wanted: Wanted
    node: str = ""
    by_rollout: bool = False
    revision: int = 0
    partly: bool = False

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}" + (f" on {self.node}" if self.node else "")

    @property
    def lasts(self) -> bool:
        """Whether it stays reached: what a workload is may end while others are waited for."""
        return self.kind != "workload" or self.wanted == "deleted"


@frozen()
class Seen:
    """How a thing was at the last look."""

    reached: bool
    text: str
    hopeless: bool = False
    """Whether it will not come so by itself."""
    workload: Workload | None = None
    """Where one is waited for, as it was."""
    state: str = ""
    """Of a workload that is as it shall be, in one word."""


def look_at(hub: Hub, goal: Goal) -> Seen:
    """Return how far a goal is."""
    if goal.kind == "instance":
        return _instance(hub, goal)
    try:
        answer = hub.get(path(f"{goal.kind}s", goal.name))
    except RefusedError as failure:
        if not failure.unknown_name:
            raise
        return _absent(hub, goal)
    view = part_of(answer, goal.kind)
    if goal.kind == "node":
        return _node(read(Node, view), goal, hub.now())
    return _workload(read(Workload, view), goal)


def _instance(hub: Hub, goal: Goal) -> Seen:
    try:
        items = items_of(hub.get(path("instances"), {"node": goal.node}))
    except RefusedError as failure:
        if not failure.unknown_name:
            raise
        return Seen(goal.wanted == "deleted", "its node is forgotten")
    there = (read(Instance, item) for item in items)
    found = next((one for one in there if one.id == goal.name), None)
    if found is None:
        return Seen(goal.wanted == "deleted", "it is not there")
    return seen_of(found, goal.wanted)


def seen_of(found: Instance, wanted: Wanted, revision: str = "") -> Seen:
    """Return how far an instance is. `revision`: one that will do, as the newest does."""
    text = str(found.state) + (f": {found.reason}" if found.reason else "")
    works = found.state == "running" or need_not_run(found.state, found.job)
    wanted_revision = found.current or found.revision == revision
    runs = works and wanted_revision and found.health != "starting"
    if wanted == "healthy":
        checked = "" if found.health == "none" else f", {found.health}"
        return Seen(runs and found.health != "unhealthy", text + checked)
    return Seen(wanted == "running" and runs, text)


def _absent(hub: Hub, goal: Goal) -> Seen:
    if goal.wanted != "deleted":
        return Seen(False, f"the hub knows no such {goal.kind}")
    if goal.kind == "node":
        return Seen(True, "deleted")
    # The workload is forgotten at once; its instances end when their nodes say so.
    left = [
        instance
        for item in items_of(hub.get(path("instances"), {"workload": goal.name}))
        if (instance := read(Instance, item)).workload == goal.name
    ]
    if not left:
        return Seen(True, "deleted")
    return Seen(False, "; ".join(f"{one.id} is still {one.state} on {one.where}" for one in left))


def _node(node: Node, goal: Goal, now: float) -> Seen:
    text = f"{node.liveness}, heard of {words.age(node.last_seen, now)} ago"
    if not node.last_seen:
        text = f"{node.liveness}, never heard of"
    if node.capability is None:
        # A node that is only just connected takes no workload yet.
        return Seen(False, f"{text}, its hardware not known yet")
    return Seen(goal.wanted == node.liveness, text)


def _workload(workload: Workload, goal: Goal) -> Seen:
    rollout = workload.rollout if goal.by_rollout else None
    ends = None if rollout is None else _failed(rollout, goal)
    if ends is not None:
        return dataclasses.replace(ends, workload=workload)
    gave_up = any(one.current and has_given_up(one.state, one.job) for one in workload.instances)
    if goal.partly and rollout is not None and rollout.state == "done" and not rollout.failed:
        return Seen(not gave_up, rollout.reason, hopeless=gave_up, state=_PARTLY, workload=workload)
    if rollout is not None and rollout.state == "done" and rollout.behind and not rollout.failed:
        there = not gave_up and workload.current + rollout.behind >= workload.wanted
        text = f"{counts(rollout)}: {rollout.reason}"
        return Seen(there, text, hopeless=gave_up, workload=workload)
    text = f"{workload.state}, {_how_many(workload)}"
    text += f" ({workload.reason})" if workload.reason else ""
    if goal.wanted == "completed":
        done = bool(workload.instances) and all(
            one.current and one.job is not None and one.job.succeeded for one in workload.instances
        )
        there = done and workload.state in _AS_WANTED
        return Seen(there, text, hopeless=gave_up, workload=workload)
    reached = goal.wanted == "running" and workload.state in _AS_WANTED
    state = workload.state if reached else ""
    return Seen(reached, text, hopeless=gave_up, state=state, workload=workload)


def _how_many(workload: Workload) -> str:
    """Return how many run: `1 of 3 running`; where some run another revision, how many which."""
    former = sum(one.state == "running" and not one.current for one in workload.instances)
    if not former:
        return f"{workload.current} of {workload.wanted} running"
    verb = "runs" if former == 1 else "run"
    return (
        f"{workload.current} of {workload.wanted} at the new revision, {former} {verb} the former"
    )


def _failed(rollout: Rollout, goal: Goal) -> Seen | None:
    """Return what is seen of a rollout that will not bring what was applied, None of another."""
    failed = rollout.rolled_back
    if failed is not None and failed.number == goal.revision:
        so_far = "" if rollout.state == "done" else f" ({rollout.state}: {counts(rollout)})"
        text = f"rolled back to revision {failed.to}{so_far}: {failed.reason}"
        return Seen(False, text, hopeless=True)
    if rollout.state == "failed":
        text = f"its rollout failed: {rollout.reason}; skerry rollout status {goal.name}"
        return Seen(False, text, hopeless=True)
    if rollout.state != "paused":
        return None
    if rollout.rolls_back:
        return Seen(False, f"its rollout failed: {rollout.reason}")  # the hub is about to do it
    text = f"its rollout is paused: {rollout.reason}; skerry rollout status {goal.name}"
    return Seen(False, text, hopeless=True)


def wait_for(screen: Screen, hub: Hub, goals: Sequence[Goal], timeout_s: float) -> dict[Goal, Seen]:
    """Return how all is when every goal is reached, of workloads: at one look.

    Raises Failure as soon as one is hopeless, and with what is missing after the time.

    Progress is shown where a person watches the messages.
    """
    if not goals:
        return {}
    last: dict[Goal, Seen] = {}
    hub.deadline = time.monotonic() + timeout_s
    progress, say = _progress(screen)
    with progress as show:

        def look() -> bool:
            for goal in goals:
                if goal not in last or not last[goal].reached or not goal.lasts:
                    last[goal] = look_at(hub, goal)
            show(last)
            _check_hope(hub, last)
            return all(seen.reached for seen in last.values())

        with contextlib.closing(follow(hub, look, say)) as looks:
            if any(looks):
                return last
    hub.deadline = time.monotonic() + TELL_WITHIN_S
    lines = []
    for goal in goals:
        seen = last.get(goal)
        if seen is None or not seen.reached:
            how = "the hub did not answer" if seen is None else f"last seen: {seen.text}"
            lines.append(f"{goal} is not {goal.wanted} after {words.duration(timeout_s)}; {how}")
            lines += _awaited(hub, seen)
    raise Failure("\n".join(lines), Exit.TIMED_OUT)


def _awaited(hub: Hub, seen: Seen | None) -> list[str]:
    """Return what of a workload is still waited for, with what its rollout says if that is told."""
    if seen is None or seen.workload is None:
        return []
    from skerry_cli.awaited import awaited  # noqa: PLC0415 - few waits end so

    workload, detail = seen.workload, None
    if workload.rollout is not None and workload.rollout.state != "done":
        with contextlib.suppress(Failure):
            detail = read(RolloutDetail, hub.get(path("workloads", workload.name, "rollout")))
    return awaited(workload, detail)


def _check_hope(hub: Hub, last: dict[Goal, Seen]) -> None:
    """Raise Failure where waiting is in vain: first with what is hopeless, then with the rest."""
    if not any(seen.hopeless for seen in last.values()):
        return
    lines = []
    for goal, seen in sorted(last.items(), key=lambda item: not item[1].hopeless):
        if not seen.reached:
            yet = "" if seen.hopeless else " yet"
            lines += [f"{goal} is not {goal.wanted}{yet}: {seen.text}", *_awaited(hub, seen)]
    raise Failure("\n".join(lines), Exit.ERROR)


Show = Callable[[dict[Goal, Seen]], None]


def _progress(
    screen: Screen,
) -> tuple[contextlib.AbstractContextManager[Show], Callable[[str], None]]:
    if screen.shows_progress:
        from skerry_cli.progress import progress  # noqa: PLC0415 - rich takes long to import

        return progress()
    return contextlib.nullcontext(lambda _: None), screen.note
