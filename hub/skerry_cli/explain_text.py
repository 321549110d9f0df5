"""An explanation as people read it: counts, what would help, where it is and why, who refuses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skerry_cli import words
from skerry_cli.plan_text import shortage
from skerry_cli.records import Explanation, Relaxation, Verdict
from skerry_cli.screen import Cell, Screen, Styled
from skerry_cli.standing_text import lines, made_up


def show(screen: Screen, found: Explanation, *, whole: bool = True) -> None:
    """Write an explanation; it is not `whole` where only one node was asked for."""
    screen.line(Styled(head(found), "green" if found.placed >= found.wanted else "red"))
    if found.note and (not found.feasible or found.placed >= found.wanted):
        screen.line(found.note)
    if found.blocked:
        screen.line()
        screen.table(constraint_rows(found))
    if found.relaxations:
        screen.section("What would help, the least first")
        for one in found.relaxations:
            screen.line(f"  {relaxation(one)}")
    if found.standings:
        screen.section("Where it is, and why")
        for standing in found.standings:
            for line in lines(standing):
                screen.line(line)
        told = found.placed - len(found.standings)
        if whole and told > 0 and len(found.standings) > 1:
            screen.note(f"and {words.count(told, 'further instance')}; --instance tells of one")
    taking = [one for one in found.verdicts if one.feasible]
    refusing = [one for one in found.verdicts if not one.feasible]
    # Of a global workload it is asked whether a node that has one would take that again.
    more = found.placed and not all(one.instances for one in taking)
    asked = "take one more" if more else "take it"
    asked = f"would take {found.instance}" if found.instance else asked
    for title, rows in (
        (f"Nodes that {asked}, the best first", rows_of(taking)),
        ("Nodes that refuse, the nearest miss first", refusing_rows(refusing)),
    ):
        if len(rows) > 1:
            screen.section(title)
            screen.table(rows)
    hidden = found.nodes - len(found.verdicts)
    if whole and found.more and hidden > 0:
        screen.note(f"and {words.count(hidden, 'further node')}; --limit shows more")


def head(found: Explanation) -> str:
    """Return the line that says it all."""
    if found.placed < found.wanted:
        return shortage(found)
    of_all = f" of {found.nodes}" if found.nodes else ""
    noun = "node" if (found.nodes or found.feasible) == 1 else "nodes"
    placed = f"{found.workload}: {found.placed} of {found.wanted} placed"
    if found.instance:
        return f"{placed}; {found.feasible}{of_all} {noun} would take {found.instance}"
    fits = "fits" if found.feasible == 1 else "fit"
    return f"{placed}; {found.feasible}{of_all} {noun} {fits}"


def constraint_rows(found: Explanation) -> list[Sequence[Cell]]:
    """Return a table of how many nodes each constraint refuses, the strictest first."""
    rows: list[Sequence[Cell]] = [("CONSTRAINT", "REFUSES", "ALONE")]
    for name, number in sorted(found.blocked.items(), key=lambda item: (-item[1], item[0])):
        rows.append((name, str(number), str(found.alone.get(name, 0))))
    return rows


def relaxation(one: Relaxation) -> str:
    """Return in one line what would have to be given up, and what that gains."""
    takes = "takes" if one.nodes == 1 else "take"
    gain = f"then {words.count(one.nodes, 'node')} {takes} it, such as {one.where}"
    return f"{' and '.join(one.changes)}: {gain}"


def rows_of(verdicts: Sequence[Verdict]) -> list[Sequence[Cell]]:
    """Return a table of nodes that take it, with their scores."""
    rows: list[Sequence[Cell]] = [("NODE", "SCORE", "MADE UP OF")]
    rows += [(_name(one), _score(one), made_up(one.scores)) for one in verdicts]
    return rows


def refusing_rows(verdicts: Sequence[Verdict]) -> list[Sequence[Cell]]:
    """Return a table of nodes that do not take it, with a row for each reason."""
    rows: list[Sequence[Cell]] = [("NODE", "REASON")]
    for verdict in verdicts:
        first, *others = _reasons(verdict)
        rows.append((_name(verdict), first))
        rows += [("", text) for text in others]
    return rows


def _reasons(verdict: Verdict) -> Iterator[str]:
    found = (f"{reason.constraint}: {reason.text}" for reason in verdict.reasons)
    yield from found if verdict.reasons else (words.NONE,)


def _name(verdict: Verdict) -> str:
    name = verdict.where
    return f"{name}, has {words.joined(list(verdict.instances))}" if verdict.instances else name


def _score(verdict: Verdict) -> str:
    return words.NONE if verdict.score is None else f"{verdict.score:.3g}"
