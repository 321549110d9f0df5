"""`skerry explain`: why a workload is placed where it is, or nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from skerry_cli import words
from skerry_cli.failures import Exit
from skerry_cli.hub import path
from skerry_cli.plan_text import shortage
from skerry_cli.records import Explanation, Verdict, read
from skerry_cli.screen import Cell, Screen, Styled
from skerry_cli.session import Session, anywhere, complete_names, output

MOST_NODES = 20
NEAREST = 3

EXAMPLES = """\b
REFUSES counts the nodes that a constraint refuses, ALONE those that it alone refuses: the nodes
that would fit without it.
\b
Examples:
  skerry explain shop-web
  skerry explain shop-web --node box-1
\b
Exit status: 3 when it is not fully placed.
"""


@click.command(epilog=EXAMPLES)
@click.argument("workload", shell_complete=complete_names("workloads"))
@click.option("--node", help="Only this node's reasons.", shell_complete=complete_names("nodes"))
@click.option("--all", "everything", is_flag=True, help="Every node, however many they are.")
@output("json", "yaml")
@anywhere
@click.pass_context
def explain(ctx: click.Context, /, workload: str, node: str | None, **options: Any) -> None:
    """Tell every reason of every node for or against a workload."""
    session: Session = ctx.obj
    answer = session.connect().get(path("workloads", workload, "explain"), {"node": node})
    found, screen = read(Explanation, answer), Screen()
    if options["form"]:
        screen.document(answer, options["form"])
    else:
        few = screen.interactive and not options["everything"]
        _show(screen, found, MOST_NODES if few else len(found.verdicts))
    if found.placed < found.wanted:
        ctx.exit(Exit.NOT_PLACED)


def _show(screen: Screen, found: Explanation, most: int) -> None:
    screen.line(Styled(head(found), "green" if found.placed >= found.wanted else "red"))
    if found.blocked:
        screen.line()
        screen.table(constraint_rows(found))
    nearest = nearest_misses(found.verdicts)
    if nearest and found.placed < found.wanted:
        screen.line()
        screen.line(Styled("Nearest misses", "bold"))
        for verdict in nearest:
            texts = "; ".join(reason.text for reason in verdict.reasons)
            screen.line(f"  {verdict.hostname}: {texts}")
    if found.verdicts:
        screen.line()
        screen.table(verdict_rows(found.verdicts[:most]))
    hidden = len(found.verdicts) - most
    if hidden > 0:
        screen.note(f"and {words.count(hidden, 'further node')}; --all shows every one")


def head(found: Explanation) -> str:
    """Return the line that says it all."""
    if found.placed < found.wanted:
        return shortage(found)
    fits = "fits" if found.feasible == 1 else "fit"
    fitting = f"{words.count(found.feasible, 'node')} {fits}"
    return f"{found.workload}: {found.placed} of {found.wanted} placed; {fitting}"


def constraint_rows(found: Explanation) -> list[Sequence[Cell]]:
    """Return a table of how many nodes each constraint refuses, the strictest first."""
    rows: list[Sequence[Cell]] = [("CONSTRAINT", "REFUSES", "ALONE")]
    for name, number in sorted(found.blocked.items(), key=lambda item: (-item[1], item[0])):
        rows.append((name, str(number), str(found.alone.get(name, 0))))
    return rows


def nearest_misses(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return the nodes with the fewest reasons against them."""
    missed = [verdict for verdict in verdicts if verdict.reasons]
    return sorted(missed, key=lambda verdict: len(verdict.reasons))[:NEAREST]


def verdict_rows(verdicts: Sequence[Verdict]) -> list[Sequence[Cell]]:
    """Return a table of the nodes, with a row for each reason."""
    rows: list[Sequence[Cell]] = [("NODE", "FITS", "SCORE", "HAS", "REASON")]
    for verdict in verdicts:
        fits = Styled("yes", "green") if verdict.feasible else Styled("no", "red")
        first, *others = [f"{reason.constraint}: {reason.text}" for reason in verdict.reasons] or [
            words.NONE
        ]
        name = verdict.hostname
        name += f" ({verdict.node})" if verdict.node != verdict.hostname else ""
        rows.append((name, fits, score(verdict), words.joined(list(verdict.instances)), first))
        rows += [("", "", "", "", text) for text in others]
    return rows


def score(verdict: Verdict) -> str:
    """Return a node's score with its parts: 0.82 (balance 0.9, spread 0.7)."""
    if verdict.score is None:
        return words.NONE
    parts = ", ".join(f"{name} {value:.2g}" for name, value in sorted(verdict.scores.items()))
    return f"{verdict.score:.3g}" + (f" ({parts})" if parts else "")
