"""`skerry rollout`: how far updates are, and how to pause, resume and undo them."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import click

from skerry_cli import words
from skerry_cli.failures import Exit, Failure
from skerry_cli.follow import follow
from skerry_cli.hub import Hub, path
from skerry_cli.records import items_of, read, read_all
from skerry_cli.rollout_records import Revision, RevisionDetail, Rollout, RolloutDetail
from skerry_cli.rollout_text import cause, counts, headline, instances, listed
from skerry_cli.rollout_text import history as table_of
from skerry_cli.screen import Screen, plain
from skerry_cli.session import Session, anywhere, complete_names, output, time_limit
from skerry_cli.verbs import Verbs

EXAMPLES = """\b
A workload's new content comes to its instances a few at a time, as its file says it (deploy:
update_config and x-lifecycle). Nodes that are away, or whose policy cannot be used, follow later:
they are behind.
\b
Examples:
  skerry rollout list                    the newest rollout of each workload
  skerry rollout status shop-web         how far it is, and who is not done, and why
  skerry rollout status shop-web -w      until it is done
  skerry rollout pause shop-web          no further instance, until
  skerry rollout resume shop-web         it goes on, whatever failed until now
  skerry rollout undo shop-web           back to what all had; of one that is done, one back
  skerry rollout history shop-web        its revisions, and which instances have which
  skerry rollout undo shop-web --to 3
\b
Exit status of status: 0 done, 1 paused, rolled back or some failed, 3 no node for some, 4 not done
in time (with -w).
"""

WORKLOAD = click.argument("name", metavar="WORKLOAD", shell_complete=complete_names("workloads"))


@click.group(cls=Verbs, epilog=EXAMPLES)
def rollout() -> None:
    """Follow, pause, resume and undo the updates of workloads."""


@rollout.command("list")
@output("json", "yaml")
@anywhere
@click.pass_obj
def list_(session: Session, /, form: str | None) -> None:
    """List the newest rollout of each workload."""
    hub, screen = session.connect(), Screen()
    answer = hub.get(path("rollouts"))
    if form:
        screen.document(answer, form)
        return
    found = read_all(Rollout, items_of(answer))
    if not found:
        screen.note("no workload has a rollout")
        return
    screen.table(listed(found, hub.now()))


@rollout.command()
@WORKLOAD
@click.option("-w", "--watch", is_flag=True, help="Follow it until it is done or pauses.")
@time_limit
@output("json", "yaml")
@anywhere
@click.pass_context
def status(
    ctx: click.Context, /, name: str, *, watch: bool, timeout: float, form: str | None
) -> None:
    """Show how far a workload's instances have come to its newest content."""
    session: Session = ctx.obj
    hub, screen = session.connect(), Screen()
    answer = _watched(hub, screen, name, timeout, form) if watch else _look(hub, name)
    found = read(RolloutDetail, answer)
    if form:
        screen.document(answer, form)
    else:
        if not watch:
            screen.line(*headline(found.rollout))
        _show_instances(screen, found)
    one = found.rollout
    if one.state == "paused" or one.failed or one.rolled_back is not None:
        ctx.exit(Exit.ERROR)
    if one.unplaced:
        ctx.exit(Exit.NOT_PLACED)
    if one.state == "failed":
        ctx.exit(Exit.ERROR)


def _look(hub: Hub, name: str) -> Any:
    return hub.get(path("workloads", name, "rollout"))


def _watched(hub: Hub, screen: Screen, name: str, timeout_s: float, form: str | None) -> Any:
    """Return how a rollout ended; say meanwhile what changes. Raises Failure after the time."""
    _look(hub, name)  # a workload that there is not is said at once
    hub.deadline = time.monotonic() + timeout_s
    last = ""
    seen = None
    with contextlib.closing(follow(hub, lambda: _look(hub, name), screen.note)) as looks:
        for answer in looks:
            seen = read(RolloutDetail, answer).rollout
            cells = headline(seen)
            text = "".join(map(plain, cells))
            if text != last and form is None:
                screen.line(*cells)
            last = text
            if seen.state != "progressing" and not seen.rolls_back:
                return answer
    told = f"; last seen: {counts(seen)}: {seen.reason}" if seen else "; the hub did not answer"
    reason = f"the rollout of {name} is not done after {words.duration(timeout_s)}{told}"
    raise Failure(reason, Exit.TIMED_OUT)


def _show_instances(screen: Screen, found: RolloutDetail) -> None:
    rows = instances(found)
    if rows:
        screen.table(rows, "  ")
    if found.more:
        screen.line(f"  and {words.count(found.more, 'instance')} more")
    if found.rollout.state == "progressing" and found.rollout.reason:
        screen.note(found.rollout.reason)
    if found.rollout.state == "paused" and not found.rollout.rolls_back:
        back = f" (to revision {found.rollout.undone_to})" if found.rollout.undone_to else ""
        name = found.rollout.workload
        screen.note(f"skerry rollout resume {name}, or skerry rollout undo {name}{back}")


@rollout.command()
@WORKLOAD
@anywhere
@click.pass_obj
def pause(session: Session, /, name: str) -> None:
    """Let no further instance be updated; those that are begun come to their end."""
    _turn(session, name, "pause")


@rollout.command()
@WORKLOAD
@anywhere
@click.pass_obj
def resume(session: Session, /, name: str) -> None:
    """Let a paused rollout go on, whatever failed until now."""
    _turn(session, name, "resume")


def _turn(session: Session, name: str, verb: str) -> None:
    answer = session.connect().post(path("workloads", name, "rollout", verb))
    Screen().line(*headline(read(RolloutDetail, answer).rollout))


@rollout.command()
@WORKLOAD
@click.option(
    "--to", type=click.IntRange(min=1), metavar="REVISION", help="A revision of its history."
)
@click.option("--wait", "wait", is_flag=True, help="Return when everything runs.")
@time_limit
@output("json", "yaml")
@anywhere
@click.pass_obj
def undo(
    session: Session, /, name: str, *, to: int | None, wait: bool, timeout: float, form: str | None
) -> None:
    """Want again what a workload was, as a new revision; this also ends a rollout under way.

    Without --to that is what all instances had before the rollout that goes on or is paused, or the
    revision before the present one.
    """
    from skerry_cli.applied import show_applied, wait_until_runs  # noqa: PLC0415
    from skerry_cli.records import Plan  # noqa: PLC0415

    hub, screen = session.connect(), Screen()
    body = {} if to is None else {"to": to}
    answer = hub.post(path("workloads", name, "rollout", "undo"), body)
    show_applied(screen, answer, form)
    found = read(Plan, answer)
    if wait:
        wait_until_runs(screen, hub, found, timeout, quiet=bool(form))
    if found.unplaced:
        raise click.exceptions.Exit(Exit.NOT_PLACED)


@rollout.command()
@WORKLOAD
@click.option(
    "--revision", type=click.IntRange(min=1), metavar="REVISION", help="Show this one, whole."
)
@output("json", "yaml")
@anywhere
@click.pass_obj
def history(session: Session, /, name: str, *, revision: int | None, form: str | None) -> None:
    """Show a workload's revisions, the newest first, or what one of them changed."""
    hub, screen = session.connect(), Screen()
    if revision is not None:
        answer = hub.get(path("workloads", name, "revisions", str(revision)))
        if form:
            screen.document(answer, form)
        else:
            _show_revision(screen, read(RevisionDetail, answer), hub.now())
        return
    answer = hub.get(path("workloads", name, "revisions"))
    if form:
        screen.document(answer, form)
        return
    screen.table(table_of(read_all(Revision, items_of(answer)), hub.now()))


def _show_revision(screen: Screen, found: RevisionDetail, now: float) -> None:
    one = found.revision
    screen.facts(
        [
            ("Revision", str(one.number)),
            ("Digest", one.revision),
            ("Since", f"{words.moment(one.at)} ({words.age(one.at, now)})"),
            ("Cause", cause(one)),
            ("Images", ", ".join(one.images)),
            ("Instances", str(one.instances)),
        ]
    )
    for title, changes in (
        ("Changed against the one before", one.changes),
        ("An undo to it would change", found.undo_changes),
    ):
        if changes:
            screen.section(title)
            for change in changes:
                screen.line(f"  ~ {change}")
