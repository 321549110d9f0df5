"""`skerry explain`: why a workload is placed where it is, or nowhere."""

from __future__ import annotations

from typing import Any

import click

from skerry_cli.explain_text import show
from skerry_cli.failures import Exit
from skerry_cli.hub import path
from skerry_cli.records import Explanation, read
from skerry_cli.screen import Screen
from skerry_cli.session import Session, anywhere, complete_names, output

MOST = 1000
"""The API's limit."""

EXAMPLES = """\b
REFUSES counts the nodes that a constraint refuses, ALONE those that it alone refuses: the nodes
that would fit without it.
\b
Examples:
  skerry explain shop-web
  skerry explain shop-web --node box-1
  skerry explain shop-web --instance shop-web-7
  skerry explain shop-web --limit 100
\b
Exit status: 3 when it is not fully placed.
"""


@click.command(epilog=EXAMPLES)
@click.argument("workload", shell_complete=complete_names("workloads"))
@click.option("--node", help="Only this node's reasons.", shell_complete=complete_names("nodes"))
@click.option(
    "--instance",
    metavar="ID",
    help="Why this one is where it is.",
    shell_complete=complete_names("instances"),
)
@click.option(
    "--limit",
    type=click.IntRange(1, MOST),
    metavar="N",
    help="Show so many nodes that take it, and so many that do not (default: 20).",
)
@click.option("--all", "everything", is_flag=True, help=f"As --limit {MOST}.")
@output("json", "yaml")
@anywhere
@click.pass_context
def explain(ctx: click.Context, /, workload: str, node: str | None, **options: Any) -> None:
    """Tell the reasons of nodes for and against a workload, and what would help.

    Of the first instances, or of one: its node with the parts of its score, and the runners-up.
    """
    session: Session = ctx.obj
    limit = MOST if options["everything"] else options["limit"]
    query = {"node": node, "instance": options["instance"], "limit": limit}
    answer = session.connect().get(path("workloads", workload, "explain"), query)
    found, screen = read(Explanation, answer), Screen()
    if options["form"]:
        screen.document(answer, options["form"])
    else:
        show(screen, found, whole=node is None)
    if found.placed < found.wanted:
        ctx.exit(Exit.NOT_PLACED)
