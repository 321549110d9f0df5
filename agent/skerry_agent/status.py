"""What a running agent says of itself: the answer on its control socket, and how people see it."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from skerry_agent import reporting
from skerry_agent.operator_labels import digest_of
from skerry_agent.state import State
from skerry_wire import codec
from skerry_wire.frozen import frozen
from skerry_wire.messages import InstanceState, InstanceStatus, Refusal
from skerry_wire.schema import Items
from skerry_wire.types import Count, Generation, Line, Moment, NodeId, Short

MOST_INSTANCES = 512
MOST_ANSWER_BYTES = 160 * 1024
"""What a unix socket takes at once under the kernel's defaults, with room to spare."""


@frozen(kw_only=True)
class AgentStatus:
    """One answer. `accepted` and `reached` are generations; `events_waiting` are not yet sent.

    `labels` is the digest of those that people gave the box, None of an agent that cannot read
    them again while it runs. `targets` are those of round-trip times, `targets_refused` the lists
    of them that were not the hub's, for another node or old. `hub` is the one that the box has
    joined, if it has; `certificate_until` and `renewed_from` are by the box's own clock.
    """

    node: NodeId
    incarnation: Short
    version: Short
    boot: Count
    broker: Line
    connected: bool
    hub: Line | None = None
    certificate_until: Moment | None = None
    renewed_from: Moment | None = None
    capability: Short | None = None
    accepted: Generation = 0
    reached: Generation = 0
    refusal: Line | None = None
    problems: Annotated[tuple[Line, ...], Items(32)] = ()
    labels: Short | None = None
    targets: Count = 0
    targets_refused: Count = 0
    events_waiting: Count = 0
    instance_count: Count = 0
    instances: Annotated[tuple[InstanceStatus, ...], Items(MOST_INSTANCES)] = ()


def status_of(state: State, broker: str) -> AgentStatus:
    """Return what there is to say of a state."""
    outcome = state.outcome
    refusal = outcome.refusal
    joined = state.enrollment
    return AgentStatus(
        node=state.node,
        incarnation=state.incarnation,
        version=state.version,
        boot=state.boot,
        broker=broker,
        connected=state.connected,
        hub=None if joined is None else joined.hub,
        certificate_until=None if joined is None else joined.issued_at + joined.lifetime_s,
        renewed_from=None if joined is None else joined.issued_at + joined.renew_after_s,
        capability=None if state.hardware is None else state.revision,
        accepted=outcome.accepted,
        reached=state.reached_generation,
        refusal=None if refusal is None else _refused(refusal),
        problems=reporting.problems(state),
        labels=digest_of(state.labels),
        targets=len(state.round_trips),
        targets_refused=state.targets_refused,
        events_waiting=len(state.events),
        instance_count=len(outcome.instances),
        instances=outcome.instances[:MOST_INSTANCES],
    )


def _refused(refusal: Refusal) -> str:
    return f"order {refusal.generation}: {refusal.reason}"[:1000]


def to_json(status: AgentStatus, *, indent: int | None = None) -> str:
    """Return the status as JSON, on one line unless `indent` says otherwise."""
    import json  # noqa: PLC0415 - an agent that nobody asks does without

    return json.dumps(codec.to_plain(status, nulls=True), indent=indent, ensure_ascii=False)


def answer(status: AgentStatus) -> bytes:
    """Return the line that a socket's buffer takes whole: instances are left out until it does."""
    while True:
        data = to_json(status).encode() + b"\n"
        if len(data) <= MOST_ANSWER_BYTES or not status.instances:
            return data
        half = status.instances[: len(status.instances) // 2]
        status = dataclasses.replace(status, instances=half)


def read_answer(line: bytes) -> AgentStatus:
    """Return the status in an answer. Raises WireError or ValueError when it is none."""
    import json  # noqa: PLC0415

    return codec.from_plain(AgentStatus, json.loads(line))


def table(status: AgentStatus) -> str:
    """Return the status as lines of aligned text, without a line break at the end."""
    order = "none yet"
    if status.accepted:
        order = f"generation {status.accepted}, " + (
            "reached" if status.reached == status.accepted else f"reached {status.reached}"
        )
    rows = [
        ("Node", status.node),
        ("Incarnation", status.incarnation),
        ("Agent", f"version {status.version}, start {status.boot}"),
        ("Broker", f"{status.broker}, {'connected' if status.connected else 'not connected'}"),
        *_joined(status),
        ("Capability", status.capability or "not yet known"),
        ("Order", order),
    ]
    if status.refusal:
        rows.append(("Refused", status.refusal))
    if status.targets or status.targets_refused:
        refused = f"; {status.targets_refused} lists refused" if status.targets_refused else ""
        rows.append(("Targets", f"{status.targets} of round-trip times, signed{refused}"))
    if status.events_waiting:
        rows.append(("Events", f"{status.events_waiting} wait for the broker"))
    rows += [("Problem", problem) for problem in status.problems]
    rows += [("Instance", _instance(one)) for one in status.instances]
    left_out = status.instance_count - len(status.instances)
    if left_out > 0:
        rows.append(("Instance", f"and {left_out} more"))
    width = max(len(title) for title, _ in rows)
    return "\n".join(f"{title:<{width}}  {text}" for title, text in rows)


def _joined(status: AgentStatus) -> list[tuple[str, str]]:
    if status.hub is None:
        return []
    from skerry_agent.joining.moments import day_of  # noqa: PLC0415

    until, renewed = day_of(status.certificate_until or 0), day_of(status.renewed_from or 0)
    return [
        ("Hub", f"{status.hub}, joined"),
        ("Certificate", f"until {until}, renewed from {renewed} on"),
    ]


def _instance(one: InstanceStatus) -> str:
    words: list[str] = [one.id, str(one.state)]
    if one.state is InstanceState.EXITED and one.exit_code is not None:
        words.append(f"exit code {one.exit_code}")
    if one.restarts:
        words.append(f"{one.restarts} restarts")
    if one.reason:
        words.append(one.reason)
    return ", ".join(words)
