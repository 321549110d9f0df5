"""The course of a join, step by step. Run again after a cut at any of them it ends well.

Nothing is changed before the hub has answered, but that the box has a key: so a join that the hub
refuses leaves a box that has joined another as it was.
"""

from __future__ import annotations

import os
import pathlib
import time
from collections.abc import Callable

from skerry_agent import joined, journal
from skerry_agent.host import Host
from skerry_agent.joined import Joined
from skerry_agent.joining import client, files, kept, keys, machine, services, trusted
from skerry_agent.joining.client import Address, Client
from skerry_agent.joining.failure import JoinError
from skerry_agent.joining.files import Folder
from skerry_agent.joining.kept import Begun
from skerry_agent.joining.keys import Told
from skerry_agent.joining.retrying import tried
from skerry_agent.journal import Identity
from skerry_wire import codec, joining
from skerry_wire.errors import WireError
from skerry_wire.frozen import frozen
from skerry_wire.joining import Enrolled, JoinRequest

_IDENTITY = "identity"
_JOURNAL = "journal"
_LOCK = "lock"
OF_THE_API = "ska_"
"""With this begin the tokens with which people and programs ask the hub."""


@frozen(kw_only=True)
class Wanted:
    """What was asked for. `has_units`: the state folder is the one of the unit."""

    address: Address
    token: str
    pin: str
    node: str | None
    is_new: bool
    state: pathlib.Path
    trusted: pathlib.Path
    wait_s: float
    has_units: bool


@frozen(kw_only=True)
class Done:
    """What came of it. `agent` is what became of the running agent, `to_do` what is left."""

    joined: Joined
    certificate: Told
    keys: tuple[str, ...]
    agent: str
    to_do: tuple[str, ...] = ()


def join(wanted: Wanted, host: Host, say: Callable[[str], None]) -> Done:
    """Join. Raises JoinError."""
    with files.state(wanted.state) as state, files.within(state, joined.FOLDER) as folder:
        trusted.try_out(wanted.trusted)
        folder.try_out()
        before = identity_of_any(state) if wanted.is_new else identity_of(state)
        if wanted.is_new and not _has_units(wanted):
            _must_be_idle(state)
        one = _who(wanted, folder, before)
        say(f"this box is node {one.node}; its key stays here")
        authority = tried(lambda: client.authority(wanted.address, wanted.pin), wanted.wait_s, say)
        say(f"the hub at {wanted.address} has the authority of the pin")
        sealing_key = _sealing_key(wanted, say)
        asked = JoinRequest(
            token=wanted.token,
            csr=keys.request(one.key, one.node),
            node=one.node,
            machine=machine.traits(host, one.node),
            sealing_key=sealing_key,
            keeps_id=before is not None and not wanted.is_new,
        )
        enrolled = tried(lambda: _ask(wanted, authority, asked), wanted.wait_s, say)
        told = kept.judged(enrolled, one.key, wanted.pin)
        if before is not None and asked.keeps_id and enrolled.node != before.node:
            raise JoinError(
                f"the hub knows this box's key as node {enrolled.node}, its state folder says "
                f"{before.node}; to make it another node, join with --new-identity"
            )
        say(f"the hub's certificate for node {enrolled.node} has come")
        # Only now: where the hub refuses, the agent has worked on.
        if wanted.is_new and _has_units(wanted) and services.is_active():
            say("the agent is stopped meanwhile; what runs on this box runs on")
            services.stop()
        if wanted.is_new:
            _must_be_idle(state)
        return _keep(wanted, (state, folder), one, enrolled, told, host)


def identity_of(state: Folder) -> Identity | None:
    """Return who the box is already, None before its first start. Raises JoinError."""
    data = state.read(_IDENTITY, journal.MOST_BYTES)
    try:
        return None if data is None else codec.decode(Identity, data)
    except WireError as error:
        raise JoinError(
            f"{state.path / _IDENTITY} is damaged ({error}); join with --new-identity, which makes "
            "another"
        ) from None


def _has_units(wanted: Wanted) -> bool:
    return wanted.has_units and services.is_there()


def _must_be_idle(state: Folder) -> None:
    """Raise JoinError where an agent works with what is about to change."""
    if files.is_held(state, _LOCK):
        raise JoinError(
            f"an agent is working with {state.path}: stop it, then run the same command again"
        )


def _who(wanted: Wanted, folder: Folder, before: Identity | None) -> Begun:
    """Return id and key with which the hub is asked, kept by now. Raises JoinError."""
    if before is not None and not wanted.is_new and wanted.node not in (None, before.node):
        raise JoinError(
            f"this box is node {before.node} already, not {wanted.node}; to make it another node, "
            "stop its workloads and join with --new-identity"
        )
    begun = kept.begun(folder)
    if before is not None and not wanted.is_new:
        key = kept.key_of(folder)
        if key is not None:
            return Begun(node=before.node, key=key)
        key = begun.key if begun is not None else keys.make()
        one = Begun(node=before.node, key=key)
    elif begun is not None:
        one = Begun(node=wanted.node or begun.node, key=begun.key)
    else:
        # A key without an identity is of a join that was cut off between the two: the same box.
        key = None if wanted.is_new else kept.key_of(folder)
        one = Begun(node=wanted.node or journal.fresh_node(), key=key or keys.make())
    if one != begun:
        kept.begin(folder, one)
    return one


def _sealing_key(wanted: Wanted, say: Callable[[str], None]) -> str | None:
    """Return the key to which secrets for this box are to be sealed, None where there is none yet.

    The hub then takes the first one that it hears of, by way of the broker.
    """
    if not wanted.has_units:
        return None
    key, why_not = services.sealing_key()
    if key is None:
        say(f"the hub will take the key for secrets from the first report, for {why_not}")
    return key


def _ask(wanted: Wanted, authority: str, asked: JoinRequest) -> Enrolled:
    answer = Client(wanted.address, authority).post(joining.JOIN_PATH, joining.to_json(asked))
    return understood(answer)


def understood(answer: bytes) -> Enrolled:
    """Return the hub's answer. Raises JoinError."""
    try:
        return joining.from_json(Enrolled, answer)
    except WireError as error:
        raise JoinError(f"the hub's answer is none: {error}; is it another version?") from None


def _keep(
    wanted: Wanted,
    folders: tuple[Folder, Folder],
    one: Begun,
    enrolled: Enrolled,
    told: Told,
    host: Host,
) -> Done:
    state, folder = folders
    to_do = []
    kept.certificates(folder, enrolled, one.key)
    before = identity_of_any(state)
    if wanted.is_new or before is None or before.node != enrolled.node:
        # Orders are for one identity: what was ordered before is not this one's.
        state.remove(_JOURNAL)
        fresh = Identity(node=enrolled.node, incarnation=os.urandom(16).hex())
        state.write(_IDENTITY, codec.pack(fresh))
    if wanted.is_new and wanted.has_units:
        still = services.forget_orders()
        to_do += [] if still is None else [still]
    trusted.put(wanted.trusted, enrolled.order_keys)
    found = machine.traits(host, enrolled.node)
    answer = kept.joined_of(enrolled, str(wanted.address), wanted.pin, time.time(), found)
    kept.whole(folder, answer)
    agent, left = _tell_agent(wanted)
    return Done(
        joined=answer,
        certificate=told,
        keys=tuple(enrolled.order_keys),
        agent=agent,
        to_do=(*to_do, *left),
    )


def identity_of_any(state: Folder) -> Identity | None:
    """Return who the box is; None also where the file is damaged."""
    try:
        return identity_of(state)
    except JoinError:
        return None


def _tell_agent(wanted: Wanted) -> tuple[str, tuple[str, ...]]:
    if not _has_units(wanted):
        return "untouched", (
            "start the agent: `skerry-agent run`, or send SIGHUP to a running one",
        )
    try:
        services.start_or_reload()
    except JoinError as error:
        return "untouched", (str(error),)
    return "started", ()


def token_of(text: str) -> str:
    """Return a token as it is sent. Raises JoinError."""
    token = text.strip()
    if token.startswith(OF_THE_API):
        # Told from its text alone: whoever gets it may do what its owner may.
        raise JoinError(
            "this is a token for the hub's API, and not for a box; nothing was sent. Whoever runs "
            "the hub makes one for a box with `skerry token create`"
        )
    try:
        codec.from_plain(JoinRequest, {"token": token, "csr": "", "node": "x"})
    except WireError:
        raise JoinError(
            "the token is not one: it has 16 to 128 letters, digits, - and _; copy all of it"
        ) from None
    return token
