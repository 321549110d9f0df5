"""`skerry replay`: a decision made again from what it was made from."""

from __future__ import annotations

import click

from skerry_cli.decisions import Replay
from skerry_cli.describe_decision import number, show_changes
from skerry_cli.failures import Exit
from skerry_cli.hub import path
from skerry_cli.records import read
from skerry_cli.screen import Screen, Styled
from skerry_cli.session import Session, anywhere, output

EXAMPLES = """\b
Examples:
  skerry get decisions shop-web       which there are
  skerry replay 42                    whether the same comes of it
  skerry replay 42 --scores           and why each node was chosen
  skerry --request-timeout 5m replay 42      of a large fleet, long ago

\b
Exit status: 0 the same; 7 not the same, or its inputs are not there any more.
"""

_WORDS = {
    "same": "the same",
    "other_outcome": "another outcome of the same inputs",
    "other_inputs": "not the inputs that it was made from",
    "not_kept": "its inputs are not kept any more",
}


@click.command(epilog=EXAMPLES)
@click.argument("seq", metavar="SEQ")
@click.option("--scores", is_flag=True, help="With the scores by which the nodes were chosen.")
@output("json", "yaml")
@anywhere
@click.pass_context
def replay(ctx: click.Context, /, seq: str, scores: bool, form: str | None) -> None:
    """Have the hub make a decision again, and say whether the same comes of it.

    The fleet is put together as it was right before the decision, from what the hub keeps of it.
    Nothing is changed.
    """
    session: Session = ctx.obj
    where = path("decisions", str(number(seq)), "replay")
    answer = session.connect().get(where, {"scores": "true"} if scores else {})
    found, screen = read(Replay, answer), Screen()
    if form is not None:
        screen.document(answer, form)
    else:
        _show(screen, found, scores=scores)
    if found.result != "same":
        ctx.exit(Exit.DIFFERENT)


def _show(screen: Screen, found: Replay, *, scores: bool) -> None:
    told = _WORDS.get(found.result, found.result)
    screen.line(
        f"decision {found.seq}: ", Styled(told, "green" if found.result == "same" else "red")
    )
    if found.difference and found.difference != told:
        screen.line(f"  {found.difference}")
    if found.engine != found.engine_now:
        screen.line(f"  engine {found.engine} decided then, {found.engine_now} now")
    if scores:
        show_changes(screen, found.changes, more=found.more)
