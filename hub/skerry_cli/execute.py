"""`skerry exec`: runs a command within a container of an instance."""

from __future__ import annotations

import base64
import sys

import click

from skerry_cli.failures import Exit, Failure
from skerry_cli.hub import path
from skerry_cli.named_instances import complete_instances, one_instance_of
from skerry_cli.session import Duration, Session, anywhere
from skerry_cli.written import Writer, passed_on

MAX_STDIN_BYTES = 64 * 1024

EXAMPLES = """\b
The box's own policy must allow it (requests.exec in /etc/skerry/policy.toml; off by default). The
command gets no terminal, and what it reads is sent before it starts: it is not interactive.
\b
Examples:
  skerry exec shop-web-0 -- cat /etc/hosts
  skerry exec shop-web-0 -c db -- pg_dump shop > shop.sql
  echo 'select 1' | skerry exec shop-web-0 -c db --stdin -- psql shop
\b
Exit status: the command's own; 1 with a message when it could not be run.
"""


@click.command(epilog=EXAMPLES, name="exec")
@click.argument("name", metavar="[NODE/]INSTANCE", shell_complete=complete_instances)
@click.argument("command", nargs=-1, required=True, metavar="-- COMMAND...")
@click.option("-c", "--container", default="", help="In this container (default: the first).")
@click.option("--stdin", is_flag=True, help="Give it what comes on standard input, up to 64 KiB.")
@click.option(
    "--timeout", type=Duration(1, 3600), default=60.0, metavar="TIME",
    help="How long it may take (default: 1m).",
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
    timeout: float,
) -> None:
    """Run a command within a container of an instance."""
    session: Session = ctx.obj
    hub = session.connect()
    instance = one_instance_of(hub, name)
    body = {
        "command": list(command),
        "container": container,
        "stdin": base64.b64encode(_stdin() if stdin else b"").decode(),
        "within_s": timeout,
    }
    with hub.lines("POST", path("instances", instance.id, "exec"), body=body) as lines:
        end = passed_on(lines, Writer())
    if end.error is not None:
        raise Failure(f"{instance.id}: {end.error}")
    ctx.exit(end.exit_code or 0)


def _stdin() -> bytes:
    data = sys.stdin.buffer.read(MAX_STDIN_BYTES + 1)
    if len(data) > MAX_STDIN_BYTES:
        raise Failure(f"standard input is more than {MAX_STDIN_BYTES >> 10} KiB", Exit.USAGE)
    return data
