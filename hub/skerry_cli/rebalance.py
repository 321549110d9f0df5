"""`skerry rebalance`: makes a fleet's placement better, in waves of moves."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from typing import Any

import click

from skerry_cli import words
from skerry_cli.failures import Exit, Failure, RefusedError
from skerry_cli.hub import Hub, path
from skerry_cli.rebalance_text import Rebalance, show
from skerry_cli.rebalance_waves import Waves
from skerry_cli.records import read
from skerry_cli.screen import Screen
from skerry_cli.session import Duration, Session, anywhere, output, time_limit

OBJECTIVES = ("balance", "pack", "cost")
ANSWER_S = 120.0
"""Beside the solver's own time: a large fleet's picture, its bound and its waves."""
OF_A_PLAN = ("objective", "move_cost", "max_moves", "wave", "time_limit", "out")
"""Options that a plan in a file has settled."""

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
  skerry rebalance --out night.plan     and later, as often as it is interrupted:
  skerry rebalance --apply night.plan
  skerry rebalance --apply --max-moves 20 --wave 5
\b
Each wave begins when all of the last one runs, none of it unhealthy. Ctrl-C lets the wave that was
begun go on, and begins no other; a plan in a file goes on from there.
Exit status: 4 when a wave did not run in time; 6 when the fleet has changed so that a move cannot
be made, or the moves of a file do not gain what they did.
"""


@click.command(epilog=EXAMPLES)
@click.option("--plan", "dry", is_flag=True, help="Only show the moves (default).")
@click.option(
    "--apply",
    "made",
    is_flag=False,
    flag_value="",
    metavar="[FILE]",
    type=click.Path(),
    help="Make the moves: those of a plan that --out saved, or without FILE of a new one.",
)
@click.option(
    "--out", metavar="FILE", type=click.Path(), help="Save the plan, so that --apply makes it."
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
    "--max-moves", type=click.IntRange(0, 10_000), help="Make no more moves than this (10000)."
)
@click.option(
    "--wave", type=click.IntRange(1, 100), default=10, help="Moves at the same time (default: 10)."
)
@click.option(
    "--time-limit",
    type=Duration(0.1, 300.0),
    default=10.0,
    metavar="TIME",
    help="How long the solver may take (default: 10s, at most 5m).",
)
@time_limit
@output("json", "yaml")
@anywhere
@click.pass_context
def rebalance(ctx: click.Context, /, **options: Any) -> None:
    """Make the fleet's placement better by moves, wave by wave."""
    _check_usage(ctx, options)
    session: Session = ctx.obj
    most_s = max(session.request_timeout, options["time_limit"] + ANSWER_S)
    hub = dataclasses.replace(session, request_timeout=most_s).connect()
    screen, form, made = Screen(), options["form"], options["made"]
    body, before = _body(options), 0
    if made:
        body, answer, found = _saved(made)
        before = _checked(screen, hub, body, answer)
    else:
        limit = words.duration(options["time_limit"])
        with _working(screen, f"planning, for {limit} and what a large fleet takes beside it"):
            answer = hub.post(path("rebalance", "plan"), body)
        found = read(Rebalance, answer)
    if options["out"] is not None:
        from skerry_cli.plan_file import save  # noqa: PLC0415

        save(options["out"], body, answer, session.url, "rebalance")
    if not form:
        show(screen, found)
    if made is None:
        if form:
            screen.document(answer, form)
        return
    waves = Waves(screen, hub, answer, found, made, options["timeout"])
    try:
        waves.make(before)
    finally:
        if form:
            screen.document({**answer, **waves.so_far}, form)


def _check_usage(ctx: click.Context, options: Mapping[str, Any]) -> None:
    if options["made"] is None:
        return
    if options["dry"]:
        raise click.UsageError("--plan shows the moves and --apply makes them: not both")
    if options["out"] is not None:
        raise click.UsageError("--out saves a plan for later, and --apply makes it: not both")
    if not options["made"]:
        return
    given = click.core.ParameterSource.COMMANDLINE
    for name in OF_A_PLAN:
        if ctx.get_parameter_source(name) == given:
            option = name.replace("_", "-")
            raise click.UsageError(f"a plan in a file has its --{option} in it")


def _body(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "objective": options["objective"],
        "move_cost_percent": options["move_cost"],
        "time_limit_s": options["time_limit"],
        "max_moves": options["max_moves"],
        "wave": options["wave"],
    }


def _saved(name: str) -> tuple[dict[str, Any], dict[str, Any], Rebalance]:
    """Return what was asked for and answered, of a file. Raises Failure."""
    from skerry_cli.plan_file import saved  # noqa: PLC0415

    body, answer = saved(name, "rebalance")
    try:
        return body, answer, read(Rebalance, answer)
    except Failure as failure:
        raise Failure(f"{name}: is damaged: {failure.message}", Exit.USAGE) from None


def _checked(screen: Screen, hub: Hub, body: Mapping[str, Any], answer: Mapping[str, Any]) -> int:
    """Return how many waves of a plan were made before. Raises RefusedError where it is stale."""
    asked = {
        "objective": answer.get("objective"),
        "move_cost_percent": body.get("move_cost_percent"),
        "waves": answer.get("waves", []),
        "basis": answer.get("basis"),
    }
    try:
        with _working(screen, "looking whether the plan still holds"):
            found = hub.post(path("rebalance", "check"), asked)
    except RefusedError as failure:
        failure.as_stale()
        raise
    done = found.get("waves_done") if isinstance(found, dict) else None
    return done if type(done) is int else 0


def _working(screen: Screen, what: str) -> contextlib.AbstractContextManager[None]:
    if not screen.shows_progress:
        return contextlib.nullcontext()
    from skerry_cli.progress import working  # noqa: PLC0415 - rich takes long to import

    return working(what)
