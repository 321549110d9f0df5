"""`skerry-agent join`."""

from __future__ import annotations

import argparse
import pathlib
import sys
from typing import TYPE_CHECKING, Any

from skerry_agent.commands import settings
from skerry_agent.commands.output import add_form, complain, say

if TYPE_CHECKING:
    from skerry_agent.config import Config
    from skerry_agent.joining.course import Done, Wanted

DESCRIPTION = """\
Join a hub with a token, as root. The box makes its own key, which never leaves it, and gets a
certificate for its node id, the address of the broker, and the key whose orders it shall obey.

`skerry token create` prints this command whole. The pin tells the hub from everybody else: nothing
is sent before it has shown the authority of that pin. Run again, also after it was cut off at any
point, it ends well: the same box keeps its key and its id.

Others on this box can see arguments: give the token with --token - on standard input, with
--token-file, or in SKERRY_JOIN_TOKEN where that matters.
"""
EXIT_STATUS = """\
exit status: 0 joined, 1 refused or something is wrong on this box, 2 wrong usage or settings,
3 the hub could not be reached or cannot answer now: the same command may work later
"""

TRUSTED = pathlib.Path("/etc/skerry/trusted-keys.d")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `join` takes."""
    settings.add_file(parser)
    parser.add_argument("url", metavar="URL", help="the hub: https://HOST:8443")
    parser.add_argument(
        "--token", metavar="TOKEN|-", help="the token; - reads it from standard input"
    )
    parser.add_argument("--token-file", type=pathlib.Path, metavar="FILE", help="a file with it")
    parser.add_argument(
        "--ca-pin", required=True, metavar="sha256:...", help="the pin of the hub's authority"
    )
    parser.add_argument(
        "--node-id", metavar="ID", help="this box's id, where it has none yet (default: made up)"
    )
    parser.add_argument(
        "--new-identity",
        action="store_true",
        help="be another node from now on, with another key: for a disk that was copied",
    )
    parser.add_argument("--state", metavar="DIR", help="the state folder")
    parser.add_argument(
        "--trusted-keys",
        type=pathlib.Path,
        default=TRUSTED,
        metavar="DIR",
        help=f"where the executor looks for keys (default: {TRUSTED})",
    )
    parser.add_argument(
        "--wait",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="how long a hub that does not answer is tried again (default: 60)",
    )
    parser.add_argument("--no-start", action="store_true", help="leave the agent's unit as it is")
    add_form(parser)


def run(given: argparse.Namespace) -> int:
    """Join."""
    from skerry_agent.host import Host  # noqa: PLC0415
    from skerry_agent.joining.failure import JoinError  # noqa: PLC0415

    config = settings.of(given)
    try:
        from skerry_agent.joining import course  # noqa: PLC0415 - needs a library
    except JoinError as error:
        return complain(str(error), 1)
    try:
        wanted = _wanted(given, config)
    except (JoinError, ValueError, OSError) as error:
        return complain(str(error), 2)
    try:
        done = course.join(wanted, Host(config.root), _progress)
    except JoinError as error:
        return complain(str(error), 3 if error.is_temporary else 1)
    to_do = [*done.to_do, *_set_aside(config, done)]
    say(_json(done, to_do) if given.output == "json" else _text(done, to_do))
    return 0


def _wanted(given: argparse.Namespace, config: Config) -> Wanted:
    """Return what was asked for. Raises JoinError, ValueError and OSError."""
    import re  # noqa: PLC0415

    from skerry_agent.config import Config as Defaults  # noqa: PLC0415
    from skerry_agent.joining import client, course  # noqa: PLC0415

    pin = given.ca_pin.strip().lower()
    if re.fullmatch("sha256:[0-9a-f]{64}", pin) is None:
        raise ValueError("--ca-pin must be sha256: and 64 hexadecimal digits; copy all of it")
    if not 0 <= given.wait <= 86_400:
        raise ValueError("--wait must be 0 to 86400 seconds")
    return course.Wanted(
        address=client.address_of(given.url),
        token=course.token_of(_token(given)),
        pin=pin,
        node=config.node,
        is_new=given.new_identity,
        state=config.state,
        trusted=given.trusted_keys,
        wait_s=given.wait,
        has_units=not given.no_start and config.state == Defaults().state,
    )


def _token(given: argparse.Namespace) -> str:
    """Return the token, from wherever it was given. Raises ValueError and OSError."""
    import os  # noqa: PLC0415

    most = 4096
    if given.token is not None and given.token_file is not None:
        raise ValueError("--token and --token-file: one of them")
    if given.token_file is not None:
        try:
            with given.token_file.open(encoding="ascii", errors="replace") as file:
                return str(file.read(most))
        except OSError as error:
            raise ValueError(f"{given.token_file}: {(error.strerror or '').lower()}") from None
    if given.token == "-":  # noqa: S105
        return sys.stdin.readline(most)
    token = given.token or os.environ.get("SKERRY_JOIN_TOKEN", "")
    if not token:
        raise ValueError(
            "a token is needed: --token, --token-file or SKERRY_JOIN_TOKEN; whoever runs the hub "
            "makes one with `skerry token create`"
        )
    return str(token)


def _progress(text: str) -> None:
    print(f"skerry-agent: {text}", file=sys.stderr, flush=True)


def _set_aside(config: Config, done: Done) -> list[str]:
    """Return a word where settings win over what the hub told."""
    broker = config.told_broker.broker
    if broker is None or str(broker) == done.joined.broker:
        return []
    return [
        f"the settings say broker = {str(broker)!r}, which wins over the hub's "
        f"{done.joined.broker!r}: take that line out, unless it is meant"
    ]


def _text(done: Done, to_do: list[str]) -> str:
    from skerry_agent.joining.moments import day_of  # noqa: PLC0415

    found = done.joined
    lines = [
        f"joined: node {found.node}, hub {found.hub}, broker {found.broker}",
        f"certificate: until {day_of(done.certificate.until)}; renewed by itself after "
        f"{found.renew_after_s / 86_400:.3g} days",
        f"orders: of key {', '.join(done.keys)}",
    ]
    if done.agent == "started":
        lines.append("agent: started; `skerry-agent status` says how it is")
    return "\n".join([*lines, *(f"to do: {one}" for one in to_do)])


def _json(done: Done, to_do: list[str]) -> str:
    import json  # noqa: PLC0415

    found, told = done.joined, done.certificate
    shown: dict[str, Any] = {
        "node": found.node,
        "hub": found.hub,
        "hubs": list(found.hubs),
        "broker": found.broker,
        "ca_pin": found.pin,
        "certificate": {"serial": told.serial, "since": told.since, "until": told.until},
        "renew_after_s": found.renew_after_s,
        "order_keys": list(done.keys),
        "agent": done.agent,
        "to_do": to_do,
    }
    return json.dumps(shown, indent=2)
