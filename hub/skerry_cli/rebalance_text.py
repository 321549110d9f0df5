"""A plan of a rebalance: what the CLI reads of it, and how people read it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Annotated

from skerry_cli import words
from skerry_cli.records import MANY, Counts, Names, Words
from skerry_cli.screen import Screen, Styled
from skerry_wire.frozen import frozen

LEFT_OUT = {
    "max moves": ("--max-moves", "more than --max-moves"),
    "stop": ("chains that need a stop", "only possible by ending an instance before it starts"),
    "refused": ("refused moves", "refused, as told below"),
}
"""By the hub's word why better moves are not made: in short, and as it is told."""
NONE = {
    "max moves": "what would gain takes more moves than --max-moves",
    "stop": "what would gain more needs an instance to end before it starts elsewhere",
    "refused": "what would gain more is refused",
}


@frozen(kw_only=True)
class Move:
    """An instance that goes from a node to a node."""

    instance: Words
    workload: Words
    revision: Words
    source: Words
    target: Words
    gain: float = 0.0


@frozen(kw_only=True)
class Wave:
    """Moves at the same time."""

    moves: Annotated[tuple[Move, ...], MANY]
    gain: float = 0.0


@frozen(kw_only=True)
class Rebalance:
    """A plan of the hub: the objective is the better the smaller."""

    objective: Words
    unit: Words = ""
    waves: Annotated[tuple[Wave, ...], MANY] = ()
    before: float = 0.0
    after: float = 0.0
    moves_cost: float = 0.0
    bound: float = 0.0
    gap: float = 0.0
    gap_percent: float = 0.0
    ended: Words = ""
    seconds: float = 0.0
    instances: int = 0
    nodes: int = 0
    nodes_left_out: int = 0
    moves_left_out: int = 0
    left_out: Counts = dataclasses.field(default_factory=dict)
    refused: Names = ()
    pinned: Counts = dataclasses.field(default_factory=dict)
    nodes_used_before: int = 0
    nodes_used_after: int = 0
    fullest_before_percent: float = 0.0
    fullest_after_percent: float = 0.0


def show(screen: Screen, found: Rebalance) -> None:
    """Write the waves, what they gain, and what stays where it is."""
    for number, wave in enumerate(found.waves, 1):
        count = words.count(len(wave.moves), "move")
        screen.line(f"wave {number}: {count}, gain {_number(wave.gain)}")
        for move in wave.moves:
            moved = Styled(f"> {move.instance} to {move.target}", "cyan")
            screen.line("  ", moved, f"  (from {move.source}; gain {_number(move.gain)})")
    screen.facts(list(_facts(found)))
    for why, number in found.pinned.items():
        screen.note(f"{words.count(number, 'instance')} pinned: {why}")
    for line in _left_out(found):
        screen.note(line)


def _facts(found: Rebalance) -> Iterator[tuple[str, str]]:
    moves = sum(len(wave.moves) for wave in found.waves)
    yield "Objective", f"{found.objective} ({found.unit}; less is better)"
    if not moves:
        yield "Moves", f"none: {_why_none(found)}"
        yield "Now", _number(found.before)
    else:
        waves = words.count(len(found.waves), "wave")
        yield "Moves", f"{moves} in {waves}, which count {_number(found.moves_cost)}"
        yield "Before, after", f"{_number(found.before)}, {_number(found.after)}"
    yield "Nodes in use", _change(found.nodes_used_before, found.nodes_used_after)
    before, after = found.fullest_before_percent, found.fullest_after_percent
    yield "Fullest node", _change(f"{before:g} %", f"{after:g} %")
    bound = f"no moves lead below {_number(found.bound)}, their cost counted"
    yield "Bound", f"{bound}: gap {found.gap_percent:g} %"
    ended = f"{words.count(found.instances, 'instance')} on {words.count(found.nodes, 'node')}"
    yield "Solved", f"{ended} in {found.seconds:.1f} s ({_proven(found)})"


def _why_none(found: Rebalance) -> str:
    if found.ended == "optimal":
        return "no move gains more than it costs"
    reasons = " and ".join(NONE[why] for why in NONE if found.left_out.get(why))
    return reasons or "none was found that gains more than it costs"


def _proven(found: Rebalance) -> str:
    """Say whether nothing better is possible, or why that is not known."""
    if found.ended in ("optimal", "within gap"):
        return found.ended
    reasons = [LEFT_OUT[why][0] for why in LEFT_OUT if found.left_out.get(why)]
    if found.ended == "limit":
        reasons.insert(0, "the search's limit")
    return f"not proven optimal: {', '.join(reasons)}" if reasons else found.ended


def _left_out(found: Rebalance) -> Iterator[str]:
    if found.nodes_left_out:
        yield f"{words.count(found.nodes_left_out, 'node')} not looked at for want of time"
    for why, (_, told) in LEFT_OUT.items():
        number = found.left_out.get(why, 0)
        if number:
            yield f"{words.count(number, 'move')} left out: {told}"
    yield from found.refused


def _number(value: float) -> str:
    return f"{value:.4g}"


def _change(before: object, after: object) -> str:
    return f"{before}" if before == after else f"{before} -> {after}"
