"""`skerry-agent status`."""

from __future__ import annotations

import argparse

from skerry_agent.commands import settings
from skerry_agent.commands.output import add_form, complain, say

DESCRIPTION = "Print how the running agent is. Exit status 1 when none answers."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `status` takes."""
    settings.add_file(parser)
    parser.add_argument("--control", metavar="PATH", help="the control socket")
    add_form(parser)


def run(given: argparse.Namespace) -> int:
    """Print what the agent says."""
    from skerry_agent import control, status, waiting  # noqa: PLC0415

    config = settings.of(given)
    try:
        told = control.ask(config.control)
    except control.NoAgentError as error:
        if not waiting.is_needed(config) or config.joined_problem is not None:
            return complain(str(error), 1)
        return complain(waiting.WORDS.format(file=config.file or "agent.toml"), 1)
    except control.ControlError as error:
        return complain(str(error), 1)
    as_json = given.output == "json"
    say(status.to_json(told, indent=2) if as_json else status.table(told))
    return 0
