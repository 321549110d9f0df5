"""`skerry rebalance`: makes a fleet's placement better, in waves of moves."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import click

from skerry_cli import words
from skerry_cli.failures import Failure, RefusedError
from skerry_cli.goals import Goal, wait_for
from skerry_cli.hub import Hub, path
from skerry_cli.records import MANY, Counts, Names, Words, part_of, read
from skerry_cli.screen import Screen, Styled
from skerry_cli.session import Duration, Session, anywhere, output, time_limit

OBJECTIVES = ("balance", "pack", "cost")
ANSWER_S = 60.0
"""Beside the solver's own time: a large fleet's picture, its bound and its waves."""

EXAMPLES = """\b
Objectives:
  balance  nodes are evenly used: processors, memory, number of instances
  pack     as few nodes as possible are in use
  cost     the least money an hour, by the hub's prices
\b
A move is made where it gains more than it costs. Of `balance`, the node that an instance leaves
has to be fuller by more than --move-cost (in percent of a node) than the one it comes to; of
`pack`, emptying a node gains a whole one, and moving an instance costs that part of its share of a
node; of `cost`, a move has to save that part of what its instance costs.
\b
Never moved: instances with a named volume or a folder that they write, of global workloads, with
the label skerry.rebalance=never, and what the plan names as pinned.
\b
Examples:
  skerry rebalance                      what would move, and what that would gain
  skerry rebalance --objective pack -o json
  skerry rebalance --apply --max-moves 20 --wave 5
\b
Each wave begins when all of the last one runs, none of it unhealthy. Ctrl-C lets the wave that was
begun go on, and begins no other.
Exit status: 4 when a wave did not run in time; 1 when the fleet has changed and a move is refused.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """An instance that goes from a node to a node."""

    instance: Words
    workload: Words
    revision: Words
    source: Words
    target: Words
    gain: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """Moves at the same time."""

    moves: Annotated[tuple[Move, ...], MANY]
    gain: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
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
    refused: Names = ()
    pinned: Counts = dataclasses.field(default_factory=dict)
    nodes_used_before: int = 0
    nodes_used_after: int = 0
    fullest_before_percent: float = 0.0
    fullest_after_percent: float = 0.0


@click.command(epilog=EXAMPLES)
@click.option(
    "--plan/--apply", "dry", default=True, help="Only show the moves (default), or make them."
)
@click.option("--objective", type=click.Choice(OBJECTIVES), help="Default: as the hub places.")
@click.option(
    "--move-cost",
    type=click.FloatRange(0, 1000),
    default=10.0,
    metavar="PERCENT",
    help="What a move has to gain at least (default: 10).",
)
@click.option(
    "--max-moves", type=click.IntRange(0, 1_000_000), help="Make no more moves than this."
)
@click.option(
    "--wave", type=click.IntRange(1, 1000), default=10, help="Moves at the same time (default: 10)."
)
@click.option(
    "--time-limit",
    type=Duration(),
    default=10.0,
    metavar="TIME",
    help="How long the solver may take (default: 10s, at most 5m).",
)
@time_limit
@output("json", "yaml")
@anywhere
@click.pass_obj
def rebalance(session: Session, /, **options: Any) -> None:
    """Make the fleet's placement better by moves, wave by wave."""
    most_s = max(session.request_timeout, options["time_limit"] + ANSWER_S)
    hub = dataclasses.replace(session, request_timeout=most_s).connect()
    screen = Screen()
    answer = hub.post(path("rebalance", "plan"), _body(options))
    found = read(Rebalance, answer)
    if options["form"]:
        screen.document(answer, options["form"])
    else:
        _show(screen, found)
    if not options["dry"]:
        _apply(screen, hub, answer, found, options["timeout"])


def _body(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "objective": options["objective"],
        "move_cost_percent": options["move_cost"],
        "time_limit_s": options["time_limit"],
        "max_moves": options["max_moves"],
        "wave": options["wave"],
    }


# --- the plan -----------------------------------------------------------------------------


def _show(screen: Screen, found: Rebalance) -> None:
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
        yield "Moves", "none: no move gains more than it costs"
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
    yield "Solved", f"{ended} in {found.seconds:.1f} s ({found.ended})"


def _left_out(found: Rebalance) -> Iterator[str]:
    if found.nodes_left_out:
        yield f"{words.count(found.nodes_left_out, 'node')} not looked at for want of time"
    if found.moves_left_out:
        yield (
            f"{words.count(found.moves_left_out, 'move')} left out: more than --max-moves, without "
            "gain by themselves, refused, or only possible by a stop"
        )
    yield from found.refused


def _number(value: float) -> str:
    return f"{value:.4g}"


def _change(before: object, after: object) -> str:
    return f"{before}" if before == after else f"{before} -> {after}"


# --- doing it -----------------------------------------------------------------------------


def _apply(screen: Screen, hub: Hub, answer: Any, found: Rebalance, timeout_s: float) -> None:
    """Make the waves, one after the other. Raises Failure, and says how far it came."""
    plain: Sequence[Any] = part_of(answer, "waves")
    total = sum(len(wave.moves) for wave in found.waves)
    done = 0
    for number, wave in enumerate(found.waves, 1):
        label = f"wave {number} of {len(found.waves)}"
        note = f"{found.objective}, {label}"
        try:
            hub.deadline = None
            hub.post(
                path("rebalance", "moves"),
                {"moves": part_of(plain[number - 1], "moves"), "note": note},
            )
            screen.note(f"{label}: {words.count(len(wave.moves), 'instance')} move")
            wait_for(screen, hub, _goals(wave), timeout_s)
        except RefusedError as failure:
            screen.note(f"{label} refused; {_so_far(done, total)}, and all of them run")
            raise RefusedError(failure.status, list(failure.lines)) from None
        except (Failure, KeyboardInterrupt, click.Abort):
            screen.note(
                f"{label} is under way and goes on; no other is begun, {_so_far(done, total)}"
            )
            raise
        done += len(wave.moves)
    if total:
        screen.note(f"rebalanced: {_so_far(done, total)}")


def _goals(wave: Wave) -> list[Goal]:
    return [
        goal
        for move in wave.moves
        for goal in (
            Goal("instance", move.instance, "healthy", move.target),
            Goal("instance", move.instance, "deleted", move.source),
        )
    ]


def _so_far(done: int, total: int) -> str:
    return f"{done} of {words.count(total, 'move')} made"
