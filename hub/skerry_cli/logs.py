"""`skerry logs`: what instances write, from boxes anywhere, through the hub."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any

import click

from skerry_cli.failures import Exit, Failure
from skerry_cli.hub import Hub, Query, path
from skerry_cli.log_choice import (
    TAIL,
    Source,
    Tail,
    containers_of,
    lines_of,
    notice,
    sources_of,
)
from skerry_cli.named_instances import complete_instances, instances_of
from skerry_cli.records import Instance
from skerry_cli.screen import Screen
from skerry_cli.session import Duration, Session, anywhere
from skerry_cli.written import Writer, passed_on

FOLLOW_S = 3600.0
READ_S = 300.0
MOST_AT_ONCE = 16
"""Instances whose logs are shown side by side."""

EXAMPLES = """\b
Several instances are shown side by side, each line after its instance's name. The box is asked
through the broker, so it may stand behind NAT, but it must be online, and its policy must allow it.
The last 100 lines are shown, unless --tail or --since say otherwise; at most 4 MiB of each log are
sent. A log that is followed comes at 64 KiB a second, for an hour. It goes on with the container's
next run, also where that is made anew, and ends when the instance is removed or the container is
not started again; standard error says what happened. No line is lost, and none comes twice.
\b
Examples:
  skerry logs shop-web --tail 20         the last lines of every instance
  skerry logs shop-web-0 --tail all      from its beginning
  skerry logs -f shop-web-0              goes on until Ctrl-C, which ends it on the box, too
  skerry logs box-1/shop-web-0 -c db     of another container than the first that lasts
  skerry logs shop-web --all-containers  of each container, whose name stands before each line
  skerry logs shop-web --since 10m > shop.log
"""


@click.command(epilog=EXAMPLES)
@click.argument(
    "names", nargs=-1, required=True, metavar="[NODE/]INSTANCE|WORKLOAD...",
    shell_complete=complete_instances,
)  # fmt: skip
@click.option("-c", "--container", default="", help="Of this container.")
@click.option("--all-containers", is_flag=True, help="Of all containers.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes.")
@click.option(
    "--tail",
    type=Tail(),
    metavar="LINES",
    help="So many lines of the end (default: 100), or all.",
)
@click.option("--since", type=Duration(), metavar="TIME", help="Only the last 10m, 2h, ...")
@click.option("--prefix/--no-prefix", default=None, help="Name the instance before each line.")
@anywhere
@click.pass_context
def logs(ctx: click.Context, /, names: tuple[str, ...], **options: Any) -> None:
    """Show what instances write."""
    session: Session = ctx.obj
    hub = session.connect()
    found = {one.id: one for name in dict.fromkeys(names) for one in instances_of(hub, name)}
    sources = _sources(hub, list(found.values()), options)
    if len(sources) > MOST_AT_ONCE:
        what = "logs" if options["all_containers"] else "instances"
        reason = f"these are {len(sources)} {what}; at most {MOST_AT_ONCE} are shown at once"
        raise Failure(reason, Exit.USAGE)
    query = _query(options)
    prefix = len(sources) > 1 if options["prefix"] is None else options["prefix"]
    shown = [one.name if options["all_containers"] else one.instance.id for one in sources]
    width = max(map(len, shown))
    lock, over = threading.Lock(), threading.Semaphore(0)
    readers = [
        _Reader(
            session, one, name, query, Writer(f"{name:{width}} | " if prefix else "", lock), over
        )
        for one, name in zip(sources, shown, strict=True)
    ]
    _read_all(readers, over)
    if any(reader.status == Exit.PIPE_CLOSED for reader in readers):
        ctx.exit(Exit.PIPE_CLOSED)
    _tell_of_more(readers, options)
    failures = [reader for reader in readers if reader.failure is not None]
    for reader in failures:
        Screen().note(f"skerry: {reader.name}: {reader.failure}")
    if failures:
        ctx.exit(failures[0].status)


def _sources(hub: Hub, instances: list[Instance], options: dict[str, Any]) -> list[Source]:
    """Return what is to be shown, and say so where there is more than that to choose from."""
    if options["container"]:
        if options["all_containers"]:
            raise click.UsageError("-c and --all-containers exclude each other")
        return [Source(one, options["container"]) for one in instances]
    containers = containers_of(hub, instances)
    told = None if options["all_containers"] else notice(containers)
    if told is not None:
        Screen().note(f"skerry: {told}")
    return sources_of(instances, containers, all_containers=options["all_containers"])


def _tell_of_more(readers: list[_Reader], options: dict[str, Any]) -> None:
    """Say that there may be more of a log than was shown by default."""
    if options["tail"] is not None or options["since"] is not None or options["follow"]:
        return
    cut = [one.name for one in readers if one.failure is None and one.writer.lines >= TAIL]
    if cut:
        names = ", ".join(cut[:3]) + (f" and {len(cut) - 3} more" if len(cut) > 3 else "")
        Screen().note(f"skerry: {names}: only the last {TAIL} lines; --tail all for what there is")


def _query(options: dict[str, Any]) -> Query:
    return {
        "follow": "true" if options["follow"] else None,
        "tail": lines_of(options["tail"], since=options["since"] is not None),
        "since_s": options["since"],
        "within_s": FOLLOW_S if options["follow"] else READ_S,
    }


@dataclasses.dataclass(slots=True)
class _Reader:
    """Reads one log, and notes why it could not be read."""

    session: Session
    source: Source
    name: str
    query: Query
    writer: Writer
    over: threading.Semaphore
    failure: str | None = None
    status: int = Exit.ERROR

    def read(self) -> None:
        """Read until its end, and say so."""
        try:
            self._read()
        finally:
            self.over.release()

    def _read(self) -> None:
        hub: Hub = self.session.connect()
        query = {**self.query, "container": self.source.container or None}
        try:
            address = path("instances", self.source.instance.id, "logs")
            with hub.lines("GET", address, query) as lines:
                self.failure = passed_on(lines, self.writer).error
        except Failure as failure:
            self.failure = failure.message.removeprefix("skerry: ")
            self.status = failure.exit_code
        except click.exceptions.Exit as exit_:
            self.status = exit_.exit_code


def _read_all(readers: list[_Reader], over: threading.Semaphore) -> None:
    """Read all at once, until all are over or nobody reads what is written.

    Ctrl-C ends the process, and with it the connections and the requests.
    """
    if len(readers) == 1:
        readers[0].read()
        return
    threads = [threading.Thread(target=reader.read, daemon=True) for reader in readers]
    for thread in threads:
        thread.start()
    for _ in threads:
        over.acquire()
        if any(reader.status == Exit.PIPE_CLOSED for reader in readers):
            return  # the others would go on until they, too, have something to write
