"""`skerry-agent label`."""

from __future__ import annotations

import argparse

from skerry_agent.commands import settings
from skerry_agent.commands.output import add_form, complain, say

DESCRIPTION = (
    "Change the labels that this box gives itself; a running agent publishes them at once. "
    "They win over [labels] of the settings' file, which is read again too. A label is "
    "[PREFIX/]NAME=VALUE as Kubernetes has it; what stands under kubernetes.io/, k8s.io/ and "
    "feature.node.kubernetes.io/ is worked out from the box and cannot be set here."
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `label` takes."""
    settings.add_file(parser)
    parser.add_argument("verb", choices=["set", "unset", "list"], help="what to do")
    parser.add_argument(
        "labels", nargs="*", metavar="KEY=VALUE|KEY", help="KEY=VALUE to set, KEY to unset"
    )
    parser.add_argument("--state", metavar="DIR", help="the state folder")
    parser.add_argument("--control", metavar="PATH", help="the control socket")
    add_form(parser)


def run(given: argparse.Namespace) -> int:
    """Set, unset or list labels."""
    from skerry_agent import label_command  # noqa: PLC0415

    config = settings.of(given)
    try:
        say(label_command.run(config, given.verb, given.labels, as_json=given.output == "json"))
    except label_command.LabelError as error:
        return complain(str(error), 2 if error.is_usage else 1)
    return 0
