"""What the core may ask the shell to do. Nothing else ever happens."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from skerry_wire.capability import Capability
from skerry_wire.frozen import frozen
from skerry_wire.messages import Event, Heartbeat, LeaseRequest, Presence, Reply, Report, Target
from skerry_wire.topics import NodeTopic


@frozen()
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


@frozen()
class Probe:
    """Read the hardware; answered with `HardwareProbed`, more than once when parts are slow.

    `labels` are those that people gave this box.
    """

    slow: bool = False
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)


@frozen()
class LookForNodes:
    """Look whether devices are there, without opening their nodes; answered with `NodesSeen`.

    A device node is named by its path, a device on a bus by its place, `usb 1-1.2`, and one of CDI
    by its name, `nvidia.com/gpu=0`.
    """

    paths: tuple[str, ...]


@frozen()
class ReadLabels:
    """Read the labels that people gave this box; answered with `LabelsRead` or `LabelsFailed`."""


@frozen()
class ReadEnrollment:
    """Read what is kept of having joined a hub; answered with `EnrollmentRead`.

    `again`: it may have changed, so the link goes on with what there is now.
    """

    again: bool = False


@frozen()
class RenewCertificate:
    """Have the hub issue a new certificate; answered with `RenewalEnded`."""


@frozen()
class SampleLoad:
    """Measure what a heartbeat says; answered with `LoadSampled`."""


@frozen()
class MeasureRoundTrip:
    """Measure the time to a target, the least of so many; answered with `RoundTripMeasured`."""

    target: Target
    attempts: int


@frozen()
class VerifyTargets:
    """Have the executor say whether targets are the hub's; answered with `TargetsJudged`."""

    data: bytes


@frozen()
class AskExecutor:
    """Have the executor answer a request, or (None) make a challenge for one.

    Answered with any number of `PartCame`, then `AnswerEnded`, each with the same `id`.
    """

    id: str
    envelope: bytes | None


@frozen()
class PassOn:
    """Let one more part of an answer come: the broker has taken one."""

    id: str


@frozen()
class HandInput:
    """Give the executor a piece of input, for a request that is under way."""

    id: str
    piece: bytes = dataclasses.field(repr=False)


@frozen()
class EndAsking:
    """End a request, if it is still under way."""

    id: str


@frozen()
class Converge:
    """Have the executor converge to an order, or (None) to the one it accepted last.

    Answered with `ExecutorProgressed` and one of `ExecutorDone` and `ExecutorFailed`, each with
    the same `run`. A newer run takes over from an older one.
    """

    run: int
    order: bytes | None


@frozen()
class AskChallenge:
    """Have the executor make a challenge for leases; answered with `LeaseChallenged`."""


@frozen()
class HandGrant:
    """Give the executor the hub's grant, as it came; answered with `GrantTaken`."""

    data: bytes


@frozen()
class HandKeys:
    """Give the executor changes of order keys, as they came; answered with `KeysJudged`."""

    data: bytes


@frozen()
class Save:
    """Make the order and the events that are not yet acknowledged survive a power cut.

    Answered with `JournalSaved` or `JournalFailed`.
    """

    order: bytes | None
    events: tuple[Event, ...]


@frozen()
class Log:
    """Tell the administrator, through the journal of the box."""

    level: str
    text: str
    generation: int | None = None


@frozen()
class Exit:
    """End the agent once what was published has gone out."""


Asking = AskExecutor | HandInput | PassOn | EndAsking
"""What is done about a request that the executor answers."""

ToExecutor = VerifyTargets | Asking | Converge | AskChallenge | HandGrant | HandKeys
"""What the executor is asked for."""

Effect = (
    Publish
    | Probe
    | LookForNodes
    | ReadLabels
    | ReadEnrollment
    | RenewCertificate
    | SampleLoad
    | MeasureRoundTrip
    | ToExecutor
    | Save
    | Log
    | Exit
)
