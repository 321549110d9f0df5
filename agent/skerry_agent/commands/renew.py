"""`skerry-agent renew`."""

from __future__ import annotations

import argparse
import sys

from skerry_agent.commands import settings
from skerry_agent.commands.output import add_form, complain, say

DESCRIPTION = """\
Get a new certificate for this box's key from the hub that it has joined. A running agent does it by
itself at two thirds of a certificate's life, and when the broker refuses the one that it has; this
also works long after the certificate has ended, unless the hub has revoked the box.
"""
EXIT_STATUS = """\
exit status: 0 renewed, 1 refused or something is wrong on this box, 2 wrong usage or settings,
3 the hub could not be reached or cannot answer now
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `renew` takes."""
    settings.add_file(parser)
    parser.add_argument("--state", metavar="DIR", help="the state folder")
    parser.add_argument(
        "--wait",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="how long a hub that does not answer is tried again (default: 10)",
    )
    add_form(parser)


def run(given: argparse.Namespace) -> int:
    """Renew."""
    import json  # noqa: PLC0415

    from skerry_agent.joining.failure import JoinError  # noqa: PLC0415
    from skerry_agent.joining.moments import day_of  # noqa: PLC0415

    as_json = given.output == "json"
    config = settings.of(given)
    if not 0 <= given.wait <= 86_400:
        return complain("--wait must be 0 to 86400 seconds", 2)
    try:
        from skerry_agent.joining import renewing  # noqa: PLC0415 - needs a library

        done = renewing.renew(config.state, given.wait, _progress)
    except JoinError as error:
        if as_json:
            told = {"renewed": False, "refused": error.is_refused, "error": str(error)}
            say(json.dumps(told))
        return complain(str(error), 3 if error.is_temporary else 1)
    found, told_by = done.joined, done.certificate
    if as_json:
        shown = {"renewed": True, "node": found.node, "until": told_by.until}
        say(json.dumps(shown))
    else:
        say(
            f"renewed: node {found.node}, hub {found.hub}\n"
            f"certificate: until {day_of(told_by.until)}; a running agent shows it from its next "
            "connection on"
        )
    return 0


def _progress(text: str) -> None:
    print(f"skerry-agent: {text}", file=sys.stderr, flush=True)
