"""One decision: what was decided, why, and from which inputs."""

from __future__ import annotations

from collections.abc import Sequence

import click

from skerry_cli import plan_text, words
from skerry_cli.decisions import Asked, DecisionDetail, came
from skerry_cli.document_kinds import name_of
from skerry_cli.hub import Hub, path
from skerry_cli.records import Change, read
from skerry_cli.screen import Cell, Screen

NO_NUMBER = "a decision is called by its number, as `skerry get decisions` shows it"


def describe_decision(hub: Hub, screen: Screen, seq: str, form: str | None) -> None:
    """Tell all about a decision; in a form, as the hub tells it."""
    answer = hub.get(path("decisions", str(number(seq))))
    if form is not None:
        screen.document(answer, form)
        return
    found = read(DecisionDetail, answer)
    decision = found.decision
    screen.facts(
        (
            ("Decision", str(decision.seq)),
            ("Time", f"{words.moment(decision.at)} ({words.age(decision.at, hub.now())} ago)"),
            ("Cause", decision.cause),
            ("Asked", "; ".join(map(_asked, found.asked))),
            ("Drained", _drained(found)),
            ("Outcome", came(decision)),
            ("Unplaced", words.joined([f"{n} {name}" for name, n in found.unplaced.items() if n])),
        )
    )
    show_changes(screen, found.changes, more=found.more)
    _refusals(screen, found)
    screen.section("Made from")
    documents = [f"{name_of(o.kind)}/{o.name} v{o.version}" for o in found.documents]
    facts: list[tuple[str, Cell]] = [
        ("  Inputs", decision.inputs),
        ("  Records", found.records),
        *((f"    {name.capitalize()}", digest) for name, digest in found.sections.items()),
        ("  Round trips", found.estimates or words.NONE),
        ("  Documents", words.joined(documents)),
        ("  Strategy", found.strategy),
        ("  Engine", decision.engine),
        ("  Outcome", decision.outcome),
    ]
    screen.facts(facts)


def number(text: str) -> int:
    """Return a decision's number. Raises click.UsageError."""
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:20]) < 2**63:
        raise click.UsageError(f"{text[:40]!r}: {NO_NUMBER}")
    return int(text)


def show_changes(screen: Screen, changes: Sequence[Change], *, more: bool) -> None:
    """Write the steps of a decision."""
    if not changes:
        return
    screen.line()
    for change in changes:
        screen.line(*plan_text.step(change))
    if more:
        screen.note("there are more changes than these; -o json has no more either")


def _asked(asked: Asked) -> str:
    often = "on each node" if asked.mode == "global" else words.count(asked.replicas, "replica")
    parts = [often]
    if asked.priority:
        parts.append(f"priority {asked.priority}")
    if asked.keep:
        parts.append("nothing of it to move")
    return f"{asked.workload} ({', '.join(parts)})"


def _drained(found: DecisionDetail) -> str | None:
    if found.decision.method != "evacuate":
        return None
    return found.node + (", and what fits nowhere ends" if found.force else "")


def _refusals(screen: Screen, found: DecisionDetail) -> None:
    for workload, refused in found.refused.items():
        if not refused:
            continue
        screen.section(f"Nodes that refused {workload}")
        for name, count in sorted(refused.items(), key=lambda item: (-item[1], item[0])):
            screen.line(f"  {name}: {words.count(count, 'node')}")
