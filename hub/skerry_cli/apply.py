"""`skerry apply`: makes the hub want what compose files and documents say."""

from __future__ import annotations

from typing import Any

import click

from skerry_cli.failures import Exit, RefusedError
from skerry_cli.files import Asked, asked_of, file_options
from skerry_cli.hub import Hub, path
from skerry_cli.session import Session, anywhere, output, time_limit

EXAMPLES = """\b
Examples:
  skerry apply -f shop.yaml
  skerry apply -f shop.yaml --wait --timeout 2m
  skerry apply -f shop.yaml -f depot.yaml --prune
  generate | skerry apply -f - --project shop
  skerry apply -f prices.yaml -f policies.yaml
  skerry plan -f shop.yaml --out shop.plan && skerry apply --plan shop.plan
\b
Exit status: 3 when something found no node, 4 when --wait ran out of time, 6 when the plan of
--plan is stale: then nothing was done. Plan again, or add --same-outcome.
"""


@click.command(epilog=EXAMPLES)
@file_options
@click.option("--prune", is_flag=True, help="Remove workloads that the files no longer name.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option(
    "--plan",
    "planned",
    metavar="FILE",
    type=click.Path(),
    help="Do exactly what a plan says (of plan --out), or nothing.",
)
@click.option(
    "--same-outcome",
    is_flag=True,
    help="With --plan: whatever changed since, as long as the outcome is the same.",
)
@click.option("--wait", "wait", is_flag=True, help="Return when everything runs.")
@time_limit
@output("json", "yaml")
@anywhere
@click.pass_context
def apply(
    ctx: click.Context, /, files: tuple[str, ...], project: str | None, **options: Any
) -> None:
    """Make the hub want what compose files say: each service becomes a workload.

    A file of documents, each with its kind (Policy, Prices, Dataset, Endpoint, Reservation,
    MaintenanceWindow) and with --- between them, is kept before anything is placed.
    """
    session: Session = ctx.obj
    asked = _asked(files, project, options)
    hub = session.connect()
    answer = _answer(hub, "plan" if options["dry_run"] else "apply", asked)
    # Imported only now: the boxes start to work 30 ms earlier.
    from skerry_cli.applied import show_applied, wait_until_runs  # noqa: PLC0415
    from skerry_cli.plan import BEFORE, show_plan  # noqa: PLC0415
    from skerry_cli.records import Plan, read  # noqa: PLC0415
    from skerry_cli.screen import Screen  # noqa: PLC0415

    found, screen = read(Plan, answer), Screen()
    if options["dry_run"]:
        show_plan(screen, answer, options["form"], explain=BEFORE)
    else:
        show_applied(screen, answer, options["form"])
        if options["wait"]:
            wait_until_runs(screen, hub, found, options["timeout"], quiet=bool(options["form"]))
    if found.unplaced:
        ctx.exit(Exit.NOT_PLACED)


def _asked(files: tuple[str, ...], project: str | None, options: dict[str, Any]) -> Asked:
    """Return what is asked for: by files, or by a plan."""
    name = options["planned"]
    if name is None:
        if options["same_outcome"]:
            raise click.UsageError("--same-outcome is about the plan of --plan")
        return asked_of(files, project, prune=options["prune"])
    if files or project is not None or options["prune"]:
        raise click.UsageError("a plan has its files, project and --prune in it")
    from skerry_cli.plan_file import load  # noqa: PLC0415

    body = load(name)
    return Asked({**body, "only_outcome": True} if options["same_outcome"] else body)


def _answer(hub: Hub, verb: str, asked: Asked) -> Any:
    try:
        with asked.places.told():
            return hub.post(path(verb), asked.body)
    except RefusedError as failure:
        if "basis" in asked.body:
            failure.as_stale()
        raise
