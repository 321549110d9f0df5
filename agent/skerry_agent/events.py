"""What can happen to the agent. Each is put into the shell's one queue and given to `core.step`."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping

from skerry_agent.enrollment import Enrollment
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.frozen import frozen
from skerry_wire.hardware import Hardware
from skerry_wire.local import Outcome, Restarted
from skerry_wire.messages import Target, Targets
from skerry_wire.order_keys import KeyStanding
from skerry_wire.runtime_limits import RuntimeInUse


@frozen()
class Now:
    """The clocks and one draw of chance, which the core itself never takes.

    `mono_s` never jumps and counts time asleep (CLOCK_BOOTTIME); `wall_s` may be wrong by years;
    `draw` is uniform in [0, 1).
    """

    mono_s: float
    wall_s: float
    draw: float


@frozen()
class Started:
    """The agent's threads are up."""


@frozen()
class Tick:
    """A deadline of the state has passed."""


@frozen()
class StopAsked:
    """The box or its administrator wants the agent to end."""


@frozen()
class Connected:
    """The broker has accepted the connection, the `connection`th since the agent's start."""

    connection: int


class Ending(enum.Enum):
    """How a connection to the broker ended, or was none."""

    LOST = "lost"
    REFUSED = "refused"
    """The broker answered, and did not want it."""
    CERTIFICATE_REFUSED = "certificate refused"
    TAKEN_OVER = "taken over"
    """Another one came under the same name, for which the broker ended it."""


@frozen()
class Disconnected:
    """The connection to the broker is gone. `is_shared`: two boxes seem to be this node."""

    reason: str
    ending: Ending = Ending.LOST
    is_shared: bool = False


@frozen()
class OrderArrived:
    """An order came from the broker, not yet verified: only the executor can."""

    data: bytes


@frozen()
class RequestArrived:
    """A question came from the hub, not yet read. The answer carries the same `correlation`."""

    verb: str
    data: bytes
    correlation: bytes | None


@frozen()
class TargetsArrived:
    """The hub's targets of round-trip times came, not yet verified: only the executor can."""

    data: bytes


@frozen()
class TargetsJudged:
    """The executor verified targets, or (None) said why they are refused.

    `is_tried_again`: it could not be asked.
    """

    data: bytes
    targets: Targets | None
    reason: str = ""
    is_tried_again: bool = False


@frozen()
class KeysArrived:
    """Changes of the keys that sign orders came, not yet verified: only the executor can."""

    data: bytes


@frozen()
class KeysJudged:
    """The executor took changes, or said (`reason`) why not, and which keys it trusts now.

    `is_tried_again`: it could not be asked.
    """

    data: bytes
    standing: KeyStanding | None
    reason: str = ""
    is_tried_again: bool = False


@frozen()
class PartCame:
    """The executor gave a part of the answer to a request."""

    id: str
    body: bytes


@frozen()
class AnswerEnded:
    """The answer to a request has ended with `body`, or broke off (`error`).

    `body` is the challenge where one was asked for, else the sealed end.
    `visit`: the executor wants one, since something may start only now. `restarted`: what was
    stopped and started.
    """

    id: str
    error: str | None = None
    body: bytes = b""
    visit: bool = False
    restarted: Restarted | None = None


@frozen()
class Acknowledged:
    """The broker has taken the publication of this token."""

    token: str


@frozen()
class DevicesChanged:
    """The kernel says that a device came, went or changed; or that it said more than was read."""

    detail: str


@frozen()
class HotplugUnavailable:
    """Devices that come or go are not announced any more."""

    reason: str


@frozen()
class HotplugAvailable:
    """They are announced, again or still."""


@frozen()
class ProbeAnswered:
    """A probe that was given up has ended after all: the next look has what it found."""

    name: str


@frozen()
class HardwareProbed:
    """The probes have run."""

    hardware: Hardware
    revision: str


@frozen()
class NodesSeen:
    """The devices `paths` were looked for; those in `missing` are not there.

    `signs`, of those on a bus (`usb 1-1.2`): what changes when a device gets other nodes.
    """

    paths: tuple[str, ...]
    missing: frozenset[str]
    signs: Mapping[str, str] = dataclasses.field(default_factory=dict)


@frozen()
class ReloadAsked:
    """The box's administrator wants the labels and the policy read again."""


@frozen()
class LabelsRead:
    """The labels that people gave this box."""

    labels: Mapping[str, str]


@frozen()
class LabelsFailed:
    """The labels could not be read."""

    reason: str


@frozen()
class LoadSampled:
    """What a heartbeat says. None where the box does not tell."""

    uptime_s: int
    cpu_percent: float | None = None
    load_1m: float | None = None
    memory_available_bytes: int | None = None
    storage_available_bytes: int | None = None
    temperature_c: float | None = None
    battery_percent: float | None = None
    on_battery: bool | None = None
    power_w: float | None = None
    filesystems_available_bytes: Mapping[str, int] | None = None
    broker_round_trip_ms: float | None = None


@frozen()
class RoundTripMeasured:
    """The round-trip time to a target; None, and why, where it could not be measured."""

    target: Target
    ms: float | None
    problem: str = ""


@frozen()
class ExecutorProgressed:
    """The executor says how far run `run` is."""

    run: int
    outcome: Outcome


@frozen()
class ExecutorDone:
    """Run `run` of the executor has ended as it should; `policy` is what it told of the box's.

    `runtime` is the one that it drives.
    `sealing_key` is the public key to which secrets for the box are sealed, where it has one;
    `keys` are those that it trusts to sign orders.
    """

    run: int
    outcome: Outcome
    policy: BoxPolicy | None = None
    sealing_key: bytes | None = None
    runtime: RuntimeInUse | None = None
    keys: KeyStanding | None = None


@frozen()
class ExecutorFailed:
    """Run `run` of the executor could not be started, broke off, or spoke nonsense."""

    run: int
    reason: str


@frozen()
class InstanceExited:
    """The main process of an instance has ended."""

    instance: str


@frozen()
class GrantArrived:
    """The hub's answer to a request for leases came, not yet verified: only the executor can."""

    data: bytes


@frozen()
class LeaseChallenged:
    """The executor made a challenge for the hub to answer; None, and why, where it did not."""

    challenge: bytes | None
    reason: str = ""


@frozen()
class GrantTaken:
    """The executor took a grant, or (`error`) refused it; `visit`: something may start only now."""

    error: str | None
    visit: bool = False


@frozen()
class EnrollmentRead:
    """What is kept of having joined a hub; None where the box has not, or (`problem`) why nothing.

    `is_another_machine`: nothing that tells this machine from others was so at the join.
    """

    enrollment: Enrollment | None
    problem: str | None = None
    is_another_machine: bool = False


@frozen()
class RenewalEnded:
    """The certificate was renewed, or (`error`) was not; `is_refused`: the hub said no."""

    error: str | None = None
    is_refused: bool = False


@frozen()
class JournalSaved:
    """What had to survive a power cut now does."""


@frozen()
class JournalFailed:
    """The journal could not be written."""

    reason: str


AgentEvent = (
    Started
    | Tick
    | StopAsked
    | Connected
    | Disconnected
    | OrderArrived
    | RequestArrived
    | TargetsArrived
    | TargetsJudged
    | KeysArrived
    | KeysJudged
    | PartCame
    | AnswerEnded
    | Acknowledged
    | DevicesChanged
    | HotplugUnavailable
    | HotplugAvailable
    | ProbeAnswered
    | HardwareProbed
    | NodesSeen
    | ReloadAsked
    | LabelsRead
    | LabelsFailed
    | LoadSampled
    | RoundTripMeasured
    | ExecutorProgressed
    | ExecutorDone
    | ExecutorFailed
    | InstanceExited
    | GrantArrived
    | LeaseChallenged
    | GrantTaken
    | EnrollmentRead
    | RenewalEnded
    | JournalSaved
    | JournalFailed
)
