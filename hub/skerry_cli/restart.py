"""`skerry restart`: stops and starts what runs, on its box, one instance after the other."""

from __future__ import annotations

import contextlib
import time

import click

from skerry_cli import words
from skerry_cli.failures import Exit, Failure
from skerry_cli.follow import follow
from skerry_cli.goals import Goal, seen_of
from skerry_cli.hub import Hub, path
from skerry_cli.named_instances import complete_instances, instances_of
from skerry_cli.records import Instance, items_of, read
from skerry_cli.screen import Screen
from skerry_cli.session import Session, anywhere, time_limit

WITHIN_S = 300.0
"""How long a box may take to stop and start one."""

EXAMPLES = """\b
The same containers are stopped, each within its grace, and started again; nothing is pulled or made
anew. An image or a start that an instance waits for is tried again at once. Of a workload the next
instance follows when the last one runs and is healthy: what fails ends it there. One that is not
started again when it ends (restart: no, or on-failure) may as well have ended with 0 by then. Jobs
are not restarted.
\b
Examples:
  skerry restart shop-web              every instance, one after the other
  skerry restart shop-web-0 --no-wait
  skerry restart shop-web-0 -c db      one container of it
\b
Exit status: 1 when one cannot be started, its image not be had, or it fails again once it is
started, or ends with another code than 0; 4 when one is not healthy in time.
"""


@click.command(epilog=EXAMPLES)
@click.argument("name", metavar="[NODE/]INSTANCE|WORKLOAD", shell_complete=complete_instances)
@click.option("-c", "--container", default="", help="Only this container (default: all).")
@click.option("--wait/--no-wait", default=True, help="Return when all are healthy (default).")
@time_limit
@anywhere
@click.pass_obj
def restart(session: Session, /, name: str, container: str, wait: bool, timeout: float) -> None:
    """Stop and start the containers of instances."""
    hub, screen = session.connect(), Screen()
    for instance in instances_of(hub, name):
        query = {"container": container or None, "within_s": WITHIN_S}
        at = path("instances", instance.id, "restart")
        hub.deadline = None
        # As it is just before: of a workload it was read before the others were restarted.
        before = _now(hub, instance) or instance
        hub.post(at, query=query, within_s=WITHIN_S + 60)
        has_ended = wait and _until_healthy(hub, screen, before, timeout)
        ended = ", and has ended with 0" if has_ended else ""
        screen.line(f"instance/{instance.id} restarted on {instance.where}{ended}")


def _until_healthy(hub: Hub, screen: Screen, before: Instance, timeout_s: float) -> bool:
    """Wait until it runs anew and is healthy, or has ended well: what is known may be from before.

    The revision that ran before will do: what is held back, paused, or waits for its turn runs
    that one anew. Says whether it has ended. Raises Failure at once where it has failed.
    """
    goal = Goal("instance", before.id, "healthy", before.node)
    hub.deadline = time.monotonic() + timeout_s
    last, has_ended = "the hub did not answer", False

    def look() -> bool:
        nonlocal last, has_ended
        now = _now(hub, before)
        if now is None:
            last = "it is not there"
            return False
        seen = seen_of(now, goal.wanted, before.revision)
        last = seen.text
        if _ended_again(before, now):
            raise Failure(f"{goal} was started, and failed again: {now.reason or now.state}")
        if now.started_at == before.started_at:
            return False
        has_ended = now.state == "exited"
        if has_ended and now.exit_code:
            raise Failure(f"{goal} was started, and has ended: {now.reason or now.exit_code}")
        return has_ended or seen.reached

    with contextlib.closing(follow(hub, look, screen.note)) as looks:
        if any(looks):
            return has_ended
    reason = f"{goal} is not healthy after {words.duration(timeout_s)}; last seen: {last}"
    raise Failure(reason, Exit.TIMED_OUT)


def _ended_again(before: Instance, now: Instance) -> bool:
    """Say whether it has failed since it was started anew.

    What runs is failed, too, for a minute after it was restarted often: that is no end.
    """
    if now.state != "failed":
        return False
    if now.started_at is None:
        # In a crash loop no start is told, but how many there were.
        return now.restarts > before.restarts
    return bool(now.exit_code) and now.started_at != before.started_at


def _now(hub: Hub, instance: Instance) -> Instance | None:
    items = items_of(hub.get(path("instances"), {"node": instance.node}))
    there = (read(Instance, item) for item in items)
    return next((one for one in there if one.id == instance.id), None)
