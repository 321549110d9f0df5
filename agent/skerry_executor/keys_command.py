"""`skerry-executor keys`: which order keys this box trusts, whence, and which were retired."""

from __future__ import annotations

import sys

from skerry_executor import key_ring, state
from skerry_executor.approvals import approvers
from skerry_executor.key_changes import counting, trusted
from skerry_executor.keys import read_keys
from skerry_executor.settings import Settings
from skerry_wire.envelope import key_id_of

LOCK_WAIT_S = 10.0


def show(settings: Settings) -> int:
    """Print each key that is trusted or retired; return the exit status."""
    by_root = read_keys(settings.keys).by_id
    try:
        ring = key_ring.load(settings.state)
    except state.StateError as error:
        print(f"skerry-executor: {error}", file=sys.stderr)
        return 1
    keys = trusted(ring, by_root)
    learned = {key_id_of(one.key) for one in counting(ring, by_root)}
    for name in sorted(keys):
        sources = [str(settings.keys)] if name in by_root else []
        sources += [f"the hub's change {ring.sequence} or earlier"] if name in learned else []
        print(f"{name}  trusted, by {' and '.join(sources)}")
    for name in sorted(map(key_id_of, ring.retired)):
        there = f"; it is still in {settings.keys}" if name in by_root else ""
        print(f"{name}  retired by the hub{there}")
    if not keys:
        print(f"no key is trusted: put the hub's public key into {settings.keys}, or join")
    return 0 if keys else 1


def forget(settings: Settings, *, yes: bool) -> int:
    """Forget what changes taught and retired, so that root's files alone count."""
    if not yes:
        print(
            f"This trusts again every key in {settings.keys}, also those that the hub retired "
            "since, and no other. Look there first, and remove what must not be trusted. Remove "
            f"the hub's former keys from {settings.approval_keys}, too: what is forgotten as an "
            "order key would approve. Add --yes to do it.",
            file=sys.stderr,
        )
        return 1
    would_approve = _would_approve(settings)
    if would_approve:
        print(
            f"skerry-executor: {settings.approval_keys} has {', '.join(would_approve)}, which "
            "signed orders: forgotten as such it would approve. Take it out of the folder first",
            file=sys.stderr,
        )
        return 1
    try:
        with state.locked(settings.state, LOCK_WAIT_S):
            was_there = key_ring.forget(settings.state)
    except state.StateError as error:
        advice = "where it stays, stop it first: systemctl stop skerry-executor.service"
        print(f"skerry-executor: {error}; {advice}", file=sys.stderr)
        return 1
    print("forgotten" if was_there else "there was nothing to forget")
    return 0


def _would_approve(settings: Settings) -> list[str]:
    """Return the keys that approve nothing now, and would once it is forgotten what they signed."""
    found = read_keys(settings.approval_keys).by_id
    now = approvers(found, key_ring.order_keys(settings))
    then = approvers(found, read_keys(settings.keys).by_id.values())
    return sorted(then.keys() - now.keys())
