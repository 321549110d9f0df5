"""Looks at what a join has left on this box, and says of each part whether it works."""

from __future__ import annotations

import time

from skerry_agent import joined, waiting
from skerry_agent.config import Config
from skerry_agent.host import Host
from skerry_agent.joined import Joined
from skerry_wire import codec
from skerry_wire.errors import WireError
from skerry_wire.frozen import frozen

MOST_BYTES = 64 * 1024


@frozen()
class Finding:
    """One thing that was looked at."""

    fine: bool
    subject: str
    words: str


def findings(config: Config) -> list[Finding]:
    """Return what is found, in order."""
    if config.joined_problem is not None:
        return [Finding(False, "joined", config.joined_problem)]
    found = config.joined
    if found is None and config.broker is None:
        return [Finding(False, "joined", waiting.WORDS.format(file=config.file or "agent.toml"))]
    if found is None:
        return [Finding(True, "joined", "no hub; the broker is the settings' own")]
    return [_identity(config, found), *_certificate(config, found), _machine(config, found)]


def _identity(config: Config, found: Joined) -> Finding:
    from skerry_agent.journal import Identity  # noqa: PLC0415

    try:
        data = (config.state / "identity").read_bytes()
        node = codec.decode(Identity, data).node
    except (OSError, WireError) as error:
        return Finding(False, "joined", f"{config.state / 'identity'} cannot be read: {error}")
    if node != found.node:
        words = f"this box is node {node}, but has joined as {found.node}: join again"
        return Finding(False, "joined", words)
    told = config.told_broker.broker
    broker = f"; the settings' broker {told} wins over {found.broker}" if told else ""
    return Finding(True, "joined", f"{found.hub}, as node {node}{broker}")


def _certificate(config: Config, found: Joined) -> list[Finding]:
    from skerry_agent.joining.failure import JoinError  # noqa: PLC0415
    from skerry_agent.joining.moments import day_of  # noqa: PLC0415

    path = config.state / joined.FOLDER / joined.BOX
    try:
        from skerry_agent.joining import keys  # noqa: PLC0415 - needs a library

        text = path.read_bytes()[:MOST_BYTES].decode("ascii", "replace")
        key, certificate = keys.key_in(text), keys.certificate_in(text)
        if key is None or certificate is None or not keys.belongs(key, certificate):
            raise JoinError(f"{path} holds no key with its certificate: join again")
        told = keys.told(certificate)
    except OSError as error:
        return [Finding(False, "certificate", f"{path} cannot be read: {error.strerror}")]
    except JoinError as error:
        return [Finding(False, "certificate", str(error))]
    if told.name != found.node:
        return [Finding(False, "certificate", f"is for {told.name}, not for {found.node}")]
    left_s = told.until - time.time()
    if left_s > 0:
        words = f"until {day_of(told.until)}, {left_s / 86_400:.1f} days from now"
        return [Finding(True, "certificate", words)]
    words = (
        f"has ended on {day_of(told.until)} by this box's clock: a running agent renews it, "
        "`skerry-agent renew` says why it cannot"
    )
    return [Finding(False, "certificate", words)]


def _machine(config: Config, found: Joined) -> Finding:
    from skerry_agent.joining import machine  # noqa: PLC0415
    from skerry_agent.sharing import ANOTHER_MACHINE  # noqa: PLC0415

    if machine.is_another(found.machine, machine.traits(Host(config.root), found.node)):
        return Finding(False, "machine", ANOTHER_MACHINE)
    return Finding(True, "machine", "the one that has joined, as far as can be told")
