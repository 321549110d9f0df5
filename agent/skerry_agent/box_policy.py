"""What the executor told last of the box: its own policy and its runtime, a part of what it has.

The agent cannot read the file, and need not: whatever run of the executor ends says by which policy
it was judged, and which runtime it drives. Pure, like `core`, of which this is a part.
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
from skerry_wire.runtime_limits import RuntimeInUse


def with_told(state: State, hardware: Hardware, revision: str) -> tuple[Hardware, str]:
    """Return what the probes found with what the executor told, and the digest of both."""
    if state.policy is None and state.runtime_in_use is None:
        return hardware, revision
    hardware = dataclasses.replace(
        hardware, policy=state.policy, runtime_in_use=state.runtime_in_use
    )
    return hardware, codec.revision_of(hardware)


def box_told(
    state: State, policy: BoxPolicy | None, runtime: RuntimeInUse | None, now: ev.Now
) -> Step:
    """Take over what the executor told; None where it told none, which changes nothing.

    An executor that cannot be had right now still enforces what it said last.
    """
    policy, runtime = policy or state.policy, runtime or state.runtime_in_use
    told: list[Log] = []
    if policy != state.policy:
        words = "is known" if state.policy is None else "has changed"
        told.append(Log("info", f"the box's policy {words}"))
    if runtime is not None and runtime != state.runtime_in_use:
        named = f"{runtime.name} {runtime.version}" if runtime.version else runtime.name
        told.append(Log("info", f"instances run in {named}"))
    if not told:
        return state, []
    state = dataclasses.replace(state, policy=policy, runtime_in_use=runtime)
    if state.hardware is None:
        return state, list(told)
    hardware, revision = with_told(state, state.hardware, state.revision)
    state, effects = capability(
        dataclasses.replace(state, hardware=hardware, revision=revision), now
    )
    return state, [*told, *effects]
