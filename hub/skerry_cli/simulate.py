"""`skerry simulate`: what would be done with a fleet of a file, without a hub."""

from __future__ import annotations

import contextlib
import importlib.metadata
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any

import click

from skerry_cli import words
from skerry_cli.at_node import AtNode
from skerry_cli.explain import MOST
from skerry_cli.explain_text import show
from skerry_cli.failures import Exit, Failure, RefusedError
from skerry_cli.files import STDIN, Asked, asked_of
from skerry_cli.plan import show_plan
from skerry_cli.records import MANY, Explanation, Plan, Problem, Words, read, read_all
from skerry_cli.screen import Cell, Screen
from skerry_cli.session import output, time_limit
from skerry_wire.frozen import frozen

GROUP = "skerry.commands"
SHOWN = 20
"""Nodes whose totals are shown as a table; JSON has every one's."""

EXAMPLES = """\b
The fleet is a file of `skerry snapshot`, or what `skerry-agent capability -o json` writes on one
box or, one after the other, on many; also packed (.gz, .xz).
\b
Examples:
  skerry simulate --fleet fleet.json --workloads shop.yaml
  skerry simulate --fleet fleet.json.xz --workloads shop.yaml --explain shop-web
  cat boxes/*.json | skerry simulate --fleet - --workloads shop.yaml -o json
\b
Exit status: 3 when something found no node, 4 when it took longer than --timeout.
"""


@frozen(kw_only=True)
class Totals(AtNode):
    """One node as it would be."""

    node: Words
    hostname: Words
    instances: int = 0
    cpu_milli: int | None = None
    cpu_reserved_milli: int = 0
    memory_bytes: int | None = None
    memory_reserved_bytes: int = 0
    storage_bytes: int | None = None
    storage_reserved_bytes: int = 0
    accelerators: int = 0
    accelerators_reserved: int = 0


@frozen(kw_only=True)
class FleetFile:
    """What the file held."""

    nodes: int
    workloads: int = 0
    assignments: int = 0
    documents: int = 0
    inputs: Words
    told: Words | None = None
    edited: int = 0


@frozen(kw_only=True)
class Simulation:
    """What would be done, and what the fleet would be then."""

    fleet: FleetFile
    plan: Plan
    nodes: Annotated[tuple[Totals, ...], MANY] = ()
    explanation: Explanation | None = None


@click.command(epilog=EXAMPLES)
@click.option(
    "--fleet",
    metavar="FILE",
    required=True,
    type=click.Path(),
    help="The fleet; - is standard input.",
)
@click.option(
    "-w",
    "-f",
    "--workloads",
    "files",
    multiple=True,
    metavar="FILE",
    type=click.Path(),
    help="Compose, documents, or (*.json) workloads as the API has them. May be given more than "
    "once; none: the fleet as it is.",
)
@click.option("-p", "--project", metavar="NAME", help="The project of all files, as in apply.")
@click.option("--prune", is_flag=True, help="Remove workloads that the files no longer name.")
@click.option("--explain", "workload", metavar="WORKLOAD", help="Explain this one, as it would be.")
@click.option("--node", metavar="NODE", help="With --explain: only this node's reasons.")
@click.option(
    "--limit",
    type=click.IntRange(1, MOST),
    metavar="N",
    default=20,
    help="With --explain: as in explain (default: 20).",
)
@click.option("-v", "--verbose", is_flag=True, help="Show the instances that stay, too.")
@time_limit
@output("json", "yaml")
@click.pass_context
def simulate(ctx: click.Context, /, fleet: str, files: tuple[str, ...], **options: Any) -> None:
    """Run the placement engine on a file: nothing is asked of a hub, and nothing is done."""
    if fleet == STDIN and STDIN in files:
        raise click.UsageError("standard input can be read only once")
    if options["node"] is not None and options["workload"] is None:
        raise click.UsageError("--node is about the workload of --explain")
    asked = Asked({"files": []})
    if files:
        asked = asked_of(files, options["project"], prune=options["prune"])
    engine = loaded("simulate")
    with _within(options["timeout"]):
        status, answer = engine(
            fleet,
            asked.body,
            workload=options["workload"],
            node=options["node"],
            most=options["limit"],
        )
    if status != 200:
        problems = [asked.places.of(one) for one in read_all(Problem, answer["problems"])]
        raise RefusedError(status, [str(problem) for problem in problems])
    found, screen = read(Simulation, answer), Screen()
    if options["form"]:
        screen.document(answer, options["form"])
    else:
        _show(screen, answer, found, verbose=options["verbose"], whole=options["node"] is None)
    if found.plan.unplaced:
        ctx.exit(Exit.NOT_PLACED)


def loaded(name: str, group: str = GROUP) -> Callable[..., tuple[int, Any]]:
    """Return what another package does for a command. Raises Failure saying what to install."""
    advice = "it needs the hub's packages here: pip install 'skerry[hub]'"
    found = importlib.metadata.entry_points(group=group, name=name)
    if not found:
        raise Failure(f"{name} is not installed: {advice}")
    try:
        engine: Callable[..., tuple[int, Any]] = next(iter(found)).load()
    except ImportError as error:
        raise Failure(f"{name} cannot be loaded ({error}): {advice}") from None
    return engine


@contextlib.contextmanager
def _within(limit_s: float) -> Iterator[None]:
    """End what takes longer than this. Raises Failure."""

    def end(*_: object) -> None:
        raise Failure(f"the simulation took more than {limit_s:g} s (--timeout)", Exit.TIMED_OUT)

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, max(limit_s, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _show(screen: Screen, answer: Any, found: Simulation, *, verbose: bool, whole: bool) -> None:
    fleet = found.fleet
    held = (
        words.count(fleet.nodes, "node"),
        words.count(fleet.workloads, "workload"),
        words.count(fleet.assignments, "instance"),
        words.count(fleet.documents, "document"),
    )
    screen.line(f"{', '.join(held)}; inputs {fleet.inputs}")
    if fleet.edited:
        screen.note(f"{words.count(fleet.edited, 'node')}: hardware that its revision is not of")
    elif fleet.told is not None and fleet.told != fleet.inputs:
        screen.note(f"the hub had the inputs {fleet.told}: the file was changed since")
    screen.line()
    show_plan(screen, answer["plan"], None, verbose=verbose, explain="--explain {workload}")
    rows = totals_rows(found.nodes)
    if len(rows) > 1:
        screen.section("Nodes with instances, as they would be")
        screen.table(rows)
        used = sum(1 for one in found.nodes if one.instances)
        if used > SHOWN:
            screen.note(f"and {words.count(used - SHOWN, 'further node')}; -o json has every one")
    if found.explanation is not None:
        screen.line()
        show(screen, found.explanation, whole=whole)


def totals_rows(nodes: Sequence[Totals]) -> list[Sequence[Cell]]:
    """Return a table of what is reserved, and of how much; of nodes with instances."""
    rows: list[Sequence[Cell]] = [("NODE", "INSTANCES", "CPU", "MEMORY", "STORAGE", "ACCELERATORS")]
    rows += [
        (
            one.where,
            str(one.instances),
            _share(one.cpu_reserved_milli, one.cpu_milli, words.processors),
            _share(one.memory_reserved_bytes, one.memory_bytes, words.size),
            _share(one.storage_reserved_bytes, one.storage_bytes, words.size),
            _share(one.accelerators_reserved, one.accelerators or None, str),
        )
        for one in [one for one in nodes if one.instances][:SHOWN]
    ]
    return rows


def _share(reserved: int, total: int | None, shown: Callable[[int], str]) -> str:
    if total is None:
        return shown(reserved) if reserved else words.NONE
    return f"{shown(reserved)} of {shown(total)}"
