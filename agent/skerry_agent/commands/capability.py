"""`skerry-agent capability`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from skerry_agent.commands import settings
from skerry_agent.commands.output import add_form, complain, say

if TYPE_CHECKING:
    import pathlib

    from skerry_agent.capability import Collected
    from skerry_agent.config import Config
    from skerry_agent.host import Host

DESCRIPTION = "Read the hardware of this box, or of a recorded one, and print it. Needs no agent."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `capability` takes."""
    settings.add_file(parser)
    parser.add_argument(
        "--root",
        metavar="DIR|FILE.tar",
        help="read a recorded box: a folder, or what `record` made",
    )
    parser.add_argument("--state", metavar="DIR", help="the state folder, for the slow part")
    add_form(parser)
    parser.add_argument(
        "--slow", action="store_true", help="wait for the slow part too (about two seconds)"
    )


def run(given: argparse.Namespace) -> int:
    """Print the hardware."""
    from skerry_agent import load, present  # noqa: PLC0415
    from skerry_agent.host import Host  # noqa: PLC0415

    now = present.NOTHING
    if given.root is not None:
        from skerry_agent.recording import command as recording  # noqa: PLC0415

        try:
            with recording.opened(given.root) as host:
                collected = recording.collect(host)
        except recording.RecordingError as error:
            return complain(f"--root: {error}", 2)
    else:
        config = settings.of(given)
        collected = _of_this_box(config, wait=given.slow)
        now = load.readings(Host(config.root), collected.hardware)
    as_json = given.output == "json"
    say(present.to_json(collected, now) if as_json else present.table(collected, now))
    return 0


def _of_this_box(config: Config, *, wait: bool) -> Collected:
    from skerry_agent import capability  # noqa: PLC0415
    from skerry_agent.config import SLOW_CACHE  # noqa: PLC0415
    from skerry_agent.host import Host  # noqa: PLC0415

    host = Host(config.root, runtime_socket=config.runtime_socket)
    collected = capability.collect(host, operator_labels=_labels(config))
    return _with_slow(collected, host, config.state / SLOW_CACHE, wait=wait)


def _with_slow(
    collected: Collected, host: Host, cache: pathlib.Path | None, *, wait: bool
) -> Collected:
    """Return what was collected with the answers of the slow looks; blocks only if it may wait."""
    import dataclasses  # noqa: PLC0415

    from skerry_agent import capability  # noqa: PLC0415
    from skerry_agent.slow import looks  # noqa: PLC0415

    answers = looks.read_slow(host, collected.hardware, cache, wait=wait)
    whole = capability.merge_slow(collected.hardware, answers)
    return dataclasses.replace(collected, hardware=whole)


def _labels(config: Config) -> Mapping[str, str]:
    """Return the labels that a running agent would have, with a word on those it would not."""
    from skerry_agent import operator_labels  # noqa: PLC0415

    try:
        return {**config.labels, **operator_labels.stored(config.state)}
    except operator_labels.LabelsError as error:
        print(f"skerry-agent: without the labels that were set: {error}", file=sys.stderr)
        return config.labels
