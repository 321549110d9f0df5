"""A new certificate for the box's key, in place of the one that it has.

The request's own signature proves who asks, so this works long after the old certificate ended. The
keys of orders in an answer are not taken: those are changed by messages that the executor verifies.
"""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable

from skerry_agent import joined
from skerry_agent.joined import Joined, JoinedError
from skerry_agent.joining import client, files, kept, keys
from skerry_agent.joining.client import Client
from skerry_agent.joining.course import understood
from skerry_agent.joining.failure import JoinError
from skerry_agent.joining.files import Folder
from skerry_agent.joining.keys import Told
from skerry_agent.joining.retrying import tried
from skerry_wire import joining
from skerry_wire.frozen import frozen
from skerry_wire.joining import Enrolled, RenewRequest


@frozen(kw_only=True)
class Renewed:
    """What came of it."""

    joined: Joined
    certificate: Told


def renew(path: pathlib.Path, wait_s: float, say: Callable[[str], None]) -> Renewed:
    """Renew. Raises JoinError."""
    before = _before(path)
    with files.state(path) as state, files.within(state, joined.FOLDER) as folder:
        key, authority = _key(folder), _authority(folder, before.pin)
        folder.try_out()
        csr = keys.request(key, before.node)
        try:
            url, enrolled = tried(lambda: _from_any(before, csr, authority), wait_s, say)
        except JoinError as error:
            raise _naming(error, before.node) from None
        told = kept.judged(enrolled, key, before.pin)
        if enrolled.node != before.node:
            raise JoinError(
                f"the hub knows this box's key as node {enrolled.node} now, not as {before.node}: "
                "join again with --new-identity, or have the hub's record put right",
                is_refused=True,
            )
        kept.certificates(folder, enrolled, key)
        after = kept.joined_of(enrolled, url, before.pin, time.time(), before.machine)
        kept.whole(folder, after)
    return Renewed(joined=after, certificate=told)


def _naming(error: JoinError, node: str) -> JoinError:
    """Return an error that names this box where the hub wrote ID: it tells nobody whom it knows."""
    return JoinError(
        str(error).replace("--node ID", f"--node {node}"),
        is_temporary=error.is_temporary,
        is_refused=error.is_refused,
        after_s=error.after_s,
    )


def _before(path: pathlib.Path) -> Joined:
    try:
        found = joined.read(path)
    except JoinedError as error:
        raise JoinError(str(error)) from None
    if found is None:
        raise JoinError("this box has not joined a hub: run `skerry-agent join`, see its --help")
    return found


def _key(folder: Folder) -> str:
    key = kept.key_of(folder)
    if key is None:
        raise JoinError(
            f"{folder.path / joined.BOX} holds no key any more: run `skerry-agent join` again"
        )
    return key


def _authority(folder: Folder, pin: str) -> str:
    data = folder.read(joined.CA, kept.MOST_BYTES)
    found = None if data is None else keys.certificate_in(data.decode("ascii", "replace"))
    if found is None or not client.is_pinned(found, pin):
        raise JoinError(
            f"{folder.path / joined.CA} is not the authority that this box has joined: run "
            "`skerry-agent join` again"
        )
    return found


def _from_any(before: Joined, csr: str, authority: str) -> tuple[str, Enrolled]:
    """Return the first hub's answer, and its address. Raises JoinError, of the last."""
    body = joining.to_json(RenewRequest(csr=csr))
    error = JoinError("the hub has told this box no address: run `skerry-agent join` again")
    for url in before.hubs:
        try:
            answer = Client(client.address_of(url), authority).post(joining.RENEW_PATH, body)
            return url, understood(answer)
        except ValueError as wrong:
            error = JoinError(str(wrong))
        except JoinError as failed:
            # What the hub itself refuses, it refuses at each of its addresses.
            if failed.is_refused and len(before.hubs) == 1:
                raise
            error = failed
    raise error
