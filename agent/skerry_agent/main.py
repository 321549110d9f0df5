"""The command `skerry-agent`: the table of its commands, exit statuses.

Imports late: each command pays for what it needs alone, and a running agent for nothing else.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from skerry_agent import late_modules
from skerry_agent.commands import output

COMMANDS = {
    "run": "work until stopped",
    "join": "join a hub with a token",
    "renew": "get a new certificate from the hub",
    "status": "ask the agent that runs on this box",
    "capability": "print the hardware of this box, read now",
    "label": "set, unset or list the labels of this box",
    "record": "capture what the probes read here, for a bug report",
    "check": "say line by line what works and what does not",
    "version": "print the version",
}
"""Each is a module of `skerry_agent.commands`, with - as _."""

SETTINGS = """\
settings (skerry-agent.toml(5) has all), each in the file /etc/skerry/agent.toml (or --config), in
the environment, or as option; the later wins:
  broker       SKERRY_AGENT_BROKER       mqtt://host[:1883] or mqtts://host[:8883]; without it
                                         what the hub told that this box has joined
  broker_ca    SKERRY_AGENT_BROKER_CA    and _CERTIFICATE, _KEY: files for mqtts
  node_id      SKERRY_AGENT_NODE_ID      made up at the first start when not given
  state        SKERRY_AGENT_STATE        folder that survives a power cut
  executor     SKERRY_AGENT_EXECUTOR     socket of skerry-executor
  control      SKERRY_AGENT_CONTROL      socket that `skerry-agent status` asks
  heartbeat_s  SKERRY_AGENT_HEARTBEAT_S  seconds between heartbeats, 1 to 3600
  [labels]     (file only)               labels of this node

"""
EXIT_STATUS = "exit status: 0 fine, 1 something is wrong, 2 wrong usage or settings\n"
"""Of a command that names no other ones, as EXIT_STATUS of its module."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    late_modules.load_late()
    words = sys.argv[1:] if arguments is None else arguments
    # The options of one command are enough to run it: the others' modules would stay for ever.
    whole = parser(name for name in COMMANDS if name in words[:1])
    given = whole.parse_args(words)
    if given.command is None:
        whole.print_help(sys.stderr)
        return 2
    from skerry_agent.config import ConfigError  # noqa: PLC0415

    try:
        return int(_module(given.command).run(given))
    except ConfigError as error:
        return output.complain(str(error), 2)
    except BrokenPipeError:
        output.drop()  # whoever read has read enough
        return 0
    except output.OutputError as error:
        output.drop()
        return output.complain(f"the output cannot be written: {error}", 1)
    except KeyboardInterrupt:
        return 130


def parser(with_options: Iterable[str] = COMMANDS) -> argparse.ArgumentParser:
    """Return the parser of the command line, with the options of the commands that are named."""
    whole = argparse.ArgumentParser(
        prog="skerry-agent",
        description="Tells the hub what this box has and how it is, and has orders carried out.",
        epilog=SETTINGS + EXIT_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = whole.add_subparsers(dest="command", metavar="COMMAND")
    named = set(with_options)
    for name, words in COMMANDS.items():
        module = _module(name) if name in named else None
        settings = "" if name == "version" else SETTINGS
        added = commands.add_parser(
            name,
            help=words,
            description=None if module is None else module.DESCRIPTION,
            epilog=settings + getattr(module, "EXIT_STATUS", EXIT_STATUS),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if module is not None:
            module.add_options(added)
    return whole


def _module(name: str) -> Any:
    return importlib.import_module(f"skerry_agent.commands.{name.replace('-', '_')}")


if __name__ == "__main__":
    raise SystemExit(main())
