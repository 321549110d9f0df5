"""`skerry plan`: what an apply would do."""

from __future__ import annotations

from typing import Any

import click

from skerry_cli.failures import Exit
from skerry_cli.files import body_of, file_options
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
\b
Signs: + create, ~ replace, > move, - remove, = keep (with -v)
"""


@click.command(epilog=EXAMPLES)
@file_options
@click.option("--prune", is_flag=True, help="Remove workloads that the files no longer name.")
@click.option("--exit-code", "tell", is_flag=True, help="Exit with 5 when changes are pending.")
@click.option("-v", "--verbose", is_flag=True, help="Show the instances that stay, too.")
@output("json", "yaml")
@anywhere
@click.pass_context
def plan(
    ctx: click.Context, /, files: tuple[str, ...], project: str | None, **options: Any
) -> None:
    """Show what an apply would do, and do nothing."""
    session: Session = ctx.obj
    body = body_of(files, project, prune=options["prune"])
    answer = session.connect().post(path("plan"), body)
    found = read(Plan, answer)
    show_plan(Screen(), answer, options["form"], verbose=options["verbose"])
    if found.unplaced:
        ctx.exit(Exit.NOT_PLACED)
    if options["tell"] and pending(found):
        ctx.exit(Exit.CHANGES_PENDING)


def show_plan(screen: Screen, answer: Any, form: str | None, *, verbose: bool = False) -> None:
    """Write what would be done; what cannot be placed is a message."""
    found = read(Plan, answer)
    if form:
        screen.document(answer, form)
    else:
        for line in lines(found, MEANT, keep=verbose):
            screen.line(*line)
        screen.line(summary(found))
    tell_shortages(screen, found)


def tell_shortages(screen: Screen, found: Plan) -> None:
    """Write messages about what is not placed, and about what the files no longer name."""
    for name in found.orphans:
        screen.note(f"workload/{name} is no longer named by the files of its project (--prune)")
    for explanation in found.unplaced:
        screen.note(shortage(explanation))
        screen.note(f"  every reason: skerry explain {explanation.workload}")
