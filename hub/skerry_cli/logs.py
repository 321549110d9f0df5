"""`skerry logs`: what instances write, from boxes anywhere, through the hub."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any

import click

from skerry_cli.failures import Exit, Failure
from skerry_cli.hub import Hub, Query, path
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
At most 4 MiB of each log are sent, from its beginning: give --tail or --since for its end. A log
that is followed comes at 64 KiB a second, for an hour.
\b
Examples:
  skerry logs shop-web --tail 20         the last lines of every instance
  skerry logs -f shop-web-0              goes on until Ctrl-C, which ends it on the box, too
  skerry logs box-1/shop-web-0 -c db     of another container than the first
  skerry logs shop-web --since 10m > shop.log
"""


@click.command(epilog=EXAMPLES)
@click.argument(
    "names", nargs=-1, required=True, metavar="[NODE/]INSTANCE|WORKLOAD...",
    shell_complete=complete_instances,
)  # fmt: skip
@click.option("-c", "--container", default="", help="Of this container (default: the first).")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes.")
@click.option("--tail", type=click.IntRange(0, 100_000), help="Only so many lines of the end.")
@click.option("--since", type=Duration(), metavar="TIME", help="Only the last 10m, 2h, ...")
@click.option("--prefix/--no-prefix", default=None, help="Name the instance before each line.")
@anywhere
@click.pass_context
def logs(ctx: click.Context, /, names: tuple[str, ...], **options: Any) -> None:
    """Show what instances write."""
    session: Session = ctx.obj
    hub = session.connect()
    found = {one.id: one for name in dict.fromkeys(names) for one in instances_of(hub, name)}
    if len(found) > MOST_AT_ONCE:
        reason = f"these are {len(found)} instances; at most {MOST_AT_ONCE} are shown at once"
        raise Failure(reason, Exit.USAGE)
    query = _query(options)
    prefix = len(found) > 1 if options["prefix"] is None else options["prefix"]
    width = max(map(len, found))
    lock = threading.Lock()
    readers = [
        _Reader(session, one, query, Writer(f"{one.id:{width}} | " if prefix else "", lock))
        for one in found.values()
    ]
    _read_all(readers)
    failures = [reader for reader in readers if reader.failure is not None]
    for reader in failures:
        Screen().note(f"skerry: {reader.instance.id}: {reader.failure}")
    if failures:
        ctx.exit(failures[0].status)


def _query(options: dict[str, Any]) -> Query:
    return {
        "container": options["container"] or None,
        "follow": "true" if options["follow"] else None,
        "tail": options["tail"],
        "since_s": options["since"],
        "within_s": FOLLOW_S if options["follow"] else READ_S,
    }


@dataclasses.dataclass(slots=True)
class _Reader:
    """Reads the log of one instance, and notes why it could not be read."""

    session: Session
    instance: Instance
    query: Query
    writer: Writer
    failure: str | None = None
    status: int = Exit.ERROR

    def read(self) -> None:
        """Read until its end."""
        hub: Hub = self.session.connect()
        try:
            with hub.lines("GET", path("instances", self.instance.id, "logs"), self.query) as lines:
                self.failure = passed_on(lines, self.writer).error
        except Failure as failure:
            self.failure = failure.message.removeprefix("skerry: ")
            self.status = failure.exit_code
        except click.exceptions.Exit as exit_:
            self.failure, self.status = "nobody reads this any more", exit_.exit_code


def _read_all(readers: list[_Reader]) -> None:
    """Read all at once. Ctrl-C ends the process, and with it the connections and the requests."""
    if len(readers) == 1:
        readers[0].read()
        return
    threads = [threading.Thread(target=reader.read, daemon=True) for reader in readers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
