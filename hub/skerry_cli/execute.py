"""`skerry exec`: runs a command within a container of an instance, with input and a terminal."""

from __future__ import annotations

import contextlib
from typing import Any

import click

from skerry_cli.failures import Failure
from skerry_cli.hub import Hub, path
from skerry_cli.named_instances import complete_instances, one_instance_of
from skerry_cli.request_records import WrittenLine
from skerry_cli.session import Duration, Session, anywhere
from skerry_cli.written import RawWriter, Writer, passed_on

PLAIN_S, SESSION_S = 60.0, 3600.0

EXAMPLES = """\b
The box's own policy must allow it (requests.exec in /etc/skerry/policy.toml; off by default).
With -i what comes on standard input goes to the command as it comes, and with -t it has a terminal,
where Ctrl-C and all other keys are the command's. Command, input and output are sealed from hub to
box.
\b
Examples:
  skerry exec shop-web-0 -- cat /etc/hosts
  skerry exec -it shop-web-0 -- sh
  skerry exec shop-web-0 -c db -- pg_dump shop > shop.sql
  echo 'select 1' | skerry exec -i shop-web-0 -c db -- psql shop
\b
Exit status: the command's own; 1 with a message when it could not be run.
"""


@click.command(epilog=EXAMPLES, name="exec")
@click.argument("name", metavar="[NODE/]INSTANCE", shell_complete=complete_instances)
@click.argument("command", nargs=-1, required=True, metavar="-- COMMAND...")
@click.option("-c", "--container", default="", help="In this container (default: the first).")
@click.option("-i", "--stdin", is_flag=True, help="Give it what comes on standard input.")
@click.option("-t", "--tty", "wants_terminal", is_flag=True, help="Give it a terminal.")
@click.option(
    "--timeout", type=Duration(1, 3600), metavar="TIME",
    help="How long it may take (default: 1m; with -i or -t: 1h).",
)  # fmt: skip
@anywhere
@click.pass_context
def execute(
    ctx: click.Context,
    /,
    name: str,
    command: tuple[str, ...],
    container: str,
    stdin: bool,
    wants_terminal: bool,
    timeout: float | None,
) -> None:
    """Run a command within a container of an instance."""
    session: Session = ctx.obj
    hub = session.connect()
    instance = one_instance_of(hub, name)
    body: dict[str, Any] = {
        "command": list(command),
        "container": container,
        "within_s": timeout or (SESSION_S if stdin or wants_terminal else PLAIN_S),
    }
    where = path("instances", instance.id, "exec")
    if stdin or wants_terminal:
        end = _with_session(session, hub, where, body, stdin=stdin, wants_terminal=wants_terminal)
    else:
        with hub.lines("POST", where, body=body) as lines:
            end = passed_on(lines, Writer())
    if end.error is not None:
        raise Failure(f"{instance.id}: {end.error}")
    ctx.exit(end.exit_code or 0)


def _with_session(
    session: Session, hub: Hub, where: str, body: dict[str, Any], *, stdin: bool,
    wants_terminal: bool,
) -> WrittenLine:  # fmt: skip
    # Imported late: no other command needs them.
    from skerry_cli import terminal  # noqa: PLC0415
    from skerry_cli.session_input import Sender  # noqa: PLC0415

    body["session"] = True
    with contextlib.ExitStack() as stack:
        resized = None
        if wants_terminal and not terminal.is_terminal():
            click.echo("skerry: no terminal for it: there is none here", err=True)
        elif wants_terminal:
            columns, rows = terminal.size()
            body["terminal"] = {"columns": columns, "rows": rows}
            resized = stack.enter_context(terminal.raw())
        sender = Sender(session.connect(), stdin=stdin, resized=resized)
        lines = stack.enter_context(hub.lines("POST", where, body=body))
        return passed_on(lines, Writer() if resized is None else RawWriter(), sender.begin)
