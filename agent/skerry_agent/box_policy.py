"""The box's own policy, as its executor told it last: a part of what the node has.

The agent cannot read the file, and need not: whatever run of the executor ends says by which policy
it was judged. Pure, like `core`, of which this is a part.
"""

from __future__ import annotations

import dataclasses

from skerry_agent import events as ev
from skerry_agent.effects import Log
from skerry_agent.state import State
from skerry_agent.telling import Step, capability
from skerry_wire import codec
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.hardware import Hardware


def with_policy(state: State, hardware: Hardware, revision: str) -> tuple[Hardware, str]:
    """Return what the probes found together with the policy, and the digest of both."""
    if state.policy is None:
        return hardware, revision
    hardware = dataclasses.replace(hardware, policy=state.policy)
    return hardware, codec.revision_of(hardware)


def policy_told(state: State, policy: BoxPolicy | None, now: ev.Now) -> Step:
    """Take over the policy that the executor told; None when it told none, which changes nothing.

    An executor that cannot be had right now still enforces what it said last.
    """
    if policy is None or policy == state.policy:
        return state, []
    words = "is known" if state.policy is None else "has changed"
    state = dataclasses.replace(state, policy=policy)
    told = Log("info", f"the box's policy {words}")
    if state.hardware is None:
        return state, [told]
    hardware, revision = with_policy(state, state.hardware, state.revision)
    state, effects = capability(
        dataclasses.replace(state, hardware=hardware, revision=revision), now
    )
    return state, [told, *effects]
