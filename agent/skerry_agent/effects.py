"""What the core may ask the shell to do. Nothing else ever happens."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from skerry_wire.capability import Capability
from skerry_wire.messages import Event, Heartbeat, LeaseRequest, Presence, Reply, Report, Target
from skerry_wire.topics import NodeTopic


@dataclasses.dataclass(frozen=True, slots=True)
class Publish:
    """Send a message on the node's own topic of that name.

    A `token` is answered with `Acknowledged` once the broker has taken the message.
    """

    topic: NodeTopic
    message: Presence | Capability | Heartbeat | Report | Event | Reply | LeaseRequest
    qos: int = 1
    retain: bool = False
    expiry_s: int | None = None
    token: str | None = None
    correlation: bytes | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Probe:
    """Read the hardware; answered with `HardwareProbed`, more than once when parts are slow.

    `labels` are those that people gave this box.
    """

    slow: bool = False
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class LookForNodes:
    """Look whether devices are there, without opening their nodes; answered with `NodesSeen`.

    A device node is named by its path, a device on a bus by its place, `usb 1-1.2`, and one of CDI
    by its name, `nvidia.com/gpu=0`.
    """

    paths: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class ReadLabels:
    """Read the labels that people gave this box; answered with `LabelsRead` or `LabelsFailed`."""


@dataclasses.dataclass(frozen=True, slots=True)
class SampleLoad:
    """Measure what a heartbeat says; answered with `LoadSampled`."""


@dataclasses.dataclass(frozen=True, slots=True)
class MeasureRoundTrip:
    """Measure the time to a target, the least of so many; answered with `RoundTripMeasured`."""

    target: Target
    attempts: int


@dataclasses.dataclass(frozen=True, slots=True)
class VerifyTargets:
    """Have the executor say whether targets are the hub's; answered with `TargetsJudged`."""

    data: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class AskExecutor:
    """Have the executor answer a request, or (None) make a challenge for one.

    Answered with any number of `PartCame`, then `AnswerEnded`, each with the same `id`.
    """

    id: str
    envelope: bytes | None


@dataclasses.dataclass(frozen=True, slots=True)
class PassOn:
    """Let one more part of an answer come: the broker has taken one."""

    id: str


@dataclasses.dataclass(frozen=True, slots=True)
class HandInput:
    """Give the executor a piece of input, for a request that is under way."""

    id: str
    piece: bytes = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class EndAsking:
    """End a request, if it is still under way."""

    id: str


@dataclasses.dataclass(frozen=True, slots=True)
class Converge:
    """Have the executor converge to an order, or (None) to the one it accepted last.

    Answered with `ExecutorProgressed` and one of `ExecutorDone` and `ExecutorFailed`, each with
    the same `run`. A newer run takes over from an older one.
    """

    run: int
    order: bytes | None


@dataclasses.dataclass(frozen=True, slots=True)
class AskChallenge:
    """Have the executor make a challenge for leases; answered with `LeaseChallenged`."""


@dataclasses.dataclass(frozen=True, slots=True)
class HandGrant:
    """Give the executor the hub's grant, as it came; answered with `GrantTaken`."""

    data: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Save:
    """Make the order and the events that are not yet acknowledged survive a power cut.

    Answered with `JournalSaved` or `JournalFailed`.
    """

    order: bytes | None
    events: tuple[Event, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Log:
    """Tell the administrator, through the journal of the box."""

    level: str
    text: str
    generation: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Exit:
    """End the agent once what was published has gone out."""


Asking = AskExecutor | HandInput | PassOn | EndAsking
"""What is done about a request that the executor answers."""

ToExecutor = VerifyTargets | Asking | Converge | AskChallenge | HandGrant
"""What the executor is asked for."""

Effect = (
    Publish
    | Probe
    | LookForNodes
    | ReadLabels
    | SampleLoad
    | MeasureRoundTrip
    | ToExecutor
    | Save
    | Log
    | Exit
)
