"""`skerry delete`: deletes workloads and documents, or forgets nodes."""

from __future__ import annotations

from typing import Any

import click

from skerry_cli.confirming import confirm, yes_option
from skerry_cli.document_kinds import DOCUMENT_KINDS
from skerry_cli.failures import Exit, Failure, RefusedError
from skerry_cli.files import asked_of, file_options
from skerry_cli.goals import Goal, wait_for
from skerry_cli.hub import Hub, path
from skerry_cli.kind import Kind
from skerry_cli.kinds import NODE, WORKLOAD
from skerry_cli.plan import tell_shortages
from skerry_cli.plan_text import lines
from skerry_cli.records import Plan, read
from skerry_cli.screen import Screen
from skerry_cli.session import Session, anywhere, complete_names, time_limit

DELETED = (WORKLOAD, NODE, *DOCUMENT_KINDS)
"""The kinds that can be deleted."""

EXAMPLES = """\b
A node that is online is not forgotten: stop its agent first. What it runs keeps running; its
instances are placed on other nodes, and when it connects again it registers anew, and is held.
A document is gone at once; what it kept from running is placed then, and nothing moves.
\b
Examples:
  skerry delete workload shop-web shop-db --wait
  skerry delete -f shop.yaml --ignore-not-found
  skerry delete node box-7
  skerry delete policy eu-only
"""


@click.command(epilog=EXAMPLES)
@click.argument("kind", type=click.Choice([kind.name for kind in DELETED]), required=False)
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_names())
@file_options
@click.option("--ignore-not-found", is_flag=True, help="What is not there is no error.")
@click.option("--wait", "wait", is_flag=True, help="Return when it is gone from the nodes, too.")
@time_limit
@yes_option("Do not ask before a node is forgotten. Without a terminal it must be given.")
@anywhere
@click.pass_context
def delete(ctx: click.Context, /, kind: str | None, names: tuple[str, ...], **options: Any) -> None:
    """Delete workloads or documents, by name or by the files that they came from.

    Or forget nodes.
    """
    session: Session = ctx.obj
    hub, screen = session.connect(), Screen()
    wanted = _wanted(hub, kind, names, options)
    if kind == "node":
        nodes = ", ".join(name for _, name in wanted)
        confirm(f"Forget node {nodes}, and place its instances anew?", yes=options["yes"])
    goals, missing, unplaced = [], [], False
    for what, name in wanted:
        try:
            answer = hub.delete(path(*what.where(name)))
        except RefusedError as failure:
            if not failure.unknown_name:
                raise
            missing.append(failure)
            continue
        screen.line(f"{what.name}/{name} deleted")
        if what.document:
            continue  # it is gone at once
        goals.append(Goal(what.name, name, "deleted"))
        unplaced = _show(screen, what, read(Plan, answer)) or unplaced
    if options["wait"]:
        wait_for(screen, hub, goals, options["timeout"])
    if missing and not options["ignore_not_found"]:
        raise RefusedError(404, [line for failure in missing for line in failure.lines])
    if unplaced:
        ctx.exit(Exit.NOT_PLACED)


def _wanted(
    hub: Hub, kind: str | None, names: tuple[str, ...], options: dict[str, Any]
) -> list[tuple[Kind, str]]:
    """Return what to delete, workloads before documents. Asks the hub what the files name."""
    files, project = options["files"], options["project"]
    if bool(files) == bool(kind):
        raise click.UsageError("give either a kind and its NAMEs, as workload shop-web, or -f FILE")
    if kind and not names:
        raise click.UsageError(f"name at least one {kind}")
    if kind:
        named = next(one for one in DELETED if one.name == kind)
        return [(named, name) for name in dict.fromkeys(names)]
    asked = asked_of(files, project)
    with asked.places.told():
        found = read(Plan, hub.post(path("plan"), asked.body))
    workloads = sorted({*found.created, *found.updated, *found.unchanged})
    wanted = [(WORKLOAD, name) for name in workloads]
    kinds = {one.document: one for one in DOCUMENT_KINDS}
    wanted += [(kinds[one.kind], one.name) for one in found.documents if one.kind in kinds]
    if not wanted:
        raise Failure("the files name no workload, and no document")
    return wanted


def _show(screen: Screen, kind: Kind, plan: Plan) -> bool:
    """Write what else that changes; say whether something found no node."""
    for line in lines(plan, {}):
        # The head of a workload's lines is known where the workload itself was deleted.
        if kind is NODE or len(line) > 1:
            screen.line(*line)
    tell_shortages(screen, plan)
    return bool(plan.unplaced)
