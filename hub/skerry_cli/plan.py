"""`skerry plan`: what an apply would do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from skerry_cli.failures import Exit
from skerry_cli.files import asked_of, file_options
from skerry_cli.hub import path
from skerry_cli.plan_text import MEANT, lines, pending, shortage, summary
from skerry_cli.records import Plan, read
from skerry_cli.screen import Screen
from skerry_cli.session import Session, anywhere, output

EXAMPLES = """\b
Examples:
  skerry plan -f shop.yaml
  skerry plan -f shop.yaml -f depot.yaml --prune
  skerry plan -f shop.yaml --exit-code || skerry apply -f shop.yaml
  skerry plan -f shop.yaml --out shop.plan && skerry apply --plan shop.plan
\b
What is created or moved has the score of its node as it was chosen, from 0 to 1, and what makes
it up; skerry explain tells what each part means for the other nodes.
\b
Signs: + create, ~ replace, > move, - remove, = keep (with -v)
"""


@click.command(epilog=EXAMPLES)
@file_options
@click.option("--prune", is_flag=True, help="Remove workloads that the files no longer name.")
@click.option("--exit-code", "tell", is_flag=True, help="Exit with 5 when changes are pending.")
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(),
    help="Save the plan, so that apply --plan does exactly this.",
)
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Show the instances that stay, too, and the digest of what was decided from.",
)
@output("json", "yaml")
@anywhere
@click.pass_context
def plan(
    ctx: click.Context, /, files: tuple[str, ...], project: str | None, **options: Any
) -> None:
    """Show what an apply would do, and do nothing."""
    session: Session = ctx.obj
    asked = asked_of(files, project, prune=options["prune"])
    with asked.places.told():
        answer = session.connect().post(path("plan"), asked.body)
    found = read(Plan, answer)
    if options["out"] is not None:
        from skerry_cli.plan_file import save  # noqa: PLC0415

        save(options["out"], asked.body, answer, session.url)
    show_plan(Screen(), answer, options["form"], verbose=options["verbose"], explain=BEFORE)
    if found.unplaced:
        ctx.exit(Exit.NOT_PLACED)
    if options["tell"] and pending(found):
        ctx.exit(Exit.CHANGES_PENDING)


EXPLAIN = "skerry explain {workload}"
BEFORE = "skerry simulate --explain {workload}, or once it is applied skerry explain {workload}"
"""Of what is only planned: the hub explains what it has."""


def show_plan(
    screen: Screen,
    answer: Any,
    form: str | None,
    *,
    verbose: bool = False,
    explain: str = EXPLAIN,
) -> None:
    """Write what would be done; what cannot be placed is a message, with what explains it."""
    found = read(Plan, answer)
    if form:
        screen.document(answer, form)
    else:
        for line in lines(found, MEANT, keep=verbose):
            screen.line(*line)
        screen.line(summary(found))
        if verbose and found.basis is not None:
            screen.line(f"decided from inputs {found.basis.inputs}")
    tell_shortages(screen, found, explain)


def tell_shortages(
    screen: Screen, found: Plan, explain: str = EXPLAIN, staying: Mapping[str, int] | None = None
) -> None:
    """Write messages: warnings, what the files no longer name, and what is not placed.

    `staying` says of a workload how many instances stay on a node that they should leave.
    """
    for warning in found.warnings:
        screen.note(f"Warning: {warning}")
    for name in found.orphans:
        screen.note(f"workload/{name} is no longer named by the files of its project (--prune)")
    for explanation in found.unplaced:
        screen.note(shortage(explanation, (staying or {}).get(explanation.workload, 0)))
        command = explain.format(workload=explanation.workload)
        screen.note(f"  every reason: {command}")
