"""What a join or a renewal keeps: the box's key and the hub's answer, so that a cut does no harm.

The key is on the disk before the hub hears of it: the same command run again is the same box to the
hub. `hub.json` comes last: where it is, everything else is.
"""

from __future__ import annotations

import json

from skerry_agent import joined
from skerry_agent.broker import broker_at
from skerry_agent.joined import Joined
from skerry_agent.joining import client, keys
from skerry_agent.joining.failure import JoinError
from skerry_agent.joining.files import Folder
from skerry_agent.joining.keys import Told
from skerry_wire import codec
from skerry_wire.errors import WireError
from skerry_wire.frozen import frozen
from skerry_wire.joining import Enrolled, Pem
from skerry_wire.types import NodeId

NEXT = "next.json"
"""A key with which a join was begun, and not ended; and the id that it was for."""
MOST_BYTES = 64 * 1024


@frozen(kw_only=True)
class Begun:
    """Who the box is in a join that is under way."""

    node: NodeId
    key: Pem


def begun(folder: Folder) -> Begun | None:
    """Return what an interrupted join left; None where there is none, or it is damaged."""
    data = folder.read(NEXT, MOST_BYTES)
    try:
        return None if data is None else codec.from_plain(Begun, json.loads(data))
    except (WireError, ValueError, RecursionError):
        return None


def begin(folder: Folder, one: Begun) -> None:
    """Keep a key before anybody hears of it. Raises JoinError."""
    folder.write(NEXT, json.dumps(codec.to_plain(one)).encode())


def key_of(folder: Folder) -> str | None:
    """Return the key of the last join, None where there was none. Raises JoinError."""
    data = folder.read(joined.BOX, MOST_BYTES)
    return None if data is None else keys.key_in(data.decode("ascii", "replace"))


def judged(enrolled: Enrolled, key: str, pin: str) -> Told:
    """Return what the certificate in an answer says, once all of the answer is sound.

    Raises JoinError.
    """
    if not client.is_pinned(enrolled.ca, pin):
        raise JoinError(
            "the authority in the hub's answer is not the one of the pin; nothing is kept. Where "
            "the hub was made anew, join again with its new pin",
            is_refused=True,
        )
    try:
        broker = broker_at(enrolled.broker)
    except ValueError as error:
        raise JoinError(f"the hub's answer: {error}; nothing is kept") from None
    if broker.tls:
        keys.check_authority(enrolled.broker_ca, "authority of the broker")
    return keys.judge(enrolled.certificate, enrolled.ca, key, enrolled.node)


def certificates(folder: Folder, enrolled: Enrolled, key: str) -> None:
    """Keep the answer's certificates. Raises JoinError."""
    folder.write(joined.CA, enrolled.ca.encode())
    folder.write(joined.BROKER_CA, enrolled.broker_ca.encode())
    folder.write(joined.BOX, (key.strip() + "\n" + enrolled.certificate).encode())


def whole(folder: Folder, told: Joined) -> None:
    """Keep the rest, which makes the box one that has joined. Raises JoinError."""
    folder.write(joined.FILE, joined.to_bytes(told))
    folder.remove(NEXT)


def joined_of(
    enrolled: Enrolled, url: str, pin: str, now: float, machine: tuple[str, ...]
) -> Joined:
    """Return what is remembered of an answer that came from `url`."""
    return Joined(
        node=enrolled.node,
        # The address that has just worked, too, whatever the hub thinks that it is called.
        hubs=tuple(dict.fromkeys((*enrolled.hubs[:7], url))),
        broker=enrolled.broker,
        pin=pin,
        issued_at=max(0.0, now),
        lifetime_s=enrolled.lifetime_s,
        renew_after_s=enrolled.renew_after_s,
        machine=machine,
    )
