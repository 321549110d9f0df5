"""The command `skerry`: the table of its commands, each imported when it is used."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
from collections.abc import Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from skerry_cli.failures import Exit
from skerry_cli.session import DEFAULT_HUB, RequestTimeout, Session
from skerry_cli.verbs import Verbs

COMMANDS = {
    "get": "List nodes, workloads, instances, events, devices, decisions or documents.",
    "describe": "Tell everything about one node, workload, instance or document.",
    "apply": "Make the hub want what compose files and documents say.",
    "plan": "Show what an apply would do.",
    "explain": "Tell why a workload is placed where it is, or nowhere.",
    "snapshot": "Save everything that placement decides from.",
    "simulate": "Show what would be done with a fleet of a file, without a hub.",
    "replay": "Make a decision again, and say whether the same comes of it.",
    "logs": "Show what instances write, and go on as they do.",
    "exec": "Run a command within an instance, where its box allows it.",
    "restart": "Stop and start instances, one after the other.",
    "top": "Show what nodes or instances use.",
    "delete": "Delete workloads and documents, or forget nodes.",
    "wait": "Wait until a node or workload is as it should be.",
    "node": "Have nodes look at their hardware again, settle, trust or shut out one.",
    "token": "Make tokens with which boxes join, list them, and make them invalid.",
    "secret": "Keep secrets that workloads use as files or variables.",
    "registry": "Keep credentials for private registries.",
    "approve": "Approve what is to run, where boxes ask for a second person.",
    "key": "Change the key with which the hub signs orders.",
    "label": "Give labels to a node, or take them away.",
    "taint": "Give taints to a node, or take them away.",
    "cordon": "Let nothing new come to nodes.",
    "uncordon": "Let nodes take workloads again.",
    "drain": "Move away what a node runs, and let nothing new come to it.",
    "rollout": "Follow, pause, resume and undo the updates of workloads.",
    "rebalance": "Make the fleet's placement better by moves, wave by wave.",
    "login": "Log in to a hub with a token, and have it as the current one.",
    "logout": "Forget the token for a hub.",
    "context": "Choose among the hubs that were logged in to.",
    "whoami": "Show as whom the hub is asked.",
    "access": "Keep the tokens with which the hub is asked.",
    "audit": "Show who changed what, and check that nothing of that was changed.",
    "completion": "Print the script that completes commands and names in a shell.",
    "version": "Print the version.",
}
"""Each command's module has its name, and a click command of the same name."""

NAMED_OTHERWISE = {"exec": "execute"}

HELP = """Run workloads on a fleet of edge boxes.

\b
  skerry get nodes                   the boxes, and how they are
  skerry plan -f shop.yaml           what an apply would do
  skerry apply -f shop.yaml --wait   run the services of a compose file
  skerry describe workload shop-web  where it runs, and what is wrong
  skerry get devices --kind gpu      what is plugged in, and who uses it
  skerry explain shop-web            every reason of every node
  skerry logs -f shop-web            what all its instances write

\b
Exit status:
  0  done                     3  something found no node
  1  error                    4  not in time
  2  wrong usage or file      5  changes are pending (plan --exit-code)
  6  the plan is stale        7  a decision does not replay to the same
"""


class Lazy(Verbs):
    """The commands of the table, imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def named(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, or None where there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        name = NAMED_OTHERWISE.get(cmd_name, cmd_name)
        module = importlib.import_module(f"skerry_cli.{name}")
        command = getattr(module, name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the table, without importing any command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the commands' names, without importing any command."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [
            CompletionItem(name, help=words)
            for name, words in COMMANDS.items()
            if name.startswith(incomplete)
        ]


@click.group(
    cls=Lazy,
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--hub",
    metavar="URL",
    envvar="SKERRY_HUB",
    help=f"The hub's address (SKERRY_HUB; default: the current context's, else {DEFAULT_HUB}).",
)
@click.option(
    "--context",
    metavar="NAME",
    envvar="SKERRY_CONTEXT",
    help="A hub that was logged in to (SKERRY_CONTEXT; default: the current one).",
)
@click.option(
    "--ca-file",
    metavar="FILE",
    envvar="SKERRY_CA_FILE",
    type=click.Path(),
    help="Who may vouch for the hub's certificate, for https (SKERRY_CA_FILE).",
)
@click.option(
    "--request-timeout",
    metavar="TIME",
    envvar="SKERRY_REQUEST_TIMEOUT",
    type=RequestTimeout(),
    default=30.0,
    help="How long one answer may take (SKERRY_REQUEST_TIMEOUT; default: 30s).",
)
@click.pass_context
def cli(ctx: click.Context, /, **options: Any) -> None:
    """Keep what all commands share."""
    ctx.obj = Session(**options)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a character must not end the command.
            stream.reconfigure(errors="backslashreplace")
    given = None if arguments is None else list(arguments)
    try:
        done = cli.main(given, prog_name="skerry", standalone_mode=False)
    except click.ClickException as failure:
        failure.show()
        return int(failure.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return _pipe_closed()
    return done if isinstance(done, int) else Exit.OK


def _pipe_closed() -> int:
    with contextlib.suppress(OSError):
        sys.stdout.close()
    return Exit.PIPE_CLOSED
